"""``./doit cache``: what it says of a cache."""

import os
from pathlib import Path

import pytest

from crosscourse import files
from crosscourse.commands.cache import describe, human_age, human_size, statistics
from crosscourse.engine.cache.folder import Folder


def keep(cache: Folder, kind: str, *contents: str, used: float) -> None:
    cache.folder.parent.mkdir(exist_ok=True)
    outputs = {str(number): cache.folder.parent / str(number) for number in range(len(contents))}
    for path, content in zip(outputs.values(), contents, strict=True):
        path.write_text(content)
    key = files.digest_text(f"{kind} {contents}")
    assert cache.put(key, kind, outputs, {label: files.digest(path) for label, path in outputs.items()})
    os.utime(cache.folder / "entries" / key[:2] / f"{key}.json", (used, used))


def test_statistics(tmp_path: Path) -> None:
    cache = Folder(tmp_path / "results")
    assert statistics(cache) == {}
    keep(cache, "web", "x" * 10, used=3000)
    keep(cache, "compile", "x" * 10, "y", used=1000)
    keep(cache, "compile", "x" * 10, used=2000)
    found = statistics(cache)
    assert list(found) == ["compile", "web"]
    assert (found["compile"].entries, found["compile"].size, found["compile"].last_used) == (2, 11, 2000)
    assert (found["web"].entries, found["web"].size, found["web"].last_used) == (1, 10, 3000)


def test_describe(tmp_path: Path) -> None:
    cache = Folder(tmp_path / "results")
    assert list(describe(cache, limit=10**10, now=0)) == [f"0 B of at most 10.0 GB in {cache.folder}"]
    keep(cache, "root filesystem", "x" * 1500, used=0)
    keep(cache, "web", "y", used=0)
    made = min(one.oldest for one in statistics(cache).values())
    for path, _, _ in cache.entries():
        os.utime(path, (made + 86400, made + 86400))
    assert list(describe(cache, limit=10**6, now=made + 2 * 86400)) == [
        "kind             entries    size  oldest  last used",
        "root filesystem        1  1.5 kB  2 days      1 day",
        "web                    1     1 B  2 days      1 day",
        "",
        f"1.5 kB of at most 1.0 MB in {cache.folder}",
    ]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (10**10, "10.0 GB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_human_size(size: int, expected: str) -> None:
    assert human_size(size) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "now"), (59, "now"), (60, "1 minute"), (7199, "1 hour"), (7200, "2 hours"), (12.5 * 86400, "12 days")],
)
def test_human_age(seconds: float, expected: str) -> None:
    assert human_age(seconds) == expected
