"""Makes ``.venv``: run by the launcher, with the Python that .venv is made of; it ends by starting the launcher again.

Takes nothing but Python's standard library, as nothing else is there yet. While it works, the lock is held by it and
by what it started, and whatever ends it, a kill too, ends that as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from crosscourse.run.network import is_network_trouble
from crosscourse.start import contents
from crosscourse.start.programs import Failed, Programs, say
from crosscourse.start.trouble import AGAIN, LITTLE, ROOM, SetupError, failure

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOG = VENV / "setup.log"
LOCK = VENV / "lock"
# Tells the launcher that `env` can keep Ctrl-C waiting while Python starts.
BLOCKS = VENV / "blocks-signals"
REQUIREMENTS = {"stamp": "requirements.txt", "stamp-tests": "requirements-test.txt"}
FETCHING = "fetching from the package index"
PIP = ["--no-input", "--no-deps", "--no-compile", "--progress-bar", "off", "--only-binary", ":all:"]


def environment(**more: str) -> dict[str, str]:
    """The user's, without what changes how Python or pip work; what is said there of the network stays."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop("UV_SYSTEM_PYTHON", None)
    # pip tries five times, with growing pauses, before it says anything of use.
    kept.setdefault("PIP_RETRIES", "2")
    kept.setdefault("UV_HTTP_RETRIES", "2")
    # A pip.conf may say "user = true". Bytecode is kept beside the libraries, which stay as they came.
    return {**kept, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1", **more}


def inputs(requirements: str) -> bytes:
    """What .venv is made from, as the launcher compares it: the folder counts, which may be moved."""
    files = (requirements, "setup.cfg", "pyproject.toml")
    return os.fsencode(ROOT) + b"\n" + b"".join((ROOT / name).read_bytes() for name in files)


def is_current(stamp: str) -> bool:
    """Whether what ``stamp`` stands for is there, as the launcher asks."""
    try:
        with open(VENV / stamp, "rb", opener=contents.at_once) as stream:  # pathlib's has no opener
            made_from = stream.read()
    except OSError:
        return False
    usable = os.access(VENV / "bin" / "python", os.X_OK) and (VENV / "pyvenv.cfg").is_file()
    return usable and made_from == inputs(REQUIREMENTS[stamp])


def finish(stamp: str) -> None:
    """What ``stamp`` stands for is there now."""
    new = VENV / f"{stamp}.new"
    new.write_bytes(inputs(REQUIREMENTS[stamp]))
    new.replace(VENV / stamp)


def install(programs: Programs, base: str, *, can_venv: bool) -> None:
    """Make .venv anew, of the Python ``base``."""
    why = contents.damage(VENV, whole=True) if is_current("stamp") else ""
    why = f" anew, as it was damaged ({why})" if why else ""
    say(f"setting up {VENV}{why} with {base} (once; a few seconds)")
    for name in (*REQUIREMENTS, LOG.name):
        remove(VENV / name)
    with contextlib.suppress(OSError):  # without room for it, what a program says is shown all the same
        LOG.touch()
    python, uv = str(VENV / "bin" / "python"), shutil.which("uv")

    def with_uv() -> None:
        made = [str(uv), "venv", "--quiet", "--allow-existing", "--no-project", "--no-python-downloads"]
        programs.run([*made, "--python", base, str(VENV)], "making .venv with uv", env=environment())
        got = [str(uv), "pip", "install", "--python", python, "--no-deps", "--only-binary", ":all:"]
        programs.run([*got, "--require-hashes", "-r", "requirements.txt"], FETCHING, env=environment())

    def with_pip() -> None:
        programs.run([base, "-m", "venv", str(VENV)], "making .venv", env=environment())
        pip(programs, FETCHING, "--require-hashes", "-r", "requirements.txt")

    # What uv can't fetch, pip often can: it knows pip.conf and the system's certificates.
    try_each([*([with_uv] if uv else []), *([with_pip] if can_venv else [])])
    try:
        # "compat" makes a plain path entry; setuptools' other ways run code at every start of Python.
        pip(
            programs,
            "installing this project into .venv",
            "--no-build-isolation",
            "--config-settings",
            "editable_mode=compat",
            "-e",
            ".",
        )
    except Failed as error:
        raise failure("installing this project into .venv failed", str(error), log=LOG) from None
    # Plain `doit`, where this environment is active, is the launcher.
    program = VENV / "bin" / "doit"
    program.unlink(missing_ok=True)
    program.symlink_to("../../doit")
    if subprocess.run(["env", "--block-signal=INT", "true"], capture_output=True, check=False).returncode == 0:
        BLOCKS.touch()
    contents.note(VENV)
    finish("stamp")


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def try_each(ways: list[Callable[[], None]]) -> None:
    """Take the first way that works; SetupError if none does."""
    said = ""
    for way in ways:
        for entry in VENV.iterdir():  # whatever an earlier setup left
            if entry not in (LOCK, LOG):
                remove(entry)
        try:
            way()
        except Failed as error:
            said += f"{error}\n"
        else:
            return
    raise failure("setting up .venv failed", said, log=LOG)


def install_tests(programs: Programs) -> None:
    """Add the test tools."""
    say(f"adding the test tools to {VENV}")
    (VENV / "stamp-tests").unlink(missing_ok=True)
    try:
        pip(programs, FETCHING, "--require-hashes", "-r", "requirements-test.txt")
    except Failed as error:
        raise failure("installing the test tools failed", str(error), log=LOG) from None
    finish("stamp-tests")


def pip(programs: Programs, what: str, *words: str) -> None:
    """Let .venv's pip install something. Raises Failed with what it printed."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", *PIP]
    try:
        programs.run([*command, *words], what, env=environment())
    except Failed as error:
        missing = re.search(r"satisfies the requirement (\S+) \(from versions: none\)", str(error))
        if missing is None or is_network_trouble(str(error)):
            raise
        # An index that answers with an error looks like one without the package, unless pip is asked to tell more.
        asked: list[str] = []
        try:
            programs.run(
                [*command, "-vv", "--dry-run", missing[1]], "asking the package index again", env=environment()
            )
        except Failed as more:
            asked = [line.strip() for line in str(more).splitlines() if "Could not fetch URL" in line]
        raise Failed("\n".join([str(error), *asked[:1]])) from None


def set_up(python: str, *, can_venv: bool, tests: bool) -> None:
    """Make .venv, or what of it is not current, while nobody else does. Raises SetupError, OSError."""
    try:
        if VENV.is_symlink():  # what it leads to may be another project's
            raise SetupError(f"{VENV} is in the way: it is a link", f"Move it away. {AGAIN}")
        VENV.mkdir(exist_ok=True)
    except FileExistsError:
        raise SetupError(f"{VENV} is in the way: it is no folder", f"Move it away. {AGAIN}") from None
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for another setup of {VENV}")
        fcntl.flock(lock, fcntl.LOCK_EX)
    programs = Programs(keep=lock, log=LOG, folder=ROOT)
    try:
        if not is_current("stamp") or contents.damage(VENV, whole=True):
            install(programs, python, can_venv=can_venv)
        elif os.environ.get("CROSSCOURSE_DAMAGED"):
            say(f"{VENV}/pycache is damaged, and is removed: Python makes it anew")
            shutil.rmtree(VENV / "pycache", ignore_errors=True)
        if tests and not is_current("stamp-tests"):
            install_tests(programs)
    finally:
        programs.end()
    os.close(lock)


def main(python: str, can_venv: str, words: list[str]) -> NoReturn:
    """``python``: to make .venv of. ``can_venv``: "1" if it can alone. ``words``: of the launcher's command line."""
    os.umask(os.umask(0o022) & ~0o700)

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup, or by a shell for its background jobs
            signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        set_up(python, can_venv=can_venv == "1", tests=os.environ.get("CROSSCOURSE_SETUP_ONLY") == "tests")
    except SetupError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        room = os.statvfs(ROOT)
        free = room.f_bavail * room.f_frsize
        say(f"setting up {VENV} failed: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        remedy = f"Make this folder writable, or work in a copy. {AGAIN}"
        if free < LITTLE:
            remedy = f"The disk is full ({free >> 10} kB free): .venv needs about {ROOM >> 20} MB. Make room. {AGAIN}"
        print(f"  > {remedy}", file=sys.stderr)
        sys.exit(1)
    folder = os.environ.get("CROSSCOURSE_CWD") or str(ROOT)
    with contextlib.suppress(OSError):
        os.chdir(folder)
    launcher = str(ROOT / "doit")
    os.execve(launcher, [launcher, *words], {**os.environ, "PWD": folder, "CROSSCOURSE_SET_UP": "1"})  # noqa: S606
