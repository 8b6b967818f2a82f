"""Which targets a call speaks of."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.stages import also_called, named_targets

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


def test_a_task_is_found_by_another_stage_when_it_is_asked_for() -> None:
    group: dict[str, Any] = {"basename": "boot-more:armv7", "name": None, "doc": "boot-more for armv7"}
    tasks: list[dict[str, Any]] = [
        group,
        *({"basename": "boot-more:armv7", "name": name, "doc": name} for name in ("deb", "image")),
    ]

    def found(*words: str) -> list[dict[str, Any]]:
        made = list(also_called(tasks, words, stage="boot-more", other="boot"))
        assert [task for task in made if task in tasks] == tasks
        return [task for task in made if task not in tasks]

    assert found("boot", "boot:armv7", "boot-more:armv7:deb", "boot:arm64:deb") == []
    assert found("boot:armv7:deb") == [
        {"basename": "boot:armv7:deb", "actions": None, "task_dep": ["boot-more:armv7:deb"], "doc": "deb"}
    ]
