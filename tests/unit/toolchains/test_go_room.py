"""What Go kept while a disk was full is forgotten, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from crosscourse.run.process import CommandError
from toolchains import go_room

NOW = 1_800_000_000_000_000_000


def entry(cache: Path, number: int, at: int) -> Path:
    """An entry as Go writes it, used just now."""
    path = cache / f"{number:02x}" / f"{number:02x}{'0' * 62}-a"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"v1 {path.name[:-2]} {'1' * 64} {12:20} {at:20}\n")
    os.utime(path, ns=(NOW + 5, NOW + 5))
    return path


def test_what_was_kept_since_is_forgotten(tmp_path: Path) -> None:
    before, first, after = (entry(tmp_path, number, NOW + number - 1) for number in range(3))
    unused = entry(tmp_path, 7, NOW + 1)
    os.utime(unused, ns=(NOW - 10**10, NOW - 10**10))
    other = tmp_path / "00" / f"{'2' * 64}-a"
    other.write_text("no entry\n")
    program = tmp_path / "00" / f"{'2' * 64}-d"
    program.write_text("an object")
    assert go_room.forget(tmp_path, since=NOW) == 2
    assert [path for path in (before, first, after, unused, other, program) if not path.exists()] == [first, after]


def test_no_cache(tmp_path: Path) -> None:
    assert go_room.forget(tmp_path / "none", since=NOW) == 0


@pytest.mark.parametrize("full", [True, False])
def test_only_after_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    monkeypatch.setattr("crosscourse.run.disk.was_full", lambda: full)
    kept = entry(tmp_path, 1, time.time_ns())
    os.utime(kept)
    with pytest.raises(KeyError), go_room.forgetting(tmp_path):
        raise KeyError
    assert kept.exists() is not full


def test_linked_anew_only_where_objects_can_not_be_linked() -> None:
    tried = []

    def fails(tail: str) -> None:
        raise CommandError("go", "ended with exit status 1", tail)

    assert not go_room.linked(lambda: None, lambda: tried.append("anew"))
    with pytest.raises(CommandError):
        go_room.linked(lambda: fails("undefined: x"), lambda: tried.append("anew"))
    assert tried == []
    wrong = "a.F: relocation target a.g not defined for ABIInternal (but is defined for ABI0)"
    assert go_room.linked(lambda: fails(wrong), lambda: tried.append("anew"))
    assert tried == ["anew"]
