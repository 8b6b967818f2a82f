"""A file of a source goes into a distribution as it is."""

from pathlib import Path

import pytest

from tasks.compile import source_file
from tasks.compile.source_file import SourceFile, SourceFileCopy, SourceFileError
from tests.unit.places import make_places


def test_it_is_as_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "script").write_text("#!/bin/sh\n")
    at = make_places(tmp_path / "work", source_folder=tmp_path / "source", labels=("script",))
    source_file.build(SourceFileCopy(file="script"), at)
    assert at.output().read_text() == "#!/bin/sh\n"
    with pytest.raises(SourceFileError, match="is not there"):
        source_file.build(SourceFileCopy(file="other"), at)


def test_modes_and_problems() -> None:
    made = SourceFile(source="a", file="x", executable=True, path="bin/x")
    assert [member.mode for member in source_file.members("x", made)] == [0o755]
    assert [member.mode for member in source_file.members("x", SourceFile(source="a", file="x"))] == [0o644]
