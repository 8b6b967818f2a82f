"""The loopback interface: free ports of it, requests to it."""

from __future__ import annotations

import socket
import urllib.request
from typing import Any


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now; the kernel gives it again only after many others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def open_local(request: str | urllib.request.Request, *, seconds: float) -> Any:
    """The reply of a server on this machine, to be closed. Raises OSError (urllib's errors are among them).

    Without the proxies of the environment: this never leaves the machine.
    """
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=seconds)
