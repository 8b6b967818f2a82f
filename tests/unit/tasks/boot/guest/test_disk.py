"""Disks and initial file systems, read back: a cpio by a small reader, ext4 by debugfs."""

from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from crosscourse.engine.places import Places
from crosscourse.formats.entries import Entry, PlaceError
from crosscourse.formats.folder import write_folder
from crosscourse.run.process import CommandError
from tasks.boot.guest.disk import MIB, environment, make_ext4, size_of, write_card, write_cpio
from tasks.boot.host.prerequisites import SYSTEM
from tests.unit.places import make_places

ENTRIES = [
    Entry(name="init", source=b"#!/bin/sh\n", mode=0o755),
    Entry(name="usr/bin/su", source=b"su", mode=0o4755),
    Entry(name="etc/shadow", source=b"x", mode=0o200),
    Entry(name="bin", link="usr/bin"),
    Entry(name="gone", link="/no/such"),
    Entry(name="var", mode=0o1777),
    Entry(name="empty", source=b""),
]


def needs(program: str) -> str:
    """A program that these tests run for real."""
    found = shutil.which(program, path=":".join([os.environ["PATH"], *SYSTEM]))
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not there")
    if found is None:
        pytest.skip(f"{program} is not there")
    return found


@pytest.fixture
def at(tmp_path: Path) -> Places:
    return make_places(tmp_path)


@dataclass(frozen=True, kw_only=True)
class Member:
    inode: int
    mode: int
    owner: tuple[int, int]
    content: bytes


