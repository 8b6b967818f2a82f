"""What .venv is made of, noted when it is set up and compared at each start: a damaged one is noticed, and made anew.

Sizes and times are compared, not bytes: 2 ms at each start. What few runs need is compared only when one has failed.
"""
# Without pathlib, which takes longer than all that is done here.
# ruff: noqa: PTH105, PTH116, PTH118, PTH123

from __future__ import annotations

import os
import sys

NOTE = "contents"
# What else may be there: notes, what Python compiles, and programs that only a person calls.
_IGNORED = (NOTE, "stamp", "stamp-tests", "setup.log", "lock", "pycache")
# Three quarters of the files: what they are for is done by programs that are started, or shown in colours.
_SELDOM = ("pip", "setuptools", "_distutils_hack", "pygments")


def note(venv: str | os.PathLike[str]) -> None:
    """Write down what is in ``venv``."""
    paths = [os.path.relpath(path, venv) for path in _files(os.fspath(venv))]
    paths.sort(key=lambda path: any(f"{os.sep}{name}{os.sep}" in path for name in _SELDOM))
    often = sum(not any(f"{os.sep}{name}{os.sep}" in path for name in _SELDOM) for path in paths)
    text = "".join([f"{_python()}\n{often}\n", *(f"{_state(os.path.join(venv, path))} {path}\n" for path in paths)])
    place = os.path.join(venv, NOTE)
    with open(f"{place}.new", "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
    os.replace(f"{place}.new", place)


def damage(venv: str | os.PathLike[str], *, whole: bool = False) -> str:
    """The first thing in ``venv`` that is not as it was set up, in words; empty if all is.

    ``whole``: of all files, not only those that most runs need. What was added is no damage.
    """
    try:
        with open(os.path.join(venv, NOTE), encoding="utf-8", errors="surrogateescape", opener=at_once) as stream:
            python, often, *lines = stream.read().splitlines()
    except (OSError, ValueError):
        return f"{NOTE} is missing"
    if python != _python():
        return f"it is of {python}, this is {_python()}"
    prefix = f"{os.fspath(venv)}{os.sep}"
    stat = os.stat
    try:
        for line in lines if whole else lines[: int(often)]:
            size, time, path = line.split(" ", 2)
            now = stat(prefix + path)
            if now.st_size != int(size) or now.st_mtime_ns != int(time):
                return f"{path} was changed"
    except OSError:
        return f"{path} is missing"
    except ValueError:
        return f"{NOTE} is not readable"
    return ""


def at_once(path: str, flags: int) -> int:
    """Open as the built-in ``open`` does, but never wait for what writes into a pipe: that is empty then."""
    return os.open(path, flags | os.O_NONBLOCK)


def _python() -> str:
    return "Python " + ".".join(map(str, sys.version_info[:2]))


def _files(folder: str) -> list[str]:
    """The files below a folder, in the order of their names."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("__pycache__", *_IGNORED))
        found += [os.path.join(parent, name) for name in sorted(names) if name not in _IGNORED]
    return found


def _state(path: str) -> str:
    now = os.stat(path)
    return f"{now.st_size} {now.st_mtime_ns}"
