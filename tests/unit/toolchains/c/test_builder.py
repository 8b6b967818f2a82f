"""C without make: what is generated, and in which words the compiler is called."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError
from crosscourse.run import process
from crosscourse.run.environment import base_environment
from toolchains.c.builder import Builder, Generate, fill_in


def builder(folder: Path) -> Builder:
    def run(argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str:
        return process.run(list(argv), log=folder / "log", env=env, cwd=cwd)

    (folder / "source").mkdir()
    return Builder(
        compiler=["false"],
        static=["-static"],
        archiver=["false"],
        env=base_environment(),
        source=folder / "source",
        generated=folder / "generated",
        objects=folder / "objects",
        run=run,
        program=lambda name: Path(sys.executable) if name == "python" else folder / name,
        status=print,
    )


def test_generated_files(tmp_path: Path) -> None:
    made = builder(tmp_path)
    (made.source / "x.in").write_text("@A@ @AB@")
    copy = "import pathlib, sys; pathlib.Path('z').write_text(pathlib.Path(sys.argv[1], 'x.in').read_text() + 'z')"
    made.generate(
        [
            Generate(output="deep/content.h", content="text"),
            Generate(output="y", template="x.in", replace={"@A@": "1"}),
            Generate(output="again", template="{generated}/y", replace={"@AB@": "2"}),
            Generate(output="z", command=["python", "-c", copy, "{source}"]),
        ]
    )
    texts = {str(p.relative_to(made.generated)): p.read_text() for p in made.generated.rglob("*") if p.is_file()}
    assert texts == {"deep/content.h": "text", "y": "1 @AB@", "again": "1 2", "z": "@A@ @AB@z"}


def test_where_a_generator_is_does_not_matter(tmp_path: Path) -> None:
    """As gperf does, it writes into the file how it was called."""
    made = builder(tmp_path)
    made.program("tool").symlink_to(os.path.realpath(sys.executable))
    words = ["tool", "-c", "import sys; open('x', 'w').write(sys.orig_argv[0])"]
    made.generate([Generate(output="x", command=words)])
    assert (made.generated / "x").read_text() == "tool"


def test_a_command_that_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CrosscourseError, match="generate x: was not made"):
        builder(tmp_path).generate([Generate(output="x", command=["python", "-c", ""])])


def test_replacing_does_not_depend_on_order() -> None:
    replace = {"VERSION": "1", "VERSION_MAJOR": "2"}
    assert fill_in("VERSION_MAJOR.VERSION", replace) == "2.1"
    assert fill_in("VERSION_MAJOR.VERSION", dict(reversed(replace.items()))) == "2.1"
