"""One tree from many Debian packages, with what their maintainer scripts would have done, done natively.

The data archives are merged in memory; links of the merged ``/usr`` (file-hierarchy(7)) come first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from crosscourse.errors import CrosscourseError
from crosscourse.formats.entries import Entry, check_link, check_mode, check_name

if TYPE_CHECKING:
    from debian.debfile import DebControl

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# Of documentation only the licences stay.
_LEFT_OUT = ("usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/lintian/", "usr/share/bug/")
_DOCS = "usr/share/doc/"
# What `update-alternatives` of the packages would have linked: name → what stands for it, best first.
_ALTERNATIVES = {
    "usr/bin/sh": ("usr/bin/dash",),
    "usr/bin/awk": ("usr/bin/gawk", "usr/bin/mawk"),
    "usr/bin/which": ("usr/bin/which.debianutils",),
    "usr/sbin/iptables": ("usr/sbin/iptables-nft",),
    "usr/sbin/iptables-save": ("usr/sbin/iptables-nft-save",),
    "usr/sbin/iptables-restore": ("usr/sbin/iptables-nft-restore",),
    "usr/sbin/ip6tables": ("usr/sbin/ip6tables-nft",),
    "usr/sbin/ip6tables-save": ("usr/sbin/ip6tables-nft-save",),
    "usr/sbin/ip6tables-restore": ("usr/sbin/ip6tables-nft-restore",),
}
# What maintainer scripts would have copied from a package's master: name → master.
_COPIES = {
    "etc/passwd": "usr/share/base-passwd/passwd.master",
    "etc/group": "usr/share/base-passwd/group.master",
    "etc/nsswitch.conf": "usr/share/libc-bin/nsswitch.conf",
}
# What a maintainer script would have written where a program is: name → the program, the text.
# git-lfs: what `git lfs install --skip-repo --system` writes, without which a clone has pointers in place of files.
_WRITTEN = {
    "etc/gitconfig": (
        "usr/bin/git-lfs",
        b"""[filter "lfs"]
