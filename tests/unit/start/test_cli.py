"""Words of the command line that are none; the rest is tested by running doit, in tests/endtoend."""

from __future__ import annotations

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.start import cli


def test_an_empty_word() -> None:
    with pytest.raises(CrosscourseError, match="an empty word names nothing"):
        cli.run(["release=printer", ""])
