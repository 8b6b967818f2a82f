"""What of a checkout a Go program is made of: the folders of its package closure, as ``go list -deps`` tells it.

A package is every file in its folder that the tags and the target pick, so the folder counts, with whatever appears in
it. Which folder an import means is decided by go.mod, go.sum, vendor/modules.txt and by each go.mod above it. Packages
of the standard library and of the module cache are pinned by the toolchain and by go.sum. Sound: what brings in a
package, a file or a module is an edit of what counts already. Where that can't be told, everything counts; a module
outside the checkout (``replace => ../x``) is not seen even then.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from crosscourse import files
from crosscourse.engine.reads import ROOT, WHOLE, Reads, inside, through_links
from toolchains import go
from toolchains.c.dependencies import BINARY_ENDINGS, TEXT_ENDINGS, folders_in, included, included_by


class Run(Protocol):
    """Runs a program and returns what it printed, errors included."""

    def __call__(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str: ...


class Module(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A module as ``go list`` tells it (``go help list``)."""

    path: str = ""
    version: str = ""
    dir: str = ""
    main: bool = False
    replace: Module | None = None

    @property
    def cached(self) -> bool:
        """Whether it comes by version, from the module cache or as a vendored copy of that."""
        return not self.main and bool((self.replace or self).version)


class Package(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A package as ``go list`` tells it (``go help list``)."""

    dir: str = ""
    import_path: str = ""
    standard: bool = False
    incomplete: bool = False
    error: dict[str, object] | None = None
    module: Module | None = None
    embed_patterns: list[str] = []
    cgo_files: list[str] = []
    c_files: list[str] = []
    cxx_files: list[str] = msgspec.field(default_factory=list, name="CXXFiles")
    m_files: list[str] = []
    f_files: list[str] = []
    h_files: list[str] = []
    s_files: list[str] = []
    swig_files: list[str] = []
    swig_cxx_files: list[str] = msgspec.field(default_factory=list, name="SwigCXXFiles")
    cgo_cflags: list[str] = msgspec.field(default_factory=list, name="CgoCFLAGS")
    cgo_cppflags: list[str] = msgspec.field(default_factory=list, name="CgoCPPFLAGS")
    cgo_cxxflags: list[str] = msgspec.field(default_factory=list, name="CgoCXXFLAGS")
    cgo_ldflags: list[str] = msgspec.field(default_factory=list, name="CgoLDFLAGS")


FIELDS = tuple(found.encode_name for found in msgspec.structs.fields(Package))

# Flags by which the go command reads other files than those that it lists, or in another place.
_ELSEWHERE = re.compile(r"--?(?:overlay|modfile|toolexec|asmflags|pkgdir|C|pgo(?!=(?:auto|off)$))(?:=.*)?$")
_META = re.compile(r"[*?\[\\]")
# `replace old [version] => ./folder`, in a block or not (https://go.dev/ref/mod#go-mod-file-replace).
_REPLACE = re.compile(
    r"^[ \t]*(?:replace[ \t]+)?[\"`]?([^\s\"`]+)[^\n=/]*?(?:[ \t]v\S+)?[ \t]*=>[ \t]*[\"`]?(\.\.?(?:/[^\s\"`]*)?)", re.M
)


@dataclass(frozen=True, kw_only=True)
class Closure:
    """What of a checkout a Go program is made of.

    ``unseen``: a digest of what its C code may include and Go's build cache does not look into, which is all but the
    files of a package's own folder; empty where there is no such thing. ``uncached``: whether assembler does so too.
    ``standard``: the import paths of its packages of the standard library.
    """

    reads: Reads
    unseen: str = ""
    uncached: bool = False
    standard: tuple[str, ...] = ()


def closure(
    run: Run, *, package: str, flags: Sequence[str], env: Mapping[str, str], folder: Path, checkout: Path
) -> Closure:
    """What of ``checkout`` the Go program ``package`` is made of.

    ``flags`` (tags among them), ``env`` and ``folder``, in which ``go`` runs: those of the build.
    Raises what ``run`` raises if go can't list anything.
    """
    work = env.get("GOWORK", "")
    if any(map(_ELSEWHERE.match, [*flags, *env.get("GOFLAGS", "").split()])) or (work != "off" and _workspace(folder)):
        return Closure(reads=WHOLE, unseen=_unseen(checkout, WHOLE))
    # -e: what is wrong with a package is told in its place.
    said = run([*go.listing("-e", f"-json={','.join(FIELDS)}", *flags), package], env=env, cwd=folder)
    packages = parse(said)
    found = reads(packages, folder=folder, checkout=checkout) if packages else WHOLE
    clear = found != WHOLE and not any(_includes_unseen(checkout, package) for package in packages)
    uncached = any(_assembles_elsewhere(Path(one.dir), one) for one in packages if inside(checkout, one.dir))
    standard = tuple(one.import_path for one in packages if one.standard and not one.import_path.startswith("vendor/"))
    return Closure(
        reads=found, unseen="" if clear else _unseen(checkout, found), uncached=uncached, standard=standard
    )


def _workspace(folder: Path) -> bool:
    return any((place / "go.work").exists() for place in (folder.absolute(), *folder.absolute().parents))


def parse(text: str) -> list[Package]:
    """The packages that ``go list -json`` printed, whatever else was printed between them; none if they can't be told.

    Each is an object whose braces stand alone in their lines.
    """
    try:
        return [
            msgspec.json.decode(found, type=Package)
            for found in re.findall(r"^\{\n.*?^\}$", text, re.MULTILINE | re.DOTALL)
        ]
    except (msgspec.DecodeError, msgspec.ValidationError):
        return []


def reads(packages: Iterable[Package], *, folder: Path, checkout: Path) -> Reads:
    """What of ``checkout`` these packages are made of. ``folder``: where ``go`` ran.

    Everything, if a package has an error or lies outside without a version.
    """
    listed = [package for package in packages if not package.standard]
    start = inside(checkout, folder)
    if start is None or any(package.error or package.incomplete or not package.dir for package in listed):
        return WHOLE
    found = _Found(checkout=checkout)
    found.add_start(start)
    local = {}
    for package in listed:
        place = inside(checkout, package.dir)
        if place is not None:
            local[place] = package
            found.add_module(package.module)
        elif package.module is None or not package.module.cached:
            return WHOLE
    for place, package in local.items():
        found.add_package(place, package)
    found.add_rivals([package.import_path.partition(" ")[0] for package in listed])
    endings = _c_endings(checkout, local)
    if endings is None:
        return WHOLE
    return through_links(
        checkout, Reads.of(files=found.files, folders=found.folders, trees=found.trees, suffixes=endings)
    )


@dataclass(kw_only=True)
class _Found:
    """What counts, as it is found. ``modules``: the folder of each module in the checkout, by its path."""

    checkout: Path
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    trees: set[str] = field(default_factory=set)
    modules: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def add_start(self, start: str) -> None:
        """The folder in which go runs: it looks there and above for what it works in."""
        for place in _upwards(start):
            self.files.update(_join(place, name) for name in ("go.mod", "go.work", "go.work.sum"))
        root = next((place for place in _upwards(start) if (self.checkout / place / "go.mod").is_file()), start)
        self.add_root(root)

    def add_module(self, module: Module | None) -> None:
        """A package's module, if its own folder is in the checkout."""
        if module is None or module.cached:
            return
        place = inside(self.checkout, (module.replace or module).dir or self.checkout.parent)
        if place is not None:
            self.modules[module.path] = place
            self.add_root(place)

    def add_root(self, root: str) -> None:
        """A module's folder: what says which module an import is of, here and in the modules that it replaces."""
        if root in self.known:
            return
        self.known.add(root)
        self.files.update(_join(root, name) for name in ("go.mod", "go.sum", "vendor/modules.txt"))
        self.folders.add(_join(root, "vendor"))  # that it appears changes where packages come from
        try:
            text = (self.checkout / root / "go.mod").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for path, target in _REPLACE.findall(re.sub(r"//.*", "", text)):
            place = inside(self.checkout, self.checkout / root / target)
            if place is not None:
                self.modules.setdefault(path, place)
                self.add_root(place)

    def add_package(self, place: str, package: Package) -> None:
        """A package's folder, each go.mod above it (which would make it another module's), and what it embeds."""
        self.folders.add(place)
        if "vendor" not in place.split("/"):
            self.files.update(_join(above, "go.mod") for above in _upwards(place))
        for pattern in package.embed_patterns:
            self._embed(place, pattern.removeprefix("all:"))

    def _embed(self, place: str, pattern: str) -> None:
        """A file, the tree of a folder, or of the folder up to which a pattern has no meta character."""
        meta = _META.search(pattern)
        path = posixpath.normpath(_join(place, posixpath.dirname(pattern[: meta.start()]) if meta else pattern))
        for above in _upwards(path):
            if above == place:
                break
            self.files.add(_join(above, "go.mod"))  # what is below is another module's, and not embedded
        if (self.checkout / path).is_dir():
            self.trees.add(path)
        else:
            self.files.add(path)

    def add_rivals(self, import_paths: Sequence[str]) -> None:
        """The folders of the modules here that an import could mean too: go refuses what is in two places."""
        for path, root in self.modules.items():
            rivals = (found[len(path) + 1 :] for found in import_paths if found.startswith(f"{path}/"))
            self.folders.update(_join(root, rival) for rival in rivals)
            self.trees.add(_join(root, f"vendor/{path}"))


def _c_endings(checkout: Path, local: Mapping[str, Package]) -> set[str] | None:
    """Endings of all files that a C compiler could read for these packages; none without C, None if it can't be told.

    What C includes is not in Go's list, and where it is looked for is not bounded: so files of C's endings count
    wherever they lie, and of those that any of them includes.
    """
    cgo = [(place, package) for place, package in local.items() if _has_c(package)]
    if any(package.f_files or package.swig_files or package.swig_cxx_files for package in local.values()):
        return None
    if not cgo and not any(_assembles_elsewhere(checkout / place, package) for place, package in local.items()):
        return set()
    pending = []
    for place, package in cgo:
        flags = [*package.cgo_cflags, *package.cgo_cppflags, *package.cgo_cxxflags, *package.cgo_ldflags]
        if folders_in(flags) is None:
            return None
        pending += [included(_preamble(checkout / place / name), comments=True) for name in package.cgo_files]
    endings, known = {*TEXT_ENDINGS, *BINARY_ENDINGS}, set(BINARY_ENDINGS)
    paths = [Path(base, name) for base, name in _walk(checkout)]
    while True:
        fresh = tuple(endings - known)
        pending += [included_by(path) for path in paths if path.name.endswith(fresh)]
        known |= endings
        for found in pending:
            more = {posixpath.splitext(name)[1] for name in found.names}
            if found.unclear or "" in more:
                return None
            endings |= more
        if endings == known:
            return endings
        pending = []


def _has_c(package: Package) -> bool:
    return bool(package.cgo_files or package.c_files or package.cxx_files or package.m_files)


def _assembles_elsewhere(folder: Path, package: Package) -> bool:
    """Whether a package's assembler reads what is not in its folder, nor the toolchain's (``textflag.h``)."""
    if not package.s_files:
        return False
    found = [included_by(folder / name) for name in (*package.s_files, *package.h_files)]
    return any(one.unclear or any("/" in name for name in one.names) for one in found)


def _includes_unseen(checkout: Path, package: Package) -> bool:
    """Whether C code of a package may include a file of the checkout that Go does not list for the package."""
    place = inside(checkout, package.dir) if _has_c(package) and not package.standard else None
    if place is None:
        return False
    flags = [*package.cgo_cflags, *package.cgo_cppflags, *package.cgo_cxxflags]
    if any(inside(checkout, folder) is not None for folder in folders_in(flags) or ()):
        return True
    folder = checkout / place
    listed = {*package.c_files, *package.cxx_files, *package.m_files, *package.h_files, *package.s_files}
    found = [included(_preamble(folder / name), comments=True) for name in package.cgo_files]
    found += [included_by(folder / name) for name in listed]
    return any((folder / name).exists() for one in found for name in one.names - listed)


def _unseen(checkout: Path, reads: Reads) -> str:
    """The digest of the files of a checkout that C code may include."""
    paths = [Path(base, name) for base, name in _walk(checkout)]
    wanted = sorted(path for path in paths if reads == WHOLE or path.name.endswith(reads.suffixes))
    return files.digest_text(
        "".join(f"{path.relative_to(checkout)} {files.digest(path)}\n" for path in wanted if path.is_file())
    )


def _preamble(path: Path) -> str:
    """What of a Go file is C: in comments above ``import "C"``."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return text[: text.rfind('"C"')] if '"C"' in text else text


def _walk(checkout: Path) -> Iterator[tuple[str, str]]:
    for base, folders, names in os.walk(checkout):
        if ".git" in folders:
            folders.remove(".git")
        yield from ((base, name) for name in names)


def _upwards(path: str) -> Iterator[str]:
    """A folder and those above it, up to the checkout's root."""
    while path != ROOT:
        yield path
        path = posixpath.dirname(path) or ROOT
    yield ROOT


def _join(folder: str, name: str) -> str:
    return name if folder == ROOT else f"{folder}/{name}"