\tclean = git-lfs clean -- %f
\tsmudge = git-lfs smudge -- %f
\tprocess = git-lfs filter-process
\trequired = true
""",
    ),
}
_CERTIFICATES = "usr/share/ca-certificates/"
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
# Where OpenSSL looks for the bundle unless it is told (`openssl version -d`): what is found there otherwise are links
# by the hashes of the certificates, which `openssl rehash` makes.
_OPENSSL_BUNDLE = "usr/lib/ssl/cert.pem"

# What is merged, in the form that images without dpkg have it in, and that scanners of images read: of each package the
# control file, and the list of its files (https://github.com/GoogleContainerTools/distroless, PACKAGE_METADATA.md).
RECORDS = "var/lib/dpkg/status.d/"
_LIST = "md5sums"
# https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")

# As many as the kernel follows (path_resolution(7)).
_MAX_LINKS = 40

Tree = dict[str, Entry]


class PackageError(CrosscourseError):
    """A file that is no Debian package, or a damaged one."""


def merge(packages: Iterable[Path]) -> Tree:
    """The files of ``packages`` by name, as they would be installed; a later package's file wins. What each package is,
    and which files are of it, is in the tree too (``RECORDS``).

    Raises PackageError for a file that is no Debian package.
    """
    from debian.debfile import DebFile

    tree: Tree = {}
    for path in packages:
        try:
            package = DebFile(filename=str(path))
            with contextlib.closing(package):
                _add(tree, package.data.tgz())
                tree.update({entry.name: entry for entry in _records(package.control)})
        except MemoryError:
            raise
        except Exception as error:
            # tarfile and python-debian answer damage with whatever comes up (KeyError, ValueError, RecursionError, …).
            found = f"can't be read as a Debian package: {str(error) or type(error).__name__}"
            raise PackageError(str(path), found, "Remove it; it is fetched again.") from None
    return settled(configured(tree))


def settled(tree: Mapping[str, Entry]) -> Tree:
    """The tree with each file where the links on the way to it lead, as when dpkg unpacks into a chroot: with a link
    ``var/run`` to ``/run``, what a package has in ``var/run`` is in ``run``.

    No link leads out of the tree: it begins at the top of it, or stays there. A folder gives way to what is at its
    place. Raises PackageError for links that lead to each other.
    """
    links = {name: entry.link for name, entry in tree.items() if entry.link is not None}
    done: Tree = {}
    moved: Tree = {}
    for name, entry in tree.items():
        place = _followed(name, links)
        (done if place == name else moved)[place] = dataclasses.replace(entry, name=place)
    for place, entry in moved.items():
        if not (entry.is_folder and place in done):
            done[place] = entry
    return done


def _followed(name: str, links: Mapping[str, str]) -> str:
    """The place of ``name`` when the links above it are followed; its last part is not."""
    done: list[str] = []
    rest = name.split("/")[::-1]
    followed = 0
    while rest:
        part = rest.pop()
        if part == "..":
            del done[-1:]
        elif part not in ("", "."):
            done.append(part)
            to = links.get("/".join(done)) if rest else None
            if to is not None:
                followed += 1
                if followed > _MAX_LINKS:
                    raise PackageError(name, "is below links that lead to each other", "Choose other packages.")
                done = [] if to.startswith("/") else done[:-1]
                rest += to.split("/")[::-1]
    return "/".join(done)


def configured(tree: Tree) -> Tree:
    """The tree with what the packages' scripts would have made: links, copies of masters, configuration, a bundle of
    certificates.
    """
    done = dict(tree)
    roots = {PurePosixPath(name).parts[1] for name in tree if name.startswith("usr/")}
    for name in MERGED:
        if name in roots:
            done.setdefault(name, Entry(name=name, link=f"usr/{name}"))
    for name, choices in _ALTERNATIVES.items():
        found = next((choice for choice in choices if choice in tree), None)
        if name not in done and found:
            done[name] = Entry(name=name, link=PurePosixPath(found).name)
    for name, master in _COPIES.items():
        if name not in done and master in tree:
            done[name] = Entry(name=name, source=tree[master].source)
    for name, (program, text) in _WRITTEN.items():
        if name not in done and program in tree:
            done[name] = Entry(name=name, source=text)
    certificates = [entry.source for name, entry in sorted(tree.items()) if _is_certificate(name)]
    if certificates:
        texts = [text.rstrip(b"\n") + b"\n" for text in certificates if isinstance(text, bytes)]
        done[_BUNDLE] = Entry(name=_BUNDLE, source=b"".join(texts))
        done.setdefault(_OPENSSL_BUNDLE, Entry(name=_OPENSSL_BUNDLE, link=f"/{_BUNDLE}"))
    return done


def _is_certificate(name: str) -> bool:
    return name.startswith(_CERTIFICATES) and name.endswith(".crt")


def _records(control: DebControl) -> Iterator[Entry]:
    """What a package says of itself. A package without files has no list of them."""
    name = control.debcontrol()["Package"]
    if not _NAME.fullmatch(name):
        raise PackageError(ascii(name), "is no name of a package", "")
    yield Entry(name=f"{RECORDS}{name}", source=control.get_content("control"))
    if control.has_file(_LIST):
        yield Entry(name=f"{RECORDS}{name}.{_LIST}", source=control.get_content(_LIST))


def _add(tree: Tree, data: tarfile.TarFile) -> None:
    for member in data:
        name = merged_path(member.name)
        if not name or left_out(name) or (member.isdir() and name in MERGED):
            continue
        owner = (member.uid, member.gid)
        check_name(name)
        check_mode(name, member.mode)
        if member.isdir():
            tree[name] = Entry(name=name, mode=member.mode, owner=owner)
        elif member.issym():
            check_link(name, member.linkname)
            tree[name] = Entry(name=name, link=member.linkname, owner=owner)
        elif member.islnk() and (other := tree.get(merged_path(member.linkname))):
            if other.is_folder:
                raise PackageError(name, "is a hard link to a folder", "")
            tree[name] = dataclasses.replace(other, name=name, mode=member.mode, owner=owner)
        elif member.isfile() or member.islnk():  # a hard link whose first name was left out
            stream = data.extractfile(member)
            if stream is None:
                raise PackageError(name, "is a hard link to what is no file", "")
            tree[name] = Entry(name=name, source=stream.read(), mode=member.mode, owner=owner)


def merged_path(name: str) -> str:
    """Where a member of a package is in a tree whose ``/bin``, ``/lib`` and the like are links into ``/usr``."""
    path = "/".join(part for part in name.split("/") if part not in ("", "."))
    return f"usr/{path}" if path.partition("/")[0] in MERGED and "/" in path else path


def left_out(name: str) -> bool:
    """Whether a file is not for machines: documentation but for licences, translations."""
    if name.startswith(_DOCS):
        return PurePosixPath(name).name != "copyright"
    return name.startswith(_LEFT_OUT)


def without(found: Tree, patterns: tuple[str, ...]) -> Tree:
    """A tree without what the patterns name, and what is below that. Of a pattern ``a|b`` either may name something:
    suites differ.

    Raises CrosscourseError for a pattern that names nothing: the package has changed, or it was never right.
    """
    done = dict(found)
    for pattern in patterns:
        ways = pattern.split("|")
        gone = [
            name for name in done if any(fnmatch.fnmatchcase(name, way) or name.startswith(f"{way}/") for way in ways)
        ]
        if not gone:
            raise CrosscourseError(pattern, "names nothing in the packages", "Take it out of `leave-out`.")
        for name in gone:
            del done[name]
    return done
