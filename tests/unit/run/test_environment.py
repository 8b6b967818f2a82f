"""What of the user's environment reaches child processes."""

from __future__ import annotations

import pytest

from crosscourse.run.environment import base_environment

KEPT = {
    "HTTPS_PROXY",
    "no_proxy",
    "GOPROXY",
    "PIP_INDEX_URL",
    "SSL_CERT_FILE",
    "GIT_CONFIG_COUNT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_NO_VERIFY",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "GIT_HTTP_LOW_SPEED_TIME",
    "SSH_AUTH_SOCK",
}
# What a hook, or a person, may have set.
OF_GIT = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_AUTHOR_NAME",
    "GIT_COMMITTER_DATE",
    "GIT_TEMPLATE_DIR",
    "GIT_ATTR_SOURCE",
    "GIT_EXEC_PATH",
    "GIT_TRACE",
    "GIT_DEFAULT_HASH",
    "GIT_EXTERNAL_DIFF",
)


def test_only_the_way_to_the_network_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEPT:
        monkeypatch.setenv(name, "kept")
    for name in ("GOFLAGS", "CFLAGS", "LANG", "TZ", "PYTHONPATH", "PIP_TARGET", *OF_GIT):
        monkeypatch.setenv(name, "leaked")
    found = base_environment()
    assert set(found) >= KEPT
    assert "leaked" not in found.values()
    assert (found["LC_ALL"], found["TZ"]) == ("C.UTF-8", "UTC")


def test_folders_are_searched_before_the_systems_and_variables_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin::/bin")
    found = base_environment(["/tools"], HOME="/nowhere", TZ="CET")
    assert found["PATH"] == "/tools:/usr/bin:/bin"
    assert (found["HOME"], found["TZ"]) == ("/nowhere", "CET")
