"""The pipeline of a boot, which names nothing that is not there, and how fly's answers are read."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crosscourse.manifest.boot import Registry
from tasks.boot.report import RowError
from tasks.boot.rows import pipeline, worker
from tasks.boot.rows.fly import Build, Fly, FlyError, OnHost, lines_with
from tasks.boot.rows.pipeline import PROGRAMS, task
from tests.unit.places import make_places

PIPELINE = pipeline.pipeline(5000, Registry())
RESOURCES = {resource["name"]: resource for resource in PIPELINE["resources"]}
JOBS = {job["name"]: job["plan"] for job in PIPELINE["jobs"]}
TASKS = [
    pytest.param(step["config"]["run"]["args"][1], id=f"{name}-{step['task']}")
    for name, plan in JOBS.items()
    for step in plan
    if "task" in step
]


def test_it_is_data() -> None:
    assert json.loads(json.dumps(PIPELINE)) == PIPELINE
    assert pipeline.pipeline(5000, Registry()) == PIPELINE


def test_resources_are_on_the_hosts_registry() -> None:
    assert {name: resource["source"]["repository"] for name, resource in RESOURCES.items()} == {
        "image": "10.0.2.2:5000/crosscourse/image",
        "copy": "10.0.2.2:5000/crosscourse/copy",
    }
    for resource in RESOURCES.values():
        assert resource["type"] == "registry-image"
        assert resource["source"]["insecure"] is True
        assert resource["check_every"] == "never"


@pytest.mark.parametrize("job", PIPELINE["jobs"], ids=JOBS)
def test_steps_refer_to_what_is_there(job: dict[str, Any]) -> None:
    assert job["serial"] is True
    known: set[str] = set()
    for step in job["plan"]:
        if "get" in step:
            assert step.get("resource", step["get"]) in RESOURCES
            known.add(step["get"])
        elif "put" in step:
            assert step["put"] in RESOURCES
            assert step["params"]["image"].partition("/")[0] in known
        else:
            config = step["config"]
            assert step["image"] in known
            assert {one["name"] for one in config.get("inputs", [])} <= known
            assert config["platform"] == "linux"
            assert config["run"]["path"] == "sh"
            known |= {one["name"] for one in config.get("outputs", [])}


def test_names_are_used_once() -> None:
    assert len(JOBS) == len(PIPELINE["jobs"])
    assert len(RESOURCES) == len(PIPELINE["resources"])


def test_only_the_job_of_that_name_is_privileged() -> None:
    assert [name for name, plan in JOBS.items() if any(step.get("privileged") for step in plan)] == ["privileged"]


def test_the_jobs_that_a_worker_is_given_exist() -> None:
    assert set(worker._TOGETHER) | {"get", "again", "long", "patient"} == set(JOBS)


def script_of(job: str) -> str:
    (step,) = (step for step in JOBS[job] if "task" in step)
    text: str = step["config"]["run"]["args"][1]
    return text


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_is_tried(name: str) -> None:
    title, command = PROGRAMS[name]
    assert title
    assert f"try {name} {command}" in script_of("programs").splitlines()
    assert shlex.split(command)


@pytest.mark.parametrize("script", TASKS)
def test_scripts_are_ones_of_a_shell(script: str) -> None:
    subprocess.run(["sh", "-n"], input=script, check=True, text=True)


def tried(*commands: str) -> list[list[str]]:
    """What the script of the programs' job prints for other programs, as the worker's rows read it."""
    start = script_of("programs").partition("\ntry ")[0]
    lines = "\n".join(f"try {command}" for command in commands)
    command = ["sh", "-c", f"{start}\n{lines}\nexit 0"]
    said = subprocess.run(command, input="typed", check=True, capture_output=True, text=True).stdout
    return [line.split(maxsplit=5)[1:] for line in lines_with(said, "TRIED")]


def test_what_a_program_said_and_how_it_ended() -> None:
    rows = tried("a sh -c 'echo one; echo two >&2; exit 3'", "b true", "c no-such-program", "d cat", "e echo last")
    assert [(row[0], row[1], row[4:]) for row in rows] == [
        ("a", "3", ["one two"]),
        ("b", "0", []),
        ("c", "127", rows[2][4:]),
        ("d", "0", []),
        ("e", "0", ["last"]),
    ]
    assert "no-such-program" in rows[2][4]
    for _, _, began, ended, *_ in rows:
        assert 0 < float(began) <= float(ended)


def test_what_a_program_said_is_no_pattern() -> None:
    assert tried("a echo '/*'")[0][4:] == ["/*"]


def test_task() -> None:
    made = task("x", "echo", privileged=True, inputs=[{"name": "a"}])
    assert made == {
        "task": "x",
        "image": "image",
        "privileged": True,
        "config": {"platform": "linux", "run": {"path": "sh", "args": ["-c", "echo"]}, "inputs": [{"name": "a"}]},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("TRIED a 0\nother\nTRIED b 1", ["TRIED a 0", "TRIED b 1"]),
        ("\x1b[1mTRIED a\x1b[0m 0\r\n", ["TRIED a 0"]),
        ("10%\r50%\rTRIED a 0", ["TRIED a 0"]),
        ("  TRIED a  \n not TRIED b", ["TRIED a"]),
    ],
)
def test_lines_with(text: str, expected: list[str]) -> None:
    assert lines_with(text, "TRIED") == expected


def test_an_error_of_fly_is_told_as_a_person_would_have_seen_it() -> None:
    error = FlyError("fly watch", "ended with exit status 2", "\x1b[31mfetching\x1b[0m\r\n\n  done\n")
    assert str(error) == "fly watch: ended with exit status 2:\nfetching\n  done"
    assert (error.ending, error.said) == ("ended with exit status 2", "fetching\n  done")


def test_what_was_overwritten_is_not_told() -> None:
    assert FlyError("fly watch", "ended", "10%\r50%\r100%\ndone\n").said == "100%\ndone"


def test_the_status_of_a_time_out_says_so() -> None:
    error = FlyError("fly watch", "ended with exit status 124", "")
    assert "exit status 124 (its time was over)" in str(error)


# A program that ends as a build does, and tells how long builds took.
FLY = """\
#!/bin/sh
echo "$HOME $*" >>"$HOME/calls"
case $3 in
    watch) echo "watched $7"; exit $(cat "$HOME/status") ;;
    builds) echo '[{"name": "8"}, {"name": "7", "start_time": 100, "end_time": 112}]' ;;
    trigger-job) cat "$HOME/said" ;;
    hang) exec sleep 60 ;;
