"""Which targets a call speaks of."""

from __future__ import annotations

import pytest

from tasks.stages import named_targets

TARGETS = ["armv7", "arm64", "amd64"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], ["armv7"]),
        (["release=printer", "build", "verify"], ["armv7"]),
        (["run", "--traceback", "build"], ["armv7"]),
        (["build:arm64"], ["arm64"]),
        (["build", "verify:amd64:elf"], ["armv7", "amd64"]),
        (["compile:armv7:*"], ["armv7"]),
        (["source:printer"], ["armv7"]),
        (["boot"], None),
        (["list"], None),
        (["build:armv9"], None),
        (["compile:*"], None),
        (["*"], None),
        (["dist/printer.tgz"], None),
        (["-n", "4", "build"], None),
    ],
)
def test_named_targets(words: list[str], named: list[str] | None) -> None:
    """A stage without a target means the chosen one; where it is not sure, it may be any."""
    assert named_targets(words, TARGETS) == named
