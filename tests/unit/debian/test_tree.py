"""One tree from Debian packages: real ones of a few files, packed as dpkg-deb does."""

from __future__ import annotations

import configparser
import io
import os
import random
import tarfile
from pathlib import Path

import pytest

from crosscourse.debian.tree import RECORDS, PackageError, Tree, configured, left_out, merge, merged_path
from crosscourse.formats.entries import Entry, with_parents
from crosscourse.formats.folder import write_folder

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", **fields: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def folder(name: str, mode: int = 0o755) -> Member:
    return member(name, type=tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    return member(name, type=kind, linkname=target)


def packed(members: tuple[Member, ...], mode: str) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode=mode) as archive:  # type: ignore[call-overload]  # a mode by its name
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return output.getvalue()


CONTROL = b"Package: x\nVersion: 1\n"


def deb(
    path: Path, *members: Member, kind: str = "xz", control_file: bytes = CONTROL, more: tuple[Member, ...] = ()
) -> Path:
    """A Debian package: an archive of ar with the format's version, the control files and the data (deb(5)).

    ``more``: control files beside the one of that name.
    """
    control = packed((member("./control", control_file), *more), "w:gz")
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": control,
        f"data.tar.{kind}": packed(members, f"w:{kind}"),
    }
    content = b"!<arch>\n"
    for name, part in parts.items():
        content += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(part):<10}`\n".encode() + part + b"\n" * (len(part) % 2)
        )
    path.write_bytes(content)
    return path


def merged(tmp_path: Path, *members: Member) -> Tree:
    """The tree of one package, without what is noted of the package itself."""
    tree = merge([deb(tmp_path / "x.deb", folder("./"), *members)])
    return {name: entry for name, entry in tree.items() if not name.startswith(RECORDS)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./", ""),
        (".", ""),
        ("./etc/passwd", "etc/passwd"),
        ("etc/passwd", "etc/passwd"),
        ("./bin/sh", "usr/bin/sh"),
        ("./lib/modules/6.1/x.ko", "usr/lib/modules/6.1/x.ko"),
        ("./sbin/init", "usr/sbin/init"),
        ("./lib64/ld.so", "usr/lib64/ld.so"),
        ("./bin", "bin"),
        ("./usr/bin/x", "usr/bin/x"),
        ("./binary/x", "binary/x"),
        ("./opt/bin/x", "opt/bin/x"),
        ("./.hidden/x", ".hidden/x"),
        (".hidden", ".hidden"),
        ("/etc/x", "etc/x"),
    ],
)
def test_place(name: str, expected: str) -> None:
    assert merged_path(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("usr/share/doc/x/copyright", False),
        ("usr/share/doc/x/changelog.gz", True),
        ("usr/share/doc/x", True),
        ("usr/share/man/man1/x.1.gz", True),
        ("usr/share/locale/de/x.mo", True),
        ("usr/share/info/x.gz", True),
        ("usr/share/lintian/overrides/x", True),
        ("usr/share/common-licenses/GPL-3", False),
        ("usr/share/docs-of-mine/x", False),
        ("usr/share/perl5/x.pm", False),
        ("etc/x", False),
    ],
)
def test_left_out(name: str, expected: bool) -> None:
    assert left_out(name) is expected


@pytest.mark.parametrize("kind", ["gz", "xz"])
def test_every_kind_of_member(tmp_path: Path, kind: str) -> None:
    package = deb(
        tmp_path / "x.deb",
        folder("./"),
        folder("./var/spool", mode=0o1777),
        member("./usr/bin/perl", b"#!", mode=0o755),
        link("./usr/bin/perl5.36", "./usr/bin/perl", tarfile.LNKTYPE),
        link("./usr/bin/p", "perl"),
        member("./var/mail/x", b"m", mode=0o640, uid=8, gid=12),
        member("./dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("./run/pipe", type=tarfile.FIFOTYPE),
        kind=kind,
    )
    tree = merge([package])
    assert tree["var/spool"] == Entry(name="var/spool", mode=0o1777)
    assert tree["usr/bin/perl"] == Entry(name="usr/bin/perl", source=b"#!", mode=0o755)
    assert tree["usr/bin/perl5.36"].source == b"#!"
    assert (tree["usr/bin/p"].link, tree["usr/bin/p"].source) == ("perl", None)
    assert (tree["var/mail/x"].mode, tree["var/mail/x"].owner) == (0o640, (8, 12))
    assert not {"dev/null", "run/pipe", ""} & set(tree)


def test_what_was_in_bin_is_in_usr_and_found_through_links(tmp_path: Path) -> None:
    tree = merged(
        tmp_path,
        folder("./bin"),
        member("./bin/busybox", b"b", mode=0o755),
        link("./bin/busy", "/bin/busybox", tarfile.LNKTYPE),
        folder("./lib"),
        folder("./lib/modules", mode=0o700),
    )
    assert tree["usr/bin/busybox"].source == b"b"
    assert tree["usr/bin/busy"].source == b"b"
    assert tree["usr/lib/modules"].mode == 0o700
    assert {name: tree[name].link for name in ("bin", "lib")} == {"bin": "usr/bin", "lib": "usr/lib"}
    assert not {"sbin", "lib64", "bin/busybox", "lib/modules"} & set(tree)


def test_a_link_that_a_package_brings_stays(tmp_path: Path) -> None:
    tree = merged(tmp_path, link("./lib", "usr/lib"), link("./lib64", "/usr/lib64"), member("./usr/lib64/ld.so", b""))
    assert tree["lib"].link == "usr/lib"
    assert tree["lib64"].link == "/usr/lib64"


def test_documentation_is_left_out_but_licences_are_kept(tmp_path: Path) -> None:
    tree = merged(
        tmp_path,
        folder("./usr/share/doc"),
        folder("./usr/share/doc/x"),
        member("./usr/share/doc/x/copyright", b"GPL"),
        member("./usr/share/doc/x/NEWS", b"new"),
        link("./usr/share/doc/libx", "x"),
        member("./usr/share/man/man1/x.1", b"x"),
        link("./usr/share/man/man1/y.1", "./usr/share/man/man1/x.1", tarfile.LNKTYPE),
    )
    assert [name for name, entry in tree.items() if entry.source is not None] == ["usr/share/doc/x/copyright"]
    assert not any(name.startswith("usr/share/man/") for name in tree)


def test_a_later_package_wins_and_links_point_into_their_own(tmp_path: Path) -> None:
    one = deb(tmp_path / "1.deb", member("./etc/x", b"one"), link("./etc/same", "./etc/x", tarfile.LNKTYPE))
    two = deb(tmp_path / "2.deb", member("./etc/x", b"two"))
    tree = merge([one, two])
    assert (tree["etc/x"].source, tree["etc/same"].source) == (b"two", b"one")
    assert merge([two, one])["etc/x"].source == b"one"


def test_the_tree_says_which_packages_it_is_of(tmp_path: Path) -> None:
    lists = member("./md5sums", b"0" * 32 + b"  bin/x\n")
    control = b"Package: libx-2.0+b\nVersion: 1:2-3\nDescription: x\n and y\n"
    one = deb(tmp_path / "1.deb", member("./bin/x", b"x"), control_file=control, more=(lists,))
    empty = deb(tmp_path / "2.deb", folder("./"))
    records = {name: entry for name, entry in merge([one, empty]).items() if name.startswith("var/lib/dpkg")}
    assert {name: entry.source for name, entry in records.items()} == {
        "var/lib/dpkg/status.d/libx-2.0+b": control,
        "var/lib/dpkg/status.d/libx-2.0+b.md5sums": b"0" * 32 + b"  bin/x\n",
        "var/lib/dpkg/status.d/x": CONTROL,
    }
    assert {entry.mode for entry in records.values()} == {0o644}


@pytest.mark.parametrize("name", ["../x", "x/y", "X", "", "-x", "x\x7fy"])
def test_a_package_of_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageError):
        merge([deb(tmp_path / "x.deb", control_file=f"Package: {name}\nVersion: 1\n".encode())])


def files(**contents: bytes) -> Tree:
    return {name: Entry(name=name, source=content, mode=0o755) for name, content in contents.items()}


@pytest.mark.parametrize(
    ("names", "alternative", "expected"),
    [
        (["usr/bin/mawk"], "usr/bin/awk", "mawk"),
        (["usr/bin/mawk", "usr/bin/gawk"], "usr/bin/awk", "gawk"),
        (["usr/bin/dash"], "usr/bin/sh", "dash"),
        (["usr/bin/which.debianutils"], "usr/bin/which", "which.debianutils"),
        (["usr/sbin/iptables-nft"], "usr/sbin/iptables", "iptables-nft"),
        (["usr/sbin/ip6tables-nft-restore"], "usr/sbin/ip6tables-restore", "ip6tables-nft-restore"),
        (["usr/bin/mawk", "usr/bin/awk"], "usr/bin/awk", None),
    ],
)
def test_alternatives(names: list[str], alternative: str, expected: str | None) -> None:
    assert configured(files(**dict.fromkeys(names, b"")))[alternative].link == expected


def test_no_alternative_without_a_program() -> None:
    assert set(configured(files(**{"usr/bin/true": b""}))) == {"usr/bin/true", "bin"}


def test_masters_are_copied_unless_the_file_is_there() -> None:
    tree = configured(
        files(
            **{
                "usr/share/base-passwd/passwd.master": b"root:x:0:0",
                "usr/share/base-passwd/group.master": b"root:x:0:",
                "etc/group": b"mine",
            }
        )
    )
    assert (tree["etc/passwd"].source, tree["etc/passwd"].mode) == (b"root:x:0:0", 0o644)
    assert tree["etc/group"].source == b"mine"
    assert "etc/nsswitch.conf" not in tree


def test_certificates_in_one_file_in_a_fixed_order() -> None:
    top = "usr/share/ca-certificates/mozilla"
    tree = files(**{f"{top}/b.crt": b"B\n", f"{top}/a.crt": b"A\n", f"{top}/README": b"no", "etc/c.crt": b"C\n"})
    assert configured(tree)["etc/ssl/certs/ca-certificates.crt"].source == b"A\nB\n"
    assert "etc/ssl/certs/ca-certificates.crt" not in configured(files(**{"etc/c.crt": b"C\n"}))


def test_openssl_finds_the_certificates_where_it_looks() -> None:
    certificate = "usr/share/ca-certificates/mozilla/a.crt"
    assert configured(files(**{certificate: b"A"}))["usr/lib/ssl/cert.pem"].link == "/etc/ssl/certs/ca-certificates.crt"
    assert configured(files(**{certificate: b"A", "usr/lib/ssl/cert.pem": b"B"}))["usr/lib/ssl/cert.pem"].source == b"B"
    assert "usr/lib/ssl/cert.pem" not in configured(files(**{"usr/bin/openssl": b""}))


def test_git_is_told_of_lfs_where_it_is_there() -> None:
    text = configured(files(**{"usr/bin/git-lfs": b""}))["etc/gitconfig"].source
    assert isinstance(text, bytes)
    filters = configparser.ConfigParser(interpolation=None)
    filters.read_string(text.decode())
    assert dict(filters['filter "lfs"']) == {
        "clean": "git-lfs clean -- %f",
        "smudge": "git-lfs smudge -- %f",
        "process": "git-lfs filter-process",
        "required": "true",
    }
    assert configured(files(**{"usr/bin/git-lfs": b"", "etc/gitconfig": b"mine"}))["etc/gitconfig"].source == b"mine"
    assert "etc/gitconfig" not in configured(files(**{"usr/bin/git": b""}))


def test_settling_leaves_its_argument_alone() -> None:
    tree = files(**{"usr/bin/dash": b""})
    configured(tree)
    assert set(tree) == {"usr/bin/dash"}


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="No such file"):
        merge([tmp_path / "none.deb"])


@pytest.mark.parametrize("content", [b"", b"no package", b"!<arch>\n"])
def test_what_is_no_package_is_an_error_as_documented(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.deb").write_bytes(content)
    with pytest.raises(PackageError, match="Debian package"):
        merge([tmp_path / "x.deb"])


def test_a_hard_link_to_what_is_left_out_is_no_error(tmp_path: Path) -> None:
    tree = merged(
        tmp_path,
        member("./usr/share/doc/x/README", b"text"),
        link("./usr/lib/x/README", "./usr/share/doc/x/README", tarfile.LNKTYPE),
    )
    assert tree["usr/lib/x/README"].source == b"text"


@pytest.mark.parametrize("to", ["/run", "../run", "/var/../run", "../../../../run", "/../../run"])
def test_what_is_below_a_link_is_where_the_link_leads_inside_the_tree(tmp_path: Path, to: str) -> None:
    tree = merged(
        tmp_path,
        folder("./var"),
        link("./var/run", to),
        folder("./var/run/x"),
        member("./var/run/x/file", b"f"),
        link("./var/run/l", "x"),
    )
    assert set(tree) == {"var", "var/run", "run/x", "run/x/file", "run/l"}
    assert all(name == entry.name for name, entry in tree.items())
    assert with_parents(tree.values())


def test_a_link_out_of_the_tree_takes_nothing_with_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = merged(
        tmp_path, link("./a", str(outside)), link("./b", "../.."), member("./a/x", b"x"), member("./b/y", b"y")
    )
    assert set(tree) == {"a", "b", f"{outside}/x"[1:], "y"}
    write_folder(tmp_path / "top", tree.values())
    assert (list(outside.iterdir()), (tmp_path / "top" / "y").read_bytes()) == ([], b"y")


def test_a_folder_gives_way_to_what_is_where_a_link_leads(tmp_path: Path) -> None:
    tree = merged(
        tmp_path, link("./a", "b"), folder("./a/c", mode=0o700), folder("./b/c", mode=0o750), member("./a/c/x", b"x")
    )
    assert (tree["b/c"].mode, tree["b/c/x"].source) == (0o750, b"x")


@pytest.mark.parametrize(
    "members",
    [
        (member("../../x", b""),),
        (member("./a/../../x", b""),),
        (member("./x\ny", b""),),
        (link("./a", "b"), link("./b", "a"), member("./a/x", b"")),
        (link("./x", ""),),
        (member("./a", b""), link("./b", "./nowhere", tarfile.LNKTYPE)),
        (link("./b", "./b", tarfile.LNKTYPE),),
        (folder("./a"), link("./b", "./a", tarfile.LNKTYPE)),
    ],
    ids=range(8),
)
def test_hostile_members_are_refused(tmp_path: Path, members: tuple[Member, ...]) -> None:
    with pytest.raises(PackageError):
        merged(tmp_path, *members)


def test_a_hard_link_to_a_link_is_one(tmp_path: Path) -> None:
    tree = merged(tmp_path, link("./a", "x"), link("./b", "./a", tarfile.LNKTYPE))
    assert (tree["b"].link, tree["b"].name) == ("x", "b")


SEED = int(os.environ.get("SEED") or 9)


def test_damaged_packages_are_told(tmp_path: Path) -> None:
    """Whatever is damaged in one; another seed is in the environment variable SEED."""
    chance = random.Random(SEED)  # noqa: S311  # to be repeated
    good = deb(tmp_path / "x.deb", member("./etc/x", b"x" * 2000), link("./y", "etc/x"), kind="gz").read_bytes()
    for number in range(200):
        damaged = bytearray(good)
        for _ in range(chance.choice((1, 2, 8))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        (tmp_path / "x.deb").write_bytes(damaged)
        try:
            merge([tmp_path / "x.deb"])
        except PackageError:
            pass
        except Exception as error:
            pytest.fail(f"seed {SEED}, number {number}: {error!r}")
