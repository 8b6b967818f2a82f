"""Incremental equals clean, in short: a change of each sort, and those that once were found to break it.

All of it, at length: ``python -m tests.equals``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec.toml
import pytest

from tests.endtoend.conftest import ROOT
from tests.equals import sequences, tables, toml
from tests.equals.check import Checker
from tests.equals.lab import Lab, make_lab
from tests.equals.sequences import Action, Course
from tests.equals.state import CHECKOUT, EXAMPLE, MANIFEST
from tests.equals.tables import TableChange

CHANGES = sequences.all_changes(ROOT)
# Each was a finding once.
FOUND = (
    # Go's build cache does not look into headers that are not in the package's own folder.
    f"{CHECKOUT}: the header below, other text",
    # gperf writes into the header how it was called: with the path of the cache folder.
    "printer: artifact.libprinter.headers.w.h '{generated}/words.h'",
)
OF_EACH_SORT = (
    f"{CHECKOUT}: a header in place of the generated one",
    f"{CHECKOUT}: the package, another file",
    f"{CHECKOUT}: words a link",
    f"{EXAMPLE}: code of cprinter",
    "printer: artifact.libprinter.cflags ['-O1']",
    "printer: artifact.libprinter.headers.print.h left out",
    "targets: armv7.elf.cpu 8",
    "patch: ', patched\\\\n' → ', patched twice\\\\n'",
)
SEQUENCE: tuple[Action, ...] = (
    ("change", f"{CHECKOUT}: code of the library", 0),
    ("change", "printer: release.version '1.0x'", 0),
    ("output damaged", "", 0.9),
    ("undo", "", 0),
    ("clean", "", 0),
    ("other checkout", "", 0),
    # What is taken from the cache is found to be damaged: a finding once.
    ("all blobs damaged", "", 0),
    ("undo", "", 0),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return make_lab(tmp_path_factory.mktemp("equals"))


@pytest.mark.parametrize("name", [*FOUND, *OF_EACH_SORT])
def test_after_a_change_the_bytes_are_those_of_a_clean_build(lab: Lab, name: str) -> None:
    checker, change = Checker(lab=lab), CHANGES[name]
    lab.restart(lab.one)
    if sequences.prepare(change, lab.one.root):
        assert checker.check("before", lab.one) == []
    change(lab.one.root)
    assert checker.check(name, lab.one) == []
    assert checker.refused == 0


def test_after_a_sequence_of_changes_the_bytes_are_those_of_a_clean_build(lab: Lab) -> None:
    lab.restart(lab.one)
    checker = Checker(lab=lab)
    assert Course(checker=checker, changes=CHANGES).run(SEQUENCE) == []
    assert checker.checked > len(SEQUENCE)


def test_each_key_of_the_release_is_changed_by_something() -> None:
    data = msgspec.toml.decode((ROOT / MANIFEST).read_bytes())
    changed = {change.key for change in tables.manifest_changes(ROOT)}
    assert set(leaves(data, ())) - changed == set()


def leaves(value: Any, key: tables.Key) -> Iterator[tables.Key]:
    """The keys of all values that are neither table nor list."""
    if isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for name, one in inner:
            yield from leaves(one, (*key, name))
    else:
        yield key


@pytest.mark.parametrize("changes", [tables.manifest_changes, tables.target_changes])
def test_each_change_of_a_table_changes_something(tmp_path: Path, changes: Callable[[Path], list[TableChange]]) -> None:
    for change in changes(ROOT):
        before = (ROOT / change.file).read_bytes()
        path = tmp_path / change.file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(before)
        change(tmp_path)
        assert path.read_text() != toml.dump(msgspec.toml.decode(before)), change.name
