"""The scripts and units of packages: clean, and doing what they say, in a made-up root folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "releases" / "files"
SCRIPTS = sorted(path for path in FILES.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!"))
CONCOURSE = FILES / "concourse"
# Makes what `concourse generate-key -t TYPE -f FILE` makes.
GENERATE_KEY = """#!/bin/sh
echo "private $3" >"$5"
[ "$3" = rsa ] || echo "ssh-rsa AAAA$(basename "$5")" >"$5.pub"
"""


def test_the_scripts_are_clean() -> None:
    assert len(SCRIPTS) >= 12
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert shellcheck.exists(), "shellcheck is missing: tests/run installs it"
    done = subprocess.run([shellcheck, "--shell=sh", *SCRIPTS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_units_are_clean(tmp_path: Path) -> None:
    """In a root folder that has the programs that they start."""
    units = sorted(FILES.rglob("*.service"))
    assert units
    folder = tmp_path / "units"
    folder.mkdir()
    for unit in units:
        lines = unit.read_text().splitlines()
        for index, line in enumerate(lines):
            key, equals, program = line.partition("=")
            if key.startswith("ExecSt") and equals:
                lines[index] = f"{key}={shutil.which('true')} {program}"
        (folder / unit.name).write_text("\n".join(lines))
    done = subprocess.run(
        ["systemd-analyze", "verify", *(folder / unit.name for unit in units)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if str(folder) in line or "concourse" in line]
    assert (done.returncode, told) == (0, [])


class Node:
    """A made-up machine on which the packages are installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.program = root / "concourse"
        root.mkdir()
        self.program.write_text(GENERATE_KEY)
        self.program.chmod(0o755)
        small = root / "usr/share/concourse-worker/small.env"
        small.parent.mkdir(parents=True)
        shutil.copy(CONCOURSE / "small.env", small)

    def run(self, script: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        given = {"ROOT": str(self.root), "CONCOURSE": str(self.program), "WEB_KEYS": "/nowhere", **env}
        return subprocess.run(
            ["/bin/sh", CONCOURSE / script, *words],
            env={**os.environ, **given},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def set_up(self, *words: str, **env: str) -> str:
        done = self.run("concourse-worker-setup", "--no-start", *words, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def settings(self) -> dict[str, str]:
        text = (self.root / "etc/concourse/worker-setup.env").read_text()
        return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))

    def key(self, name: str) -> Path:
        return self.root / "etc/concourse/keys" / name


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "node")


def test_a_worker_is_set_up(node: Node) -> None:
    said = node.set_up("--tsa-host", "web", "--tsa-key", "ssh-rsa AAAAweb", "--name", "pi", "--tags", "a,b")
    assert node.settings() == {"CONCOURSE_TSA_HOST": "web:2222", "CONCOURSE_NAME": "pi", "CONCOURSE_TAG": "a,b"}
    assert node.key("tsa_host_key.pub").read_text() == "ssh-rsa AAAAweb\n"
    assert node.key("worker_key").stat().st_mode & 0o777 == 0o600
    # The line for the web node, by itself.
    assert said.splitlines()[-1] == "ssh-rsa AAAAworker_key"


def test_what_was_said_before_stays(node: Node) -> None:
    node.set_up("--tsa-host", "web:22", "--tsa-key", "ssh-rsa AAAAweb", "--small", "--tags", "a")
    key = node.key("worker_key").read_text()
    before = node.settings()
    node.program.write_text("#!/bin/sh\nexit 1\n")  # no second key is made
    node.set_up("--name", "other")
    assert node.settings() == {**before, "CONCOURSE_NAME": "other"}
    assert node.key("worker_key").read_text() == key
    node.set_up("--no-small", "--tags", "")
    assert node.settings() == {"CONCOURSE_TSA_HOST": "web:22", "CONCOURSE_NAME": "other"}


