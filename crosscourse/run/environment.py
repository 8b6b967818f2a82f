"""The environment of child processes: nothing of the user's but what tells how the network is reached."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_NETWORK = frozenset(
    {
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_PROTOCOL_FROM_USER",
        "GIT_SSH",
        "SSH_ASKPASS",
        "SSH_ASKPASS_REQUIRE",
        "SSH_AUTH_SOCK",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "PIP_CERT",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_CONFIG_FILE",
        "PIP_FIND_LINKS",
        "PIP_TRUSTED_HOST",
        "PIP_NO_INDEX",
        "GOPROXY",
        "GOSUMDB",
        "GONOSUMDB",
        "GONOSUMCHECK",
        "GOPRIVATE",
        "GONOPROXY",
        "GOINSECURE",
        "NETRC",
        "XDG_CONFIG_HOME",
    }
)
# Of git's own (git(1), "ENVIRONMENT VARIABLES") those of access, and its configuration, of which
# crosscourse.git.configuration takes over no more than that. Go and pip, which check what they fetch, start git too.
_GIT = ("GIT_CONFIG_", "GIT_HTTP_", "GIT_PROXY_", "GIT_SSH_", "GIT_SSL_")


def base_environment(path: Sequence[str | Path] = (), **more: str) -> dict[str, str]:
    """An environment that says nothing of the user but how the network is reached.

    ``path``: folders searched before the system's. Locale and time zone are fixed, so that no output depends on them.
    """
    keep = {
        name: value
        for name, value in os.environ.items()
        if name.lower().endswith("_proxy") or name in _NETWORK or name.startswith(_GIT)
    }
    system = [folder for folder in os.environ.get("PATH", os.defpath).split(":") if folder]
    return {
        **keep,
        "PATH": ":".join([*map(str, path), *system]),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        **more,
    }
