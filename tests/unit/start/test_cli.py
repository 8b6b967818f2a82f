"""Words of the command line that are none; the rest is tested by running doit, in tests/endtoend."""

from __future__ import annotations

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.start import cli


def test_an_empty_word() -> None:
    with pytest.raises(CrosscourseError, match="an empty word names nothing"):
        cli.run(["release=printer", ""])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--help"], ["help"]),
        (["matrix", "--help"], ["help", "matrix"]),
        (["-h", "matrix"], ["help", "matrix"]),
        (["release=printer", "verify:armv7", "--report", "--help"], ["release=printer", "help", "verify:armv7"]),
        (["build", "verify", "-h"], ["help", "build"]),
    ],
)
def test_help_by_an_option_is_of_what_is_named_first(words: list[str], expected: list[str]) -> None:
    assert cli._of_help(words) == expected
