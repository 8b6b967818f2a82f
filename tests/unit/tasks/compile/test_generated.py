"""Files that are made of a source before it is compiled: run for real, in a folder with nothing but the inputs."""

from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.locks import Lock
from crosscourse.manifest.model import Manifest
from tasks.compile import generated, go_binary
from tasks.compile.generated import GeneratedSourceBuild
from tasks.compile.inputs import AssetsError
from tasks.kinds import TABLES, kind_of, step_name
from tests.unit.places import make_places
from toolchains.targets import get_target

TEXT = """
[release]
name = "x"
version = "7"
title = "X"
date = 2026-01-01T00:00:00Z
root = "x"
targets = ["armv7"]
[toolchain]
go = "1"
[source.a]
url = "https://example.org/a"
commit = "0123456789012345678901234567890123456789"
[artifact.program]
kind = "go-binary"
source = "a"
package = "."
assets = ["packed"]
path = "bin/program"
[artifact.packed]
kind = "generated-source"
source = "a"
inputs = ["words", "go.mod"]
run = [["go", "run", "example.org/pack"], ["python", "-c", "pass"]]
outputs = ["deep/words.go"]
files = { "words/two" = "2" }
"""

WRITE = """
from pathlib import Path
words = sorted(path.name + "=" + path.read_text() for path in Path("words").iterdir())
Path("deep").mkdir()
Path("deep/words.go").write_text(" ".join(words))
"""


def load(tmp_path: Path, *changes: tuple[str, str]) -> Manifest:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "x.toml").write_text(text)
    return load_manifest(tmp_path / "x.toml", patches=tmp_path, tables=TABLES)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "words").mkdir(parents=True)
    (folder / "words" / "one").write_text("1")
    (folder / "words" / "two").write_text("to be replaced")
    (folder / "not-read").write_text("x")
    return folder


def made(command: str = WRITE, outputs: tuple[str, ...] = ("deep/words.go",)) -> GeneratedSourceBuild:
    return GeneratedSourceBuild(
        inputs=("words",), files={"words/two": "2"}, run=(("python", "-c", command),), outputs=outputs
    )


def test_a_program_is_made_of_them_whatever_the_target(tmp_path: Path) -> None:
    manifest = load(tmp_path)
    packed = manifest.artifact["packed"]
    armv7, arm64 = get_target("armv7"), get_target("arm64")
    assert step_name(armv7, "packed", packed) == step_name(arm64, "packed", packed) == "assets:packed"
    spec = kind_of(packed).spec_of(manifest, armv7, Lock(), "packed", packed)
    assert generated.needs(spec) == ("toolchain:go",)
    program = manifest.artifact["program"]
    assert "assets:packed" in go_binary.needs(kind_of(program).spec_of(manifest, armv7, Lock(), "program", program))


def test_they_are_made_of_the_inputs_and_files_alone(tmp_path: Path, source: Path) -> None:
    at = make_places(tmp_path / "work", source_folder=source, labels=("deep/words.go",))
    generated.build(made(f"{WRITE}\nassert not Path('not-read').exists()"), at)
    assert at.output("deep/words.go").read_text() == "one=1 two=2"
    assert (source / "words" / "two").read_text() == "to be replaced"
    assert not (source / "deep").exists()


def test_what_is_made_and_not_promised_is_told(tmp_path: Path, source: Path) -> None:
    at = make_places(tmp_path / "work", source_folder=source, labels=("deep/words.go",))
    with pytest.raises(AssetsError, match=r"^deep/more\.go: was made, but the manifest does not say so"):
        generated.build(made(f"{WRITE}\nPath('deep/more.go').touch()"), at)


def test_what_was_promised_and_is_not_made_is_told(tmp_path: Path, source: Path) -> None:
    at = make_places(tmp_path / "work", source_folder=source, labels=("deep/words.go",))
    with pytest.raises(AssetsError, match=r"^deep/words\.go: was not made"):
        generated.build(made("pass"), at)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["python", "-c", "pass"]', '["make"]', r"artifact\.packed\.run: 'make' is none of go, python"),
        ('outputs = ["deep', 'path = "x"\noutputs = ["deep', r"artifact\.packed\.path: "),
        ('["deep/words.go"]', '["a.go", "a.go"]', r"artifact\.packed\.outputs: 'a\.go' is named twice"),
        ('go = "1"', "", r"artifact\.packed: runs Go, but \[toolchain\] names no version of go"),
    ],
)
def test_what_a_manifest_may_not_say(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(ManifestError, match=expected):
        load(tmp_path, (old, new))