def read_cpio(content: bytes) -> dict[str, Member]:
    """The members of a newc archive, which ends with its trailer."""
    found: dict[str, Member] = {}
    at = 0
    while True:
        assert at % 4 == 0
        assert content[at : at + 6] == b"070701"
        fields = [int(content[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        size, name_size = fields[6], fields[11]
        name = content[at + 110 : at + 110 + name_size]
        assert name.endswith(b"\0")
        start = at + -(-(110 + name_size) // 4) * 4
        if name == b"TRAILER!!!\0":
            assert start == len(content)
            return found
        text = name[:-1].decode()
        assert text not in found
        owner = (fields[2], fields[3])
        found[text] = Member(inode=fields[0], mode=fields[1], owner=owner, content=content[start : start + size])
        at = start + -(-size // 4) * 4


def test_cpio(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"from a file")
    write_cpio(tmp_path / "x.cpio", [*ENTRIES, Entry(name="usr/lib/x", source=source)])
    found = read_cpio((tmp_path / "x.cpio").read_bytes())
    assert {name: (oct(member.mode), member.content) for name, member in found.items()} == {
        "bin": ("0o120644", b"usr/bin"),
        "empty": ("0o100644", b""),
        "etc": ("0o40755", b""),
        "etc/shadow": ("0o100200", b"x"),
        "gone": ("0o120644", b"/no/such"),
        "init": ("0o100755", b"#!/bin/sh\n"),
        "var": ("0o41777", b""),
        "usr": ("0o40755", b""),
        "usr/bin": ("0o40755", b""),
        "usr/bin/su": ("0o104755", b"su"),
        "usr/lib": ("0o40755", b""),
        "usr/lib/x": ("0o100644", b"from a file"),
    }
    names = list(found)
    assert names.index("usr") < names.index("usr/bin") < names.index("usr/bin/su")
    assert {member.owner for member in found.values()} == {(0, 0)}
    assert len({member.inode for member in found.values()}) == len(found)


@pytest.mark.parametrize("length", range(4))
def test_cpio_is_padded_whatever_the_lengths(tmp_path: Path, length: int) -> None:
    entries = [Entry(name="n" * (length + 1), source=b"c" * length), Entry(name="z", source=b"last")]
    write_cpio(tmp_path / "x.cpio", entries)
    found = read_cpio((tmp_path / "x.cpio").read_bytes())
    assert [member.content for member in found.values()] == [b"c" * length, b"last"]


def test_cpio_of_nothing(tmp_path: Path) -> None:
    write_cpio(tmp_path / "x.cpio", [])
    assert read_cpio((tmp_path / "x.cpio").read_bytes()) == {}


def test_an_unfinished_cpio_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_cpio(tmp_path / "x.cpio", [Entry(name="x", source=tmp_path / "none")])
    assert list(tmp_path.iterdir()) == []


def test_folder(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"from a file")
    top = tmp_path / "top"
    top.mkdir()
    entries = [Entry(name="locked", mode=0o000), Entry(name="locked/x", source=source, mode=0o644)]
    before = os.umask(0o077)
    try:
        write_folder(top, [*ENTRIES, *entries])
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(top)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in top.rglob("*")
        if not path.is_symlink()
    }
    assert modes == {
        "empty": "0o644",
        "etc": "0o755",
        "etc/shadow": "0o600",  # it is read again
        "init": "0o755",
        "locked": "0o700",
        "locked/x": "0o644",
        "var": "0o1777",
        "usr": "0o755",
        "usr/bin": "0o755",
        "usr/bin/su": "0o4755",
    }
    assert (top / "bin").readlink() == Path("usr/bin")
    assert (top / "gone").readlink() == Path("/no/such")
    assert (top / "locked/x").read_bytes() == b"from a file"
    assert (top / "init").read_bytes() == b"#!/bin/sh\n"


def debugfs(image: Path, request: str) -> str:
    command = [needs("debugfs"), "-R", request, str(image)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def owners(image: Path, *names: str) -> set[tuple[str, str]]:
    found = set()
    for name in names:
        match = re.search(r"User:\s*(\d+)\s+Group:\s*(\d+)", debugfs(image, f'stat "{name}"'))
        assert match, name
        found.add((match[1], match[2]))
    return found


def test_ext4_holds_the_folder(tmp_path: Path, at: Places) -> None:
    needs("mke2fs")
    top = tmp_path / "top"
    top.mkdir()
    write_folder(top, ENTRIES)
    image = tmp_path / "out" / "root.ext4"
    make_ext4(image, size=4 * MIB, label="root", at=at, folder=top)
    assert image.stat().st_size == 4 * MIB
    assert list(image.parent.iterdir()) == [image]
    stats = debugfs(image, "stats -h")
    assert re.search(r"Filesystem volume name:\s+root\n", stats)
    features = re.search(r"Filesystem features:(.*)", stats)
    assert features
    assert "extent" in features[1].split()
    assert "has_journal" not in features[1].split()
    assert debugfs(image, "cat /init") == "#!/bin/sh\n"
    for name, kind, mode in (
        ("/init", "regular", "0755"),
        ("/usr/bin/su", "regular", "04755"),
        ("/var", "directory", "01777"),
    ):
        assert re.search(rf"Type: {kind}\s+Mode:\s+{mode} ", debugfs(image, f"stat {name}")), name
    assert 'Fast link dest: "usr/bin"' in debugfs(image, "stat /bin")
    assert 'Fast link dest: "/no/such"' in debugfs(image, "stat /gone")
    assert owners(image, "/", "/init", "/usr", "/usr/bin/su", "/bin", "/gone") == {("0", "0")}


def test_ext4_is_roots_whoever_made_it(tmp_path: Path, at: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("mke2fs")
    top = tmp_path / "top"
    (top / "a folder").mkdir(parents=True)
    (top / "a folder" / "x'y").write_bytes(b"x")
    (top / "a folder" / 'q"uote').write_bytes(b"x")
    (top / "away").symlink_to(tmp_path / "elsewhere")
    paths = [top / "a folder", top / "a folder" / "x'y", top / "a folder" / 'q"uote', top / "away"]
    if os.getuid() == 0:
        for path in paths:
            os.chown(path, 1234, 1234, follow_symlinks=False)
        make_ext4(tmp_path / "other.ext4", size=MIB, label="x", at=at, folder=top)
        monkeypatch.setattr(os, "getuid", lambda: 1234)
    names = ["/", *(f"/{path.relative_to(top)}".replace('"', '""') for path in paths)]
    make_ext4(tmp_path / "x.ext4", size=MIB, label="x", at=at, folder=top)
    assert owners(tmp_path / "x.ext4", *names) == {("0", "0")}
    assert debugfs(tmp_path / "x.ext4", 'cat "/a folder/x\'y"') == "x"


@pytest.mark.parametrize("name", ["x\n!touch gone", "x\ty"])
def test_no_name_of_a_file_is_a_command(tmp_path: Path, at: Places, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    needs("mke2fs")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / name).touch()
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    with pytest.raises(PlaceError, match="control"):
        make_ext4(tmp_path / "x.ext4", size=MIB, label="x", at=at, folder=tmp_path / "top")


def test_ext4_of_nothing_is_sparse(tmp_path: Path, at: Places) -> None:
    needs("mke2fs")
    make_ext4(tmp_path / "work.ext4", size=4 << 30, label="work", at=at)
    state = (tmp_path / "work.ext4").stat()
    assert state.st_size == 4 << 30
    assert state.st_blocks * 512 < 32 * MIB
    assert "lost+found" in debugfs(tmp_path / "work.ext4", "ls /")


def test_what_does_not_fit_is_an_error_and_leaves_nothing(tmp_path: Path, at: Places) -> None:
    needs("mke2fs")
    top = tmp_path / "top"
    top.mkdir()
    (top / "big").write_bytes(os.urandom(2 * MIB))
    image = tmp_path / "out" / "x.ext4"
    with pytest.raises(CommandError, match="mke2fs: ended with exit status"):
        make_ext4(image, size=MIB, label="x", at=at, folder=top)
    assert list(image.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("count", "length"),
    [(0, 0), (1, 0), (1, 3 * MIB), (400, 1), (40, 5000)],
    ids=["none", "empty", "big", "many", "some"],
)
def test_the_size_is_enough(tmp_path: Path, at: Places, count: int, length: int) -> None:
    needs("mke2fs")
    top = tmp_path / "top"
    top.mkdir()
    for number in range(count):
        (top / str(number)).write_bytes(b"x" * length)
    size = size_of(top, room=MIB)
    assert size % MIB == 0
    assert size >= count * length + MIB
    make_ext4(tmp_path / "x.ext4", size=size, label="x", at=at, folder=top)
    free = re.search(r"Free blocks:\s+(\d+)(?s:.*)Block size:\s+(\d+)", debugfs(tmp_path / "x.ext4", "stats -h"))
    assert free
    assert int(free[1]) * int(free[2]) >= MIB // 2


def test_a_link_counts_itself_and_not_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 4 * MIB)
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(tmp_path / "big")
    assert size_of(tmp_path / "top", room=0) == MIB


def test_tools_are_found_where_a_users_path_has_them_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/mine:/bin")
    assert environment()["PATH"].split(":") == ["/mine", "/bin", *SYSTEM]


def partitions(card: bytes) -> list[tuple[int, int]]:
    """Where each partition of a master boot record begins and how long it is, in bytes."""
    assert card[510:512] == b"\x55\xaa"
    rows = [struct.unpack("<8xII", card[at : at + 16]) for at in range(446, 510, 16)]
    assert all(card[at + 4] == (0x83 if row[1] else 0) for at, row in zip(range(446, 510, 16), rows, strict=True))
    return [(start * 512, count * 512) for start, count in rows if count]


def test_a_card_has_each_disk_as_a_partition(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with first.open("wb") as stream:  # it begins and ends with a hole
        stream.truncate(4 * MIB)
        stream.seek(MIB + 5)
        stream.write(b"in the middle")
    second.write_bytes(os.urandom(MIB + 700))
    card = write_card(tmp_path / "card", [first, second])
    content = card.read_bytes()
    places = partitions(content)
    assert places == [(MIB, 4 * MIB), (5 * MIB, MIB + 1024)]
    for image, (start, size) in zip((first, second), places, strict=True):
        assert content[start : start + size].rstrip(b"\0") == image.read_bytes().rstrip(b"\0")
    assert len(content) == 8 * MIB  # qemu takes no other size than a power of two
    assert card.stat().st_blocks * 512 < 3 * MIB
    if found := shutil.which("sfdisk", path=":".join([os.environ["PATH"], *SYSTEM])):
        said = subprocess.run([found, "--dump", card], capture_output=True, text=True, check=True).stdout
        assert re.findall(r"start= *(\d+), size= *(\d+), type=83", said) == [("2048", "8192"), ("10240", "2050")]


def test_a_card_that_is_filled_to_the_end(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"x" * 3 * MIB)
    assert write_card(tmp_path / "card", [image]).stat().st_size == 4 * MIB
