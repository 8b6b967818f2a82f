"""A person's settings: the file, and what the command line says over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.errors import CrosscourseError, ManifestError, UnknownNameError
from crosscourse.settings import Chosen, read_settings


def test_nothing_said(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}) == Chosen()


def test_the_command_line_overrules_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "typed").mkdir()
    (tmp_path / "crosscourse.toml").write_text(
        'release = "a"\ntarget = "b"\njobs = 2\n[override]\nx = "own"\ny = "own"\n[omit]\nz = ["/big"]\n'
    )
    monkeypatch.setenv("CROSSCOURSE_CWD", str(tmp_path))
    settings = read_settings(tmp_path, {"release": "c", "override": "x=typed", "jobs": "3", "cache": "here"})
    assert (settings.release, settings.target, settings.jobs) == ("c", "b", 3)
    assert settings.override == {"x": str(tmp_path / "typed"), "y": str(tmp_path / "own")}
    assert settings.typed == ["x"]
    assert settings.omit == {"z": ["/big"]}
    assert settings.cache == str(tmp_path / "here")


def test_artifacts_are_chosen_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "crosscourse.toml").write_text("[artifacts]\nui = false\nother = true\n")
    settings = read_settings(tmp_path, {"ui": "yes", "third": "no"})
    assert settings.artifacts == {"ui": True, "other": True, "third": False}
    assert settings.typed_artifacts == ["ui", "third"]
    with pytest.raises(UnknownNameError, match="variable 'ui'"):
        read_settings(tmp_path, {"ui": "perhaps"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[artifacts]\nui = 'no'", "artifacts.ui: expected `bool`, got `str`"),
        ("releas = 'x'", "releas: unknown key. Did you mean 'release'?"),
        ("typed = []", "typed: unknown key"),
        ("jobs = 0", "jobs: expected `int` >= 1"),
        ("[omit]\nx = 'y'", "omit.x: expected `array`, got `str`"),
        ("release =", "not valid TOML"),
        ("cache-size = 'much'", "cache-size: expected a size such as '10 GB'"),
        ("cache-size = 10", "cache-size: expected"),
    ],
)
def test_malformed_file(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "crosscourse.toml").write_text(text)
    with pytest.raises(ManifestError) as caught:
        read_settings(tmp_path, {})
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "variables", [{"jobs": "0"}, {"jobs": "many"}, {"override": "x"}, {"override": "x="}, {"override": "x=/no/such"}]
)
def test_bad_variables(tmp_path: Path, variables: dict[str, str]) -> None:
    with pytest.raises(CrosscourseError):
        read_settings(tmp_path, variables)


def test_unknown_variable(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'release'"):
        read_settings(tmp_path, {"relaese": "x"})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", 10 * 10**9),
        ("cache-size = '500 MB'", 500 * 10**6),
        ("cache-size = '2.5GB'", 2_500_000_000),
        ("cache-size = ' 1 TB '", 10**12),
        ("cache-size = '0 GB'", 0),
    ],
)
def test_size_of_the_result_cache(tmp_path: Path, line: str, expected: int) -> None:
    (tmp_path / "crosscourse.toml").write_text(line)
    assert read_settings(tmp_path, {}).cache_bytes == expected


def test_what_boots_run_in(tmp_path: Path) -> None:
    (tmp_path / "crosscourse.toml").write_text('machine = "native"\n')
    assert read_settings(tmp_path, {}).machine == "native"
    assert read_settings(tmp_path, {"machine": "qemu"}).machine == "qemu"
    with pytest.raises(UnknownNameError, match=r"(?s)machine 'nativ'.*Did you mean 'native'"):
        read_settings(tmp_path, {"machine": "nativ"})
    (tmp_path / "crosscourse.toml").write_text('machine = "kvm"\n')
    with pytest.raises(ManifestError, match="machine"):
        read_settings(tmp_path, {})