esac
"""


@pytest.fixture
def fly(tmp_path: Path) -> Fly:
    program = tmp_path / "fly"
    program.write_text(FLY)
    program.chmod(0o755)
    return Fly(caller=OnHost(program=program, home=tmp_path, at=make_places(tmp_path)))


BUILD = Build(job="fails", number="7")


def home(fly: Fly) -> Path:
    assert isinstance(fly.caller, OnHost)
    return fly.caller.home


def ends_with(fly: Fly, status: int) -> Fly:
    (home(fly) / "status").write_text(str(status))
    return fly


def test_a_build_that_succeeds(fly: Fly) -> None:
    ended = ends_with(fly, 0).await_build(BUILD)
    assert (ended.said, ended.seconds) == ("watched 7\n", 12)
    assert (home(fly) / "calls").read_text().splitlines() == [
        f"{home(fly)} -t boot watch -j boot/fails -b 7",
        f"{home(fly)} -t boot builds -j boot/fails --json",
    ]


def test_a_build_that_fails(fly: Fly) -> None:
    with pytest.raises(FlyError, match="fly watch: ended with exit status 2:\nwatched 7"):
        ends_with(fly, 2).await_build(BUILD)


def test_a_failure_that_is_expected(fly: Fly) -> None:
    ended = ends_with(fly, 3).await_failure(BUILD, 3)
    assert (ended.said, ended.seconds) == ("watched 7", 12)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, "job fails: succeeded, expected exit status 3:\nwatched 7"),
        (1, "job fails: ended with exit status 1, not exit status 3:\nwatched 7"),
        (31, "job fails: ended with exit status 31, not exit status 3"),
        (124, r"its time was over\), not exit status 3"),
    ],
)
def test_another_end_than_the_expected_one(fly: Fly, status: int, expected: str) -> None:
    with pytest.raises(RowError, match=expected):
        ends_with(fly, status).await_failure(BUILD, 3)


def test_a_build_is_known_by_its_number(fly: Fly) -> None:
    (home(fly) / "said").write_text("started boot/get #12\n")
    assert fly.trigger("get") == Build(job="get", number="12")
    (home(fly) / "said").write_text("nothing\n")
    with pytest.raises(RowError, match="named no build: 'nothing"):
        fly.trigger("get")


def test_a_call_has_an_end(fly: Fly) -> None:
    with pytest.raises(FlyError, match="its time was over"):
        fly.call("hang", seconds=1)


def test_the_pipeline_is_given_as_a_file(fly: Fly, tmp_path: Path) -> None:
    fly.set_pipeline(PIPELINE)
    assert isinstance(fly.caller, OnHost)
    path = fly.caller.at.scratch / "pipeline.json"
    assert json.loads(path.read_text()) == PIPELINE
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"{tmp_path} -t boot set-pipeline -n -p boot -c {path}",
        f"{tmp_path} -t boot unpause-pipeline -p boot",
    ]


def test_an_older_type_is_told_what_it_understands() -> None:
    old = pipeline.pipeline(5000, Registry(insecure=False, skip_download=False, check_every="24h"))
    assert all("insecure" not in resource["source"] for resource in old["resources"])
    assert {resource["check_every"] for resource in old["resources"]} == {"24h"}
    puts = [step for job in old["jobs"] for step in job["plan"] if "put" in step]
    assert [step["get_params"] for step in puts] == [{}]
