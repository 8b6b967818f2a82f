"""A made-up release of many sources and artifacts, to see how costs grow with their number.

Tiny Go programs, from local sources in ``examples/``; one of them prints what it is, and imports nothing.
"""

from __future__ import annotations

from pathlib import Path

from crosscourse.manifest.model import Manifest

NAME = "made-up"


def write_release(folder: Path, like: Manifest, *, sources: int, artifacts: int) -> None:
    """Write the release and its sources into a copy of this project. ``like``: which Go, targets and date it has."""
    tables = [
        "[release]",
        f'name = "{NAME}"',
        'version = "1.0"',
        f'title = "{sources} sources, {artifacts} artifacts"',
        "date = 2026-01-01T00:00:00Z",
        f'root = "{NAME}"',
        f"targets = {_texts(like.release.targets)}",
        "[toolchain]",
        f'go = "{like.toolchain["go"]}"',
        "[go]",
        f"flags = {_texts(like.go.flags)}",
        f"ldflags = {_texts(like.go.ldflags)}",
        f"tags = {_texts(like.go.tags)}",
    ]
    for number in range(sources):
        name = f"source-{number}"
        files = {"go.mod": f"module crosscourse.example/{name}\n\ngo 1.22\n"}
        tables += [f"[source.{name}]", f'url = "examples/{name}"', 'version = "1.0"', 'modules = "proxy"']
        # Each of the sources has its share of the programs.
        for program in range(number, artifacts, sources):
            path = f"cmd/program-{program}"
            files[f"{path}/main.go"] = f'package main\n\nfunc main() {{ println("{path}") }}\n'
            tables += [f"[artifact.program-{program}]", 'kind = "go-binary"', f'source = "{name}"']
            tables += [f'package = "./{path}"', f'path = "bin/program-{program}"']
        for path, text in files.items():
            place = folder / "examples" / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
    (folder / "releases" / f"{NAME}.toml").write_text("\n".join(tables) + "\n", encoding="utf-8")


def _texts(texts: list[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"
