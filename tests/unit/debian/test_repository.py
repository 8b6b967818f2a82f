"""A repository for apt: what it says of its packages, and that apt itself takes it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from crosscourse import files
from crosscourse.debian.repository import RepositoryError, Signer, source_line, write

EPOCH = 1_785_000_000


def deb(folder: Path, name: str, version: str, architecture: str = "armhf", more: str = "") -> Path:
    """A Debian package (deb(5)) with no files in it."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: A <a@example.org>\n"
    control += f"Description: one line\n and more\n{more}"

    def packed(members: dict[str, str]) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for path, text in members.items():
                info = tarfile.TarInfo(path)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        return stream.getvalue()

    members = {"debian-binary": b"2.0\n", "control.tar.gz": packed({"./control": control}), "data.tar.gz": packed({})}
    path = folder / f"{name}_{version}_{architecture}.deb"
    folder.mkdir(exist_ok=True)
    with path.open("wb") as stream:
        stream.write(b"!<arch>\n")
        for member, content in members.items():
            stream.write(f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            stream.write(content + b"\n" * (len(content) % 2))
    return path


def index(folder: Path, architecture: str) -> str:
    return (folder / "dists/stable/main" / f"binary-{architecture}" / "Packages").read_text()


def test_what_is_in_it_is_listed(tmp_path: Path) -> None:
    folder, made = tmp_path / "apt", tmp_path / "made"
    one, two = deb(made, "thing", "1-1"), deb(made, "thing", "1-1", "amd64")
    found = write(folder, [one, two], origin="me", epoch=EPOCH)
    assert {(row.name, row.version, row.architecture) for row in found} == {
        ("thing", "1-1", "armhf"),
        ("thing", "1-1", "amd64"),
    }
    said = index(folder, "armhf")
    assert "Description: one line\n and more\n" in said
    assert f"Filename: pool/main/t/thing/{one.name}\nSize: {one.stat().st_size}\nSHA256: {files.digest(one)}\n" in said
    assert "Architecture: amd64" not in said
    release = (folder / "dists/stable/Release").read_text()
    assert "Date: Sat, 25 Jul 2026 17:20:00 GMT\n" in release
    assert "Architectures: amd64 armhf\n" in release
    packages = folder / "dists/stable/main/binary-armhf/Packages"
    assert f" {files.digest(packages)} {packages.stat().st_size} main/binary-armhf/Packages\n" in release


def test_it_grows_and_depends_on_nothing_but_what_is_in_it(tmp_path: Path) -> None:
    made = tmp_path / "made"
    one, two = deb(made, "thing", "1-1"), deb(made, "thing", "2-1")
    write(tmp_path / "grown", [one], origin="me", epoch=1)
    write(tmp_path / "grown", [two], origin="me", epoch=EPOCH)
    write(tmp_path / "whole", [two, one], origin="me", epoch=EPOCH)
    trees = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "grown", tmp_path / "whole")
    ]
    assert trees[0] == trees[1]
    assert len(trees[0]) == 5


@pytest.mark.parametrize("content", [b"", b"no archive", b"!<arch>\n"])
def test_what_is_no_package_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(content)
    with pytest.raises(RepositoryError, match=r"x\.deb: is no Debian package"):
        write(tmp_path / "apt", [path], origin="me", epoch=EPOCH)
    assert not (tmp_path / "apt" / "dists").exists()


class Apt:
    """apt-get(8) with folders of its own, as an ordinary user may use it."""

    def __init__(self, folder: Path, line: str) -> None:
        self.folder = folder
        for name in ("lists/partial", "archives/partial", "etc"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/sources.list").write_text(f"{line}\n")
        (folder / "status").write_text("")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        options = {
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder,
            "Dir::Etc::sourcelist": self.folder / "etc/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "APT::Architecture": "armhf",
            "APT::Architectures": "armhf",
            "APT::Sandbox::User": "",
        }
        told = [f"-o{key}={value}" for key, value in options.items()]
        return subprocess.run(["apt-get", *told, *words], capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt-get")
def test_apt_takes_it(tmp_path: Path) -> None:
    folder, made = tmp_path / "apt", tmp_path / "made"
    packages = [deb(made, "thing", "1-1"), deb(made, "base", "1-1"), deb(made, "thing", "2-1", more="Depends: base\n")]
    write(folder, packages, origin="me", epoch=EPOCH)
    apt = Apt(tmp_path / "machine", source_line(folder, signed=False))
    updated = apt.run("update")
    assert updated.returncode == 0, updated.stderr
    wanted = apt.run("install", "--simulate", "thing").stdout
    assert "Inst thing (2-1 me:stable [armhf])" in wanted
    assert "Inst base (1-1" in wanted
    fetched = apt.run("install", "--download-only", "--yes", "--print-uris", "thing").stdout
    assert f"file:{folder}/pool/main/t/thing/thing_2-1_armhf.deb" in fetched.replace("%2e", ".")


@pytest.mark.skipif(shutil.which("gpg") is None or shutil.which("apt-get") is None, reason="no gpg or no apt-get")
def test_a_signed_one_is_trusted_by_its_key_alone(tmp_path: Path) -> None:
    home = tmp_path / "g"  # short: a socket of gpg's agent lies there
    home.mkdir(mode=0o700)
    env = {**os.environ, "GNUPGHOME": str(home)}
    made = subprocess.run(
        ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "me@example.org", "ed25519"],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "apt"
    try:
        signer = Signer(key="me@example.org", log=tmp_path / "log", env=env)
        for version in ("1-1", "2-1"):  # the second time what was signed is signed anew
            write(folder, [deb(tmp_path / "made", "thing", version)], origin="me", epoch=EPOCH, signer=signer)
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=env, check=False)
    assert apt_update(tmp_path / "one", source_line(folder, signed=True)) == 0
    assert apt_update(tmp_path / "two", f"deb file:{folder} stable main") != 0
    with (folder / "dists/stable/InRelease").open("r+") as stream:
        text = stream.read().replace("Label: me", "Label: you")
        stream.seek(0)
        stream.write(text)
    (folder / "dists/stable/Release.gpg").unlink()
    assert apt_update(tmp_path / "three", source_line(folder, signed=True)) != 0


def apt_update(folder: Path, line: str) -> int:
    done = Apt(folder, line).run("update", "-oAPT::Update::Error-Mode=any")
    return done.returncode
