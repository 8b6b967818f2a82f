"""End-to-end tests: copies of this project in which ``doit`` really runs, with the real compilers."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("dodo.py", "crosscourse", "tasks", "toolchains", "releases", "vendor-patches", "examples")
# All that a machine needs: a shell's usual programs and git. No Go, no C compiler, no make.
PROGRAMS = ("sh", "git", "cat", "cp", "env", "ls", "mkdir", "mv", "rm", "uname")
STEPS = {
    "toolchain:go",
    "toolchain:zig",
    "toolchain:gperf",
    "toolchain:pkgconf",
    "toolchain:certifi",
    "toolchain:tzdata",
    "source:printer",
    "patch:printer",
    "modules:armv7:printer",
    "compile:armv7:libprinter",
    "compile:armv7:printer",
    "compile:armv7:goprinter",
    "compile:armv7:cprinter",
    "rootfs:armv7:printer-resource",
    "package:armv7:tgz",
    "verify:armv7:elf",
}


@dataclass(frozen=True)
class Outcome:
    """What a run of doit printed, how it ended, and which tasks it did."""

    code: int
    out: str
    err: str
    done: frozenset[str]

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Workspace:
    """A copy of this project in a folder of its own. ``under``: a program that doit is run by, with its arguments."""

    root: Path
    bin: Path
    env: dict[str, str] = field(default_factory=dict)
    under: tuple[str, ...] = ()

    def command(self, *words: str) -> list[str]:
        return [*self.under, sys.executable, "-m", "doit", *words]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GO", "CGO", "PYTEST"))}
        return {
            **kept,
            "PATH": str(self.bin),
            "PYTHONPATH": str(self.root),
            "CROSSCOURSE_PROGRESS": "plain",
            "CROSSCOURSE_RETRIES": "2",
            **self.env,
            **more,
        }

    def doit(self, *words: str, expect: int | None = 0, **env: str) -> Outcome:
        """Run doit to its end; ``expect``: the exit status wanted, None for any."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.root,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )
        outcome = Outcome(done.returncode, done.stdout, done.stderr, frozenset())
        assert expect is None or done.returncode == expect, f"exit status {done.returncode}:\n{outcome.text}"
        return outcome

    def build(self, *words: str, release: str = "printer", expect: int | None = 0) -> Outcome:
        """Run doit with its own JSON report, and say which tasks were done."""
        outcome = self.doit(
            "run", "--reporter", "json", f"release={release}", *(words or ("build", "verify")), expect=expect
        )
        report = json.loads(outcome.out)
        done = frozenset(
            task["name"]
            for task in report["tasks"]
            if task["result"] in ("success", "fail") and task["name"] in known(report)
        )
        return Outcome(outcome.code, outcome.out, outcome.err, done)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file, which must have it."""
        text = (self.root / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (self.root / path).write_text(text.replace(old, new))

    @property
    def package(self) -> Path:
        return self.root / "dist" / "printer-1.0-linux-armv7.tgz"

    def program(self, name: str, target: str = "armv7") -> Path:
        return self.root / "build" / "printer" / target / "artifacts" / name


def known(report: dict[str, list[dict[str, str]]]) -> set[str]:
    """Of a report the tasks that do something: groups have at most a colon and a target."""
    return {
        task["name"] for task in report["tasks"] if task["name"].count(":") == 2 or task["name"].split(":")[0] in _FLAT
    }


_FLAT = ("toolchain", "source", "patch", "assets")


def from_cache(outcome: Outcome) -> set[str]:
    """The steps whose outputs came from the result cache, by the plain report: ``[3/4] NAME 0.1 s  from the cache``."""
    return set(re.findall(r"^\[[ \d/]+\] (\S+) .*  from the cache$", outcome.out, re.MULTILINE))


def caches() -> Path:
    """The cache folder that a workspace uses when it is told of none."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crosscourse"


@pytest.fixture(scope="session", autouse=True)
def _no_results_of_earlier_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Results are kept for this run of the tests only: what a step says is looked at, so the step has to work.

    Tools, downloads and compilers' caches are this user's.
    """
    own = tmp_path_factory.mktemp("caches")
    _link_parts(own / "crosscourse", ("tools", "go-build", "go-mod", "zig", "yarn", "debian"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(own))
        yield


def use_own_results(workspace: Workspace, cache: Path) -> None:
    """Let a workspace keep results in a folder of the test; tools and compilers' caches are this user's."""
    _link_parts(cache, ("tools", "go-build", "go-mod", "zig"))
    (workspace.root / "crosscourse.toml").write_text(f'cache = "{cache}"\n')


def _link_parts(cache: Path, parts: Sequence[str]) -> None:
    cache.mkdir(exist_ok=True)
    for part in parts:
        (caches() / part).mkdir(parents=True, exist_ok=True)
        if not (cache / part).is_symlink():
            (cache / part).symlink_to((caches() / part).resolve())


def make_workspace(root: Path) -> Workspace:
    """Copy the project's parts into ``root``, with a folder of programs that is all there is on PATH."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    root.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, root / part, ignore=ignore)
        else:
            shutil.copy2(ROOT / part, root / part)
    programs = root.parent / f"{root.name}-bin"
    programs.mkdir()
    for program in PROGRAMS:
        found = shutil.which(program)
        assert found, program
        (programs / program).symlink_to(found)
    return Workspace(root=root, bin=programs)


def give_apt(workspace: Workspace) -> None:
    """Let a workspace ask this machine's apt for Debian's mirror. Without apt the test is skipped; but not in CI."""
    apt = shutil.which("apt-get")
    if apt is not None:
        (workspace.bin / "apt-get").symlink_to(apt)
    elif os.environ.get("CI"):
        pytest.fail("there is no apt to ask for a mirror of Debian")
    else:
        pytest.skip("there is no apt to ask for a mirror of Debian")


@pytest.fixture(scope="session")
def next_month(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """What runs a program under a clock that is 35 days ahead (``tests/clock``). Nothing but on amd64."""
    if platform.machine() != "x86_64":
        return ()
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to make another clock with")
    program = tmp_path_factory.mktemp("clock") / "ahead"
    subprocess.run([compiler, "-O2", "-o", program, ROOT / "tests/clock/ahead.c"], check=True)
    return (str(program), str(35 * 24 * 60 * 60))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A fresh copy, nothing built."""
    return make_workspace(tmp_path / "crosscourse")


@pytest.fixture(scope="session")
def built_template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One copy in which the printer was built and verified, from which others are made."""
    made = make_workspace(tmp_path_factory.mktemp("template") / "crosscourse")
    made.doit("release=printer", "build", "verify")
    return made


@pytest.fixture
def built(built_template: Workspace, tmp_path: Path) -> Workspace:
    """A copy in which everything is built, to change something in."""
    root = tmp_path / "crosscourse"
    shutil.copytree(built_template.root, root, symlinks=True)
    return Workspace(root=root, bin=built_template.bin)
