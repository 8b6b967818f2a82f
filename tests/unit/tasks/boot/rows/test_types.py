"""The pipeline that tries resource types, and its rows."""

from __future__ import annotations

import base64
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crosscourse.manifest.boot import BootWorker, Try
from crosscourse.manifest.load import load_manifest
from tasks.boot.rows import types
from tasks.boot.rows.types import look_job, pipeline
from tasks.boot.session import Session
from tasks.boot.specs import WorkerBoot
from tasks.kinds import TABLES
from tests.unit.places import make_places

ROOT = Path(__file__).resolve().parents[5]
TRIES = {
    "image": Try(title="an image", type="mock", put={"version": "2"}),
    "one": Try(
        title="one",
        type="git",
        source={"uri": "{git.ssh}/main", "branch": "main"},
        get={"depth": 1},
        put={"repository": "one"},
        put_source={"branch": "other"},
        got={"a file": "text", "b": "{git.user}"},
    ),
    "two": Try(title="two", type="time", got={"c": "x"}),
}
VALUES = {"git.ssh": "ssh://here", "git.user": "me"}


def real() -> BootWorker:
    path = ROOT / "releases" / "concourse-8.2.5.toml"
    boot = load_manifest(path, patches=ROOT / "vendor-patches", tables=TABLES).boot
    assert isinstance(boot, BootWorker)
    return boot


def test_each_is_got_and_what_is_put_has_a_resource_of_its_own() -> None:
    found = pipeline(TRIES, VALUES)
    resources = {one["name"]: one for one in found["resources"]}
    assert list(resources) == ["image", "image-copy", "one", "one-copy", "two"]
    assert {one["check_every"] for one in resources.values()} == {"never"}
    assert resources["one"]["source"] == {"uri": "ssh://here/main", "branch": "main"}
    assert resources["one-copy"]["source"] == {"uri": "ssh://here/main", "branch": "other"}
    jobs = {job["name"]: job["plan"] for job in found["jobs"]}
    groups = {job["name"]: job["serial_groups"] for job in found["jobs"]}
    assert (groups["one"], groups["two"], groups["one-copy"]) == (["gets"], ["gets"], ["puts"])
    assert jobs["one-copy"] == [
        {"get": "one", "params": {"depth": 1}, "trigger": True, "passed": ["one"]},
        {"put": "one-copy", "params": {"repository": "one"}, "get_params": {"depth": 1}},
    ]
    again = pipeline({"one": msgspec.structs.replace(TRIES["one"], again=False)}, VALUES)["jobs"][1]["plan"][1]
    assert again == {"put": "one-copy", "params": {"repository": "one"}, "no_get": True}
    assert jobs["two"] == [{"get": "two", "params": {}, "trigger": True}]
    assert "two-copy" not in jobs


def test_the_task_prints_what_is_in_the_files(tmp_path: Path) -> None:
    job = look_job(TRIES, "image")
    assert [step["get"] for step in job["plan"][:-1]] == ["image", "one", "two"]
    config = job["plan"][-1]["config"]
    assert config["inputs"] == [{"name": "one"}, {"name": "two"}]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "b").write_bytes(b"me\nand more\n")
    words = [config["run"]["path"], *config["run"]["args"]]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    rows = types.contents_of(said)
    assert rows["one/b"] == "me\nand more\n"
    assert "No such file" in rows["two/c"]


def boot_of(tmp_path: Path, tries: dict[str, Try]) -> types.Types:
    spec = msgspec.convert(
        {
            **{"title": "x", "root": "x", "target": "armv7", "machine": None, "memory": 1, "package": "p"},
            **{"system": "s", "worker": "w", "platform": "p", "date": 1, "web": "w", "fly": "f", "image": ""},
            **{"stand_ins": "s", "servers": {}, "tries": {}, "kind": "worker", "type": "worker"},
            "scenario": {"runtime": "containerd", "rows": "types", "image": "image"},
        },
        WorkerBoot,
        strict=False,
    )
    spec = msgspec.structs.replace(spec, tries=tries)
    session = Session(spec=spec, at=make_places(tmp_path), folder=tmp_path, logs=tmp_path, stack=ExitStack())
    return types.Types(session=session, spec=spec, values=VALUES)


def test_rows_come_in_the_order_of_their_needs(tmp_path: Path) -> None:
    course = boot_of(tmp_path, TRIES)
    rows = list(types.checks(course.session, course.spec))
    names = [row.name for row in rows]
    assert names == [
        *("servers", "boot", "worker", "image-check", "one-check", "two-check", "image-get", "one-get", "two-get"),
        *("files", "image-put", "one-put", "stop"),
    ]
    for number, row in enumerate(rows):
        assert set(row.needs) <= set(names[:number])
    needs = {row.name: row.needs for row in rows}
    assert needs["files"] == ("image-get",)
    assert needs["one-put"] == ("one-get",)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({"one/a file": "a text", "one/b": "it is me"}, []),
        ({"one/a file": "a text", "one/b": "it is you"}, ["one/b has 'it is you', without 'me'"]),
        ({"one/b": "me"}, ["one/a file has '', without 'text'"]),
    ],
)
def test_files_are_compared(found: dict[str, str], wrong: list[str]) -> None:
    assert types.wrong_files({"one": {"a file": "text", "b": "me"}, "two": {}}, found) == wrong


def test_the_release_tries_its_types() -> None:
    boot = real()
    found = pipeline(boot.try_, {})
    assert json.loads(json.dumps(found)) == found
    kinds = {server.kind for server in boot.server.values()}
    assert kinds == {"git", "github-api", "hg", "https", "s3"}
    (scenario,) = (one for one in boot.scenario.values() if one.rows == "types")
    assert scenario.image is not None
    assert boot.try_[scenario.image].source["mirror_self"] is True


def test_what_a_proxy_says_of_files_is_true_of_them() -> None:
    """Digests in one file that is served, of another one."""
    import hashlib

    files = real().server["https"].files
    for said in ("api/v1/stemcells/bosh-crosscourse", "api/v1/releases/github.com/crosscourse/release"):
        (row,) = json.loads(files[f"bosh.io/{said}"])
        details: dict[str, Any] = row.get("regular", row)
        content = files[details["url"].removeprefix("https://")].encode()
        assert details["sha1"] == hashlib.sha1(content).hexdigest()  # noqa: S324
        assert details["sha256"] == hashlib.sha256(content).hexdigest()
        assert details.get("size", len(content)) == len(content)


def test_lines_of_a_build_that_are_no_files_are_left_out() -> None:
    path, other, text = (base64.b64encode(word).decode() for word in (b"a b", b"c", b"x"))
    assert types.contents_of(f"selected worker: guest\nFILE {path} {text}\nFILE {other} \n") == {"a b": "x", "c": ""}
