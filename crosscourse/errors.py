"""Every error that a person can meet: what it concerns, what was found, and what to do.

All share one base, so that one place decides how they are shown: message and remedy,
never a traceback (unless asked for). The base is one of doit's own user errors,
so that plain ``doit`` shows them the same way when they arise while tasks are loaded.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches

from doit.exceptions import InvalidDodoFile

MAX_LISTED = 16


class CrosscourseError(InvalidDodoFile):  # type: ignore[misc]  # doit has no type hints
    """Base of all user errors.

    ``subject``: the file, component or URL concerned. ``found``: what is wrong, in words.
    ``remedy``: what the person can do; may have several lines.
    """

    def __init__(self, subject: str, found: str, remedy: str = "") -> None:
        self.subject = subject
        self.found = found
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.subject}: {self.found}"
        if self.remedy:
            text += "\n" + "\n".join(f"  > {line}" for line in self.remedy.splitlines())
        return text


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known name, or all of them: the remedy for an unknown name."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listed = f"Known: {', '.join(names)}." if len(names) <= MAX_LISTED else ""
    if close:
        return f"Did you mean '{close[0]}'? {listed}".strip()
    return listed or f"{len(names)} are known; `./doit list --all` names the tasks."


class UnknownNameError(CrosscourseError):
    """A release, target, component, task or variable that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"{kind} '{name}'", "there is none of that name", nearest(name, known))


class ManifestError(CrosscourseError):
    """A manifest that can't be read: every problem of the file at once."""

    def __init__(self, path: str, problems: list[str], remedy: str = "") -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        found = f"{count}\n" + "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            path,
            found,
            remedy or "docs/manifest.md explains every key; releases/schema.json lets an editor check them.",
        )


class CodeError(CrosscourseError):
    """A module whose code can't be told: it is not there, or not to be understood."""

    def __init__(self, module: str, found: str, remedy: str = "Correct it, or restore it: `git status` says.") -> None:
        super().__init__(f"module {module}", found, remedy)


class DiskFullError(CrosscourseError):
    """No room for what is to be written. ``places``: the folders concerned, with what is free there, in words."""

    def __init__(self, subject: str, places: Iterable[str] = ()) -> None:
        where = ", ".join(places)
        super().__init__(
            subject,
            f"no space left on the disk{f' ({where})' if where else ''}",
            "Make room (a whole release needs about 8 GB: `df -h . ~/.cache`; few files left: `df -i`), then run the "
            "same command again: it goes on from here.\n"
            'The cache folder can be moved with `cache = "..."` in crosscourse.toml.',
        )


class SystemFaultError(CrosscourseError):
    """What the operating system refused."""


_WRITABLE = "Nothing was changed there. Make it writable (`ls -ld` shows whose it is, `mount` whether its disk is not)."
_IN_THE_WAY = "Something else is in its place. Move it away, then run the same command again."
# What a person can do about an error of the system (errno(3)).
_REMEDIES = {
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
    errno.ENXIO: _IN_THE_WAY,
    errno.ENOENT: "Was it removed meanwhile, or does a link lead nowhere? Run the same command again.",
    errno.ELOOP: "A symbolic link leads to itself. Remove it, then run the same command again.",
    errno.ENAMETOOLONG: "Use a folder with a shorter path.",
    errno.EMFILE: "This process may not open more files. `ulimit -n 1024` in this shell allows more.",
    errno.ENFILE: "The whole machine has no more open files to give. End some programs, then try again.",
    errno.EAGAIN: "The system starts no more processes or threads now: `ulimit -u` shows the limit. End some programs, "
    "or raise it.",
    errno.ENOMEM: "There is too little memory. End some programs, or choose fewer at once: ./doit jobs=1 ...",
    errno.EIO: "The disk does not work as it should (`dmesg` may say more). What was done is kept; "
    "run the same command again when it does.",
    errno.ESTALE: "The folder was replaced on its server. Enter it again, then run the same command.",
    errno.ENOLCK: "This disk has no locks to give (a network file system?). Build on a local disk.",
    errno.EFBIG: "A file may not grow so large here: `ulimit -f` shows the limit.",
}


def of_system(error: OSError, subject: str = "", places: Iterable[str] = ()) -> CrosscourseError:
    """An error of the operating system as one that a person can meet.

    ``subject``: what was being done, where no file is named. ``places``: as of DiskFullError, where there is no room.
    """
    error = _first(error)
    # Of a rename, the second one is where something should come to be.
    name = error.filename2 or error.filename
    file = os.fsdecode(name) if isinstance(name, (str, bytes)) else ""
    places = tuple(places)
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or (error.errno is None and places):
        return DiskFullError(subject or file or "disk", places)
    said = error.strerror or str(error) or type(error).__name__
    found = f"{file}: {said}" if subject and file else said
    return SystemFaultError(subject or file or "system", found, _REMEDIES.get(error.errno or 0, ""))


def _first(error: OSError) -> OSError:
    """Of shutil's collected errors, each ``(source, destination, text)``, the first one."""
    try:
        _, destination, text = error.args[0][0]
        number = int(re.match(r"\[Errno (\d+)\] ", text)[1])  # type: ignore[index]  # as Python writes an OSError
    except (LookupError, TypeError, ValueError):
        return error
    return OSError(number, os.strerror(number), destination)


def of_any(error: BaseException, subject: str = "", places: Iterable[str] = ()) -> CrosscourseError | None:
    """Any error as one that a person can meet; None for what nobody expected, which is a fault of ours."""
    if isinstance(error, CrosscourseError):
        return error
    if isinstance(error, MemoryError):
        error = OSError(errno.ENOMEM, "not enough memory")
    elif isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        error = OSError(errno.EAGAIN, "no more threads can be started")
    return of_system(error, subject, places) if isinstance(error, OSError) else None
