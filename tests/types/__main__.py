"""Upstream's shell tests of resource types, inside our root filesystems, as upstream runs them in its Dockerfiles.

``python -m tests.types TARGET [TYPE...]``, after ``./doit build:TARGET``. The target's programs run under user-mode
emulation where this machine can't run them: registered with the kernel for a name space of users of their own (Linux
6.7), so that nothing of this machine is changed. What the tests call beside the type is taken from the release's locked
packages, or where no root filesystem has it from a Debian mirror. Prints which tests ran; ends with 1 if one failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crosscourse.debian import mirrors, pool, resolve, tree
from crosscourse.formats.folder import unpack
from crosscourse.manifest import locks
from tests.unit.places import make_places
from toolchains.emulators import find_emulator
from toolchains.targets import get_target, host_goarch

ROOT = Path(__file__).resolve().parents[2]
# The start of an ELF file: class, byte order, and at 18 the machine (elf(5)); ET_EXEC and ET_DYN.
_ELF = r"\x7fELF\x{kind:02x}\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x{machine:02x}\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
_MACHINES = {"arm": (1, 0x28), "arm64": (2, 0xB7), "amd64": (2, 0x3E), "riscv64": (2, 0xF3)}


@dataclass(frozen=True, kw_only=True)
class Tests:
    """Of a type: where its tests are put, as its Dockerfile has it, and the Debian packages that they call beside.

    ``without``: tests that can't run here, each with the reason.
    """

    place: str
    packages: tuple[str, ...]
    scripts: tuple[str, ...] = ("all.sh",)
    without: Mapping[str, str] = field(default_factory=dict)


# What the scripts print before a test: "running" and its name in colour, or by shunit2 the function's name alone.
_RAN = re.compile(r"^(?:running \x1b\S*?m(\w+)\x1b.*|(test_\w+))$", re.MULTILINE)
_SHELL = ("bash", "grep", "sed", "findutils", "libtinfo6", "libpcre2-8-0", "libselinux1")
TYPES = {
    "git": Tests(
        place="tests",
        packages=(),
        without={
            "it_can_get_signed_commit_when_using_keyserver": "asks a key server of the internet",
            "it_can_clone_with_lfs": "clones from GitHub",
            "it_can_clone_with_lfs_disabled": "clones from GitHub",
        },
    ),
    "pool": Tests(place="opt/resource-tests", packages=("findutils",)),
    "semver": Tests(place="opt/resource-tests", packages=_SHELL),
    "hg": Tests(place="test", packages=(*_SHELL, "jq", "procps")),
}


def main() -> None:
    """Run them, and say what came out."""
    words = argparse.ArgumentParser(prog="python -m tests.types", description=__doc__)
    words.add_argument("target")
    words.add_argument("type", nargs="*", choices=[[], *TYPES])
    words.add_argument("--release", default="concourse-8.2.5")
    words.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "crosscourse")
    given = words.parse_args()
    failed = [name for name in given.type or TYPES if not _tried(name, given.release, given.target, given.cache)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _tried(name: str, release: str, target: str, cache: Path) -> bool:
    tests = TYPES[name]
    with tempfile.TemporaryDirectory(prefix="crosscourse-types-") as folder:
        root = Path(folder) / "root"
        unpack(ROOT / "build" / release / target / "rootfs" / name / "rootfs.tgz", root)
        lock = locks.read(ROOT / "releases" / "locks" / f"{release}.{target}.json")
        _add(root, _packages(lock, name, tests.packages, cache, Path(folder)))
        shutil.copytree(ROOT / "sources" / release / f"{name}-resource" / "test", root / tests.place)
        _leave_out(root / tests.place, tests.without)
        for test, why in tests.without.items():
            print(f"{name} {target}: {test} is left out: {why}", flush=True)
        # As runtimes of containers do.
        (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
        for part in ("dev", "proc", "tmp", "root"):
            (root / part).mkdir(exist_ok=True)
        passed = True
        for script in tests.scripts:
            done = subprocess.run(
                _command(root, target, f"/{tests.place}/{script}"), capture_output=True, text=True, check=False
            )
            said = done.stdout + done.stderr
            log = ROOT / "build" / release / "logs" / f"types-{target}-{name}.log"
            log.write_text(said)
            ran = [colour or plain for colour, plain in _RAN.findall(said)]
            end = "all passed" if done.returncode == 0 else f"{ran[-1] if ran else script} failed, the rest did not run"
            print(f"{name} {target}: {len(ran)} ran, {end}; {os.path.relpath(log)}", flush=True)
            passed = passed and done.returncode == 0
        return passed


def _leave_out(folder: Path, tests: Iterable[str]) -> None:
    """Take the calls of tests out of the scripts. Raises ValueError if one is not called."""
    for test in tests:
        call = f"run {test}"
        found = [script for script in folder.glob("*.sh") if call in script.read_text().splitlines()]
        if not found:
            raise ValueError(f"no script in {folder} calls {test}")
        for script in found:
            script.write_text("".join(f"{line}\n" for line in script.read_text().splitlines() if line != call))


def _packages(lock: locks.Lock, name: str, wanted: Sequence[str], cache: Path, folder: Path) -> list[Path]:
    """The files of packages, of the suite that the type is of: as they are locked for any root filesystem of it; where
    one is not locked all of them as the suite has them now, with what they need."""
    of = lock.sets[name].wanted
    keys = {key for made in lock.sets.values() if made.wanted.suite == of.suite for key in made.packages}
    found = {package.name: package for key in sorted(keys) if (package := lock.packages[key]).name in wanted}
    at = make_places(folder, caches=cache)
    if any(one not in found for one in wanted):
        mirror = mirrors.of_apt(at)
        asked = locks.Wanted(suite=of.suite, architecture=of.architecture, packages=tuple(wanted))
        # What is locked stays as it is: a file that is there already is not replaced.
        found = {one.name: one for one in resolve.resolve(asked, mirror=mirror, at=at)}
        print(f"{name}: not locked, as {of.suite} has them: {', '.join(found[one].key for one in wanted)}", flush=True)
    return pool.fetch(list(found.values()), cache=cache, mirrors=mirrors.known(at, lock.date), status=at.status)


def _add(root: Path, packages: list[Path]) -> None:
    """The files of packages that are not there yet."""
    for name, entry in tree.merge(packages).items():
        place = root / name
        if place.is_symlink() or place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is not None:
            place.symlink_to(entry.link)
        elif entry.source is None:
            place.mkdir()
        else:
            place.write_bytes(entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes())
            place.chmod(entry.mode)


def _command(root: Path, target: str, script: str) -> list[str]:
    machine = get_target(target)
    emulator, magic = "", ""
    if machine.goarch != host_goarch():
        emulator = find_emulator(machine.elf.emulator, os.environ["PATH"], what=f"tests for {target}")
        kind, number = _MACHINES[machine.goarch]
        magic = _ELF.format(kind=kind, machine=number)
    spaces = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    enter = str(Path(__file__).with_name("enter.sh"))
    return [*spaces, "sh", enter, str(root), emulator, magic, _MASK, "/usr/bin/bash", script]


if __name__ == "__main__":
    main()
