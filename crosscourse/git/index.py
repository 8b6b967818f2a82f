"""What git's index says of files that ``git status`` does not look at, as a person told it not to.

Read here and not by a process for each checkout: 2 ms for 17,000 files. Format: gitformat-index(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

# Of an entry: time, device, owner, size.
_BEFORE_ID = 40
_ASSUME_UNCHANGED = 0x80
_EXTENDED = 0x40
_SKIP_WORKTREE = 0x40
_MOST_OF_NAME = 0x0F


def home_of(folder: Path) -> Path:
    """The folder in which git keeps what belongs to a checkout: ``.git``, or where that points to (git-worktree(1))."""
    home = folder / ".git"
    if home.is_file():
        home = folder / home.read_text(encoding="utf-8").partition("gitdir: ")[2].strip()
    return home


def entries(data: bytes, *, size: int, everything: bool, sparse: bool) -> Iterator[tuple[bytes, str]]:
    """The name and the identity (``MODE ID``) of entries that git does not compare with the file, or of all.

    ``data``: the file's content; ``size``: bytes of an id. ``sparse``: git leaves files out by patterns, and looks at
    what is there all the same. Raises LookupError for an index that is not to be read like this.
    """
    version, count = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    if data[:4] != b"DIRC" or version not in (2, 3):
        raise LookupError(version)
    at, plain = 12, _MOST_OF_NAME
    flags = _BEFORE_ID + size
    padded = flags + 2 + 8
    for _ in range(count):
        high = data[at + flags]
        length = (high & _MOST_OF_NAME) << 8 | data[at + flags + 1]
        start = at + flags + 2
        if high > plain or everything:
            hidden = high & _ASSUME_UNCHANGED
            if high & _EXTENDED:
                hidden |= not sparse and data[start] & _SKIP_WORKTREE
                start += 2
            if length == 0xFFF:
                length = data.index(0, start) - start
            if hidden or everything:
                mode = int.from_bytes(data[at + 24 : at + 28], "big")
                identity = data[at + _BEFORE_ID : at + flags].hex()
                yield data[start : start + length], f"{mode:o} {identity}"
        elif length == 0xFFF:
            length = data.index(0, start) - start
        at += (padded + (start - at - flags - 2) + length) & ~7
    if data[at : at + 4] == b"link":  # most entries are in another file: git-update-index(1), "Split index"
        raise LookupError("split")
