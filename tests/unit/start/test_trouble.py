"""Why .venv can't be made, by what uv and pip printed and what room there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.start import trouble

ROOMY = [(Path("/x"), 1 << 40)]
INDEX = "https://index.example/simple/doit/"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("DO NOT MATCH THE HASHES", "not what requirements.txt pins"),
        (f"Could not fetch URL {INDEX}: 500 Server Error: Internal Server Error for url: {INDEX}", "an error (500)"),
        ("(Caused by ResponseError('too many 503 error responses'))", "an error (503)"),
        (f"404 Client Error: Not Found for url: {INDEX}", "an error (404)"),
        ("NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')", "be reached"),
        ("Could not find a version that satisfies the requirement x==1 (from versions: none)", "be reached"),
        ("error: something else on line 500", "When the cause is removed"),
        ("No space left on device", "When the cause is removed, run the same command again. It speaks of a full disk."),
    ],
)
def test_reasons(output: str, said: str) -> None:
    assert said in "\n".join(trouble.reasons(output, ROOMY))


@pytest.mark.parametrize(("output", "free"), [("", 1 << 20), ("No space left on device", 100 << 20)])
def test_a_full_disk(output: str, free: int) -> None:
    assert "The disk is full (/y: " in trouble.reasons(output, [*ROOMY, (Path("/y"), free)])[0]


def test_what_is_said_again_and_again_is_shown_once() -> None:
    lines = [f"Retrying (total={n}) <Connection at 0x7f{n}>" for n in range(60)]
    assert trouble.shown("\n".join([*lines, "Ignoring x: markers", "the end"])) == [lines[0], "the end"]


def test_passwords_are_not_shown() -> None:
    assert trouble.shown("from https://me:secret@index.example/simple") == ["from https://...@index.example/simple"]
