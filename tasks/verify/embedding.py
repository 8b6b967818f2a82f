"""What programs are said to embed, and whether it is in them.

Go keeps what it embeds as it is, each file in one piece (https://pkg.go.dev/embed).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

Embedded = Mapping[str, Mapping[str, Path]]
"""Programs by their path in the distribution; of each the files that it embeds, by their path in the source."""


def absent(program: IO[bytes], embedded: Mapping[str, Path]) -> Iterator[str]:
    """The paths of those whose content is not in a program, which has a content itself."""
    program.flush()
    # Programs with pages are the largest that there are.
    with mmap.mmap(program.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for path, file in embedded.items():
            if content.find(file.read_bytes()) < 0:
                yield path
