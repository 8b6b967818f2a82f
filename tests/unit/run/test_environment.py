"""What of the user's environment reaches child processes."""

from __future__ import annotations

import pytest

from crosscourse.run.environment import base_environment


def test_only_the_way_to_the_network_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "no_proxy", "GOPROXY", "PIP_INDEX_URL", "SSL_CERT_FILE", "GIT_CONFIG_COUNT"):
        monkeypatch.setenv(name, "kept")
    for name in ("GOFLAGS", "CFLAGS", "LANG", "TZ", "GIT_DIR", "PYTHONPATH", "PIP_TARGET"):
        monkeypatch.setenv(name, "leaked")
    found = base_environment()
    assert {"HTTPS_PROXY", "no_proxy", "GOPROXY", "PIP_INDEX_URL", "SSL_CERT_FILE", "GIT_CONFIG_COUNT"} <= set(found)
    assert "leaked" not in found.values()
    assert (found["LC_ALL"], found["TZ"]) == ("C.UTF-8", "UTC")


def test_folders_are_searched_before_the_systems_and_variables_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin::/bin")
    found = base_environment(["/tools"], HOME="/nowhere", TZ="CET")
    assert found["PATH"] == "/tools:/usr/bin:/bin"
    assert (found["HOME"], found["TZ"]) == ("/nowhere", "CET")
