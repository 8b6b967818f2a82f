"""Files that are either whole or not there, folders that say who owns them, and digests."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from crosscourse.errors import CrosscourseError

CACHEDIR_TAG = "CACHEDIR.TAG"
# The first line is the one that https://bford.info/cachedir/ prescribes.
CACHEDIR_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Made by crosscourse; may be removed at any time, and is made again.\n"
)


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def digest_text(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def signature(path: Path, *, link: bool = False) -> list[int]:
    """What the kernel says of a file that changes whenever its content does: size, mtime, ctime (ns), inode.

    ctime can't be set back by a program, so that a byte changed with its mtime restored is noticed too.
    ``link``: of a symbolic link itself.
    """
    return _signature(path.lstat() if link else path.stat())


def _signature(info: os.stat_result) -> list[int]:
    return [info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino]


def looked_at(path: Path) -> tuple[Literal["file", "nothing", "other"], list[int]]:
    """What is at a path (a symbolic link is something other than a file), and its signature; by one call of the kernel.

    Raises OSError if that can't be told.
    """
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return "nothing", []
    kind: Literal["file", "other"] = "file" if stat.S_ISREG(info.st_mode) else "other"
    return kind, _signature(info)


@contextlib.contextmanager
def replacing(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """A path to write to beside ``path``, renamed onto it at the end if nothing was raised.

    So ``path`` is never half-written, whenever the process is killed. ``mode``: permission bits of the result.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    remove(partial)
    try:
        yield partial
        if mode is not None:
            partial.chmod(mode)
        partial.replace(path)
    except BaseException:
        remove(partial)
        raise


def relative(path: Path) -> str:
    """A path relative to the current folder, where it is below it or not: what records and messages say."""
    text, here = os.fspath(path), f"{_here()}/"
    # Of what is below, which nearly all is, by hand: os.path.relpath asks the kernel and takes paths apart.
    if text.startswith(here) and "/." not in text:
        return text[len(here) :]
    return os.path.relpath(text)


def _here() -> str:
    return os.getcwd()  # noqa: PTH109  # a text, and quickly


def move(source: Path, path: Path) -> None:
    """Put a file where another may be; ``path`` is never half-written, on whatever disk it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(path) as partial:
            shutil.copy2(source, partial)
        source.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a small text file, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file or a whole folder, one with read-only folders inside (Go's module cache) too; fine if absent."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path):
            if not os.access(folder, os.W_OK):
                Path(folder).chmod(stat.S_IRWXU)
        try:
            shutil.rmtree(path)
        except OSError as error:
            error.filename = os.fspath(path)  # rmtree names a bare entry of a folder that it has open
            raise
    else:
        path.unlink(missing_ok=True)


def discard(path: Path, prefix: str | None = None) -> None:
    """Remove a folder that others may be writing into: it is gone at once, and they begin another one.

    ``prefix``: of the name that it has meanwhile; where a kill leaves things, the caller knows them by it.
    On an overlay file system a folder of a lower layer (of a container's image) can't be renamed; there it is removed
    piece by piece. https://docs.kernel.org/filesystems/overlayfs.html#renaming-directories
    """
    with contextlib.suppress(FileNotFoundError):
        aside = Path(tempfile.mkdtemp(prefix=prefix or f".{path.name}.", dir=path.parent))
        try:
            path.replace(aside / path.name)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            remove(path)
        finally:
            remove(aside)


def own_folder(path: Path) -> Path:
    """Make a folder that we may remove later, marked by CACHEDIR.TAG. Returns it."""
    tag = path / CACHEDIR_TAG
    try:
        written = tag.stat().st_size > 0  # an empty one is left by a full disk
    except OSError:
        written = False
    if not written:
        path.mkdir(parents=True, exist_ok=True)
        # Under a name of its own each time: others may do the same at this moment.
        handle, name = tempfile.mkstemp(prefix=f".{CACHEDIR_TAG}.", dir=path)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(CACHEDIR_TEXT)
        Path(name).chmod(0o644)
        Path(name).replace(tag)
    return path


def remove_owned(path: Path) -> None:
    """Remove a folder that ``own_folder`` made; CrosscourseError if it does not carry our tag."""
    tag = path / CACHEDIR_TAG
    if not tag.is_file() or "crosscourse" not in tag.read_text(encoding="utf-8", errors="replace"):
        raise CrosscourseError(
            str(path), f"has no {CACHEDIR_TAG} of ours: not removed", "Remove it by hand if you know what it is."
        )
    # The tag goes last: what a kill leaves is still known as ours.
    for entry in path.iterdir():
        if entry != tag:
            remove(entry)
    remove(path)


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """An empty folder for the time of the block; what an earlier, killed run left there is removed first."""
    remove(path)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        remove(path)


def begin(path: Path) -> None:
    """Make an empty file in place of whatever is there: one would wait for ever for the reader of a FIFO.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(path)
    path.touch()


def read_regular(path: Path, *, most: int) -> bytes:
    """The content of a file that we keep ourselves.

    Raises OSError; ValueError if it is no file, or larger than ``most`` bytes: something else is in its place. (A FIFO
    would have us wait for ever.)
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode) or info.st_size > most:
            raise ValueError(f"{path} is no file of ours")
        return stream.read()
