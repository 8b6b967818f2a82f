"""What Node.js and its package managers are told: how a registry is reached, and nothing else of the user's."""

import subprocess
from pathlib import Path

import pytest

from toolchains import node

PROGRAM = Path("/tools/node/bin/node")


def test_a_registry_is_reached_as_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "NPM_CONFIG_REGISTRY": "https://mirror.example/npm",
        "npm_config_cafile": "/ca.pem",
        "npm_config_ignore_scripts": "false",
        "NODE_EXTRA_CA_CERTS": "/more.pem",
        "NODE_OPTIONS": "--require /evil.js",
        "YARN_NPM_AUTH_TOKEN": "secret",
        "YARN_ENABLE_SCRIPTS": "1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = node.reaching(PROGRAM)
    kept = {name: found[name] for name in given if name in found}
    assert kept == {
        name: given[name]
        for name in ("NPM_CONFIG_REGISTRY", "npm_config_cafile", "NODE_EXTRA_CA_CERTS", "YARN_NPM_AUTH_TOKEN")
    }
    assert found["PATH"].startswith("/tools/node/bin:")


def test_what_is_made_knows_no_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NPM_CONFIG_REGISTRY", "SSL_CERT_FILE", "YARN_NPM_AUTH_TOKEN"):
        monkeypatch.setenv(name, "https://user:secret@proxy.example")
    found = node.alone(
        PROGRAM, caches=tmp_path / "caches", home=tmp_path / "home", programs=[Path("/x/.bin")], MORE="1"
    )
    assert "proxy.example" not in str(found)
    assert found["YARN_ENABLE_NETWORK"] == "0"
    assert found["YARN_ENABLE_SCRIPTS"] == "0"
    assert found["YARN_IGNORE_PATH"] == "1"
    assert found["HOME"] == str(tmp_path / "home")
    assert found["MORE"] == "1"
    assert found["PATH"].startswith("/tools/node/bin:/x/.bin:")


def test_a_damaged_package_leaves_the_cache(tmp_path: Path) -> None:
    folder = tmp_path / "yarn"
    folder.mkdir()
    for name in ("less-npm-4.6.4-1a2b-10c0.zip", "@babel-core-npm-7.29.0-3c4d-10c0.zip", "other-npm-1.0.0-5e-10c0.zip"):
        (folder / name).touch()
    said = (
        "➤ YN0018: │ less@npm:4.6.4: The remote archive doesn't match the expected checksum\n"
        "➤ YN0018: @babel/core@npm:7.29.0: The remote archive doesn't match the expected checksum\n"
        "➤ YN0018: │ gone@npm:1.0.0: The remote archive doesn't match the expected checksum\n"
    )
    assert node._discard_mismatches(said, tmp_path) == ["less 4.6.4", "@babel/core 7.29.0"]
    assert [path.name for path in folder.iterdir()] == ["other-npm-1.0.0-5e-10c0.zip"]


def test_without_a_network_there_is_none() -> None:
    command = node.offline(["cat", "/proc/net/dev"])
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if command[0] != "unshare":
        pytest.skip("users have no network namespaces of their own here")
    assert [line.split(":")[0].strip() for line in said.splitlines()[2:]] == ["lo"]