def test_the_key_may_be_in_a_file(node: Node, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("ssh-rsa AAAAfile\n")
    node.set_up("--tsa-host", "web", "--tsa-key", str(tmp_path / "key.pub"))
    assert node.key("tsa_host_key.pub").read_text() == "ssh-rsa AAAAfile\n"


@pytest.mark.parametrize(("runtime", "other"), [("containerd", "GARDEN"), ("guardian", "CONTAINERD")])
def test_small_settings_are_of_the_runtime_that_is_used(node: Node, runtime: str, other: str) -> None:
    node.set_up("--tsa-host", "web", "--tsa-key", "ssh-rsa AAAAweb", "--runtime", runtime, "--small")
    found = node.settings()
    assert any("MAX_CONTAINERS" in name for name in found)
    # With one of the other runtime's the worker would not start.
    assert not [name for name in found if name.startswith(f"CONCOURSE_{other}_")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "which web node?"),
        (["--tsa-host", "web"], "which key does the web node have?"),
        (["--tsa-host", "a b"], "'a b' is no HOST"),
        (["--tsa-host", "web", "--tsa-key", "AAAA"], "'AAAA' is neither a public key"),
        (["--tsa-host", "web", "--name", "a\nX=1"], "letters, digits"),
        (["--tsa-host", "web", "--tags", "$(x)"], "letters, digits"),
        (["--tsa-host", "web", "--runtime", "docker"], "neither containerd nor guardian"),
        (["--tsa-host"], "--tsa-host wants a value"),
        (["--verbose"], "what is '--verbose'?"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(node: Node, words: list[str], expected: str) -> None:
    done = node.run("concourse-worker-setup", *words)
    assert done.returncode == 1
    assert expected in done.stderr
    assert not (node.root / "etc/concourse/worker-setup.env").exists()


def test_keys_of_a_web_node_are_made_once_and_told(node: Node) -> None:
    first = node.run("web-keys")
    assert first.returncode == 0
    assert "--tsa-key 'ssh-rsa AAAAtsa_host_key'" in first.stdout
    made = {path.name: path.read_text() for path in node.key("").iterdir()}
    assert set(made) == {"session_signing_key", "tsa_host_key", "tsa_host_key.pub", "authorized_worker_keys"}
    assert made["authorized_worker_keys"] == ""
    assert {path.stat().st_mode & 0o077 for path in node.key("").iterdir()} == {0}
    node.program.write_text("#!/bin/sh\nexit 1\n")
    assert node.run("web-keys").stdout == first.stdout
    assert {path.name: path.read_text() for path in node.key("").iterdir()} == made


def test_a_worker_beside_a_web_node_joins_it(node: Node) -> None:
    web_keys = node.root / "web-keys"
    shutil.copy(CONCOURSE / "web-keys", web_keys)
    web_keys.chmod(0o755)
    for _ in range(2):
        node.set_up(WEB_KEYS=str(web_keys))
    assert node.settings() == {"CONCOURSE_TSA_HOST": "127.0.0.1:2222"}
    assert node.key("authorized_worker_keys").read_text() == "ssh-rsa AAAAworker_key\n"
    assert node.key("tsa_host_key.pub").read_text() == "ssh-rsa AAAAtsa_host_key\n"
    # The web node's own key is not written over by another's.
    done = node.run("concourse-worker-setup", "--tsa-host", "far", "--tsa-key", "ssh-rsa AAAAfar")
    assert "is the key of the web node on this machine" in done.stderr
    assert node.key("tsa_host_key.pub").read_text() == "ssh-rsa AAAAtsa_host_key\n"


@pytest.mark.parametrize(("how", "number"), [("now", 15), ("land", 10), ("retire", 12), ("nonsense", 15)])
def test_the_worker_is_ended_as_it_is_asked_for(how: str, number: int) -> None:
    with subprocess.Popen(["sleep", "60"]) as worker:
        done = stop(worker, WORKER_STOP=how)
        assert worker.returncode == -number
    assert done == 0


def test_a_worker_that_takes_too_long_is_made_to_end() -> None:
    script = "trap '' USR2; echo ready; while :; do sleep 0.1; done"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as worker:
        assert worker.stdout
        worker.stdout.readline()
        started = time.monotonic()
        stop(worker, WORKER_STOP="retire", WORKER_STOP_SECONDS="1")
        assert worker.returncode == -signal.SIGTERM
        assert time.monotonic() - started > 1


def stop(worker: subprocess.Popen[bytes], **env: str) -> int:
    """Run the script beside the worker, whose parent has to ask for its end: else it would stay, ended, for ever."""
    given = {**os.environ, "MAINPID": str(worker.pid), **env}
    with subprocess.Popen(["/bin/sh", CONCOURSE / "worker-stop"], env=given, stderr=subprocess.DEVNULL) as stopping:
        worker.wait(timeout=20)
        return stopping.wait(timeout=20)
