"""A container registry on loopback, and the few requests that are made to it.

Requests: https://github.com/opencontainers/distribution-spec (pushing blobs and manifests).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from crosscourse import process
from crosscourse.errors import CrosscourseError
from crosscourse.service import Service, serving
from tasks.boot import prerequisites
from tasks.boot.ports import free_port


class RegistryError(CrosscourseError):
    """A registry that refused a request, or did not start."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The registry on ``port`` of this machine's loopback."""

    port: int

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob; returns its digest. Raises RegistryError."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        begun = self._request("POST", f"/v2/{repository}/blobs/uploads/")
        place = urljoin(self._url("/"), begun.headers["Location"])
        separator = "&" if "?" in place else "?"
        kind = {"Content-Type": "application/octet-stream"}
        self._request("PUT", f"{place}{separator}digest={digest}", content, kind)
        return digest

    def put_manifest(self, repository: str, reference: str, kind: str, content: bytes) -> str:
        """Store a manifest or an index by tag or digest; returns its digest. Raises RegistryError."""
        self._request("PUT", f"/v2/{repository}/manifests/{reference}", content, {"Content-Type": kind})
        return "sha256:" + hashlib.sha256(content).hexdigest()

    def get(self, repository: str, reference: str, *kinds: str) -> Any:
        """A manifest, an index or a config (``reference`` a digest, no ``kinds``), decoded. Raises RegistryError."""
        part = "manifests" if kinds else "blobs"
        headers = {"Accept": ", ".join(kinds)} if kinds else {}
        return json.loads(self._request("GET", f"/v2/{repository}/{part}/{reference}", headers=headers).body)

    def _url(self, path: str) -> str:
        return urljoin(f"http://127.0.0.1:{self.port}", path)

    def _request(
        self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> _Reply:
        request = urllib.request.Request(  # noqa: S310  # always http, to this machine
            self._url(path), data=content, method=method, headers=dict(headers or {})
        )
        try:
            # Without the proxies of the environment: this never leaves the machine.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
                return _Reply(headers=reply.headers, body=reply.read())
        except urllib.error.HTTPError as error:
            raise RegistryError("registry", f"{method} {path}: {error.code} {error.read()[:500]!r}") from None
        except (OSError, http.client.HTTPException) as error:
            raise RegistryError("registry", f"{method} {path}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class _Reply:
    headers: Any
    body: bytes


@contextmanager
def running(folder: Path, logs: Path) -> Iterator[Registry]:
    """A registry for the time of the block. ``folder``: for what it stores. Raises RegistryError, CommandError."""
    port = free_port()
    configuration = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    path = folder / "registry.json"
    path.write_text(json.dumps(configuration), encoding="utf-8")  # YAML, of which JSON is a part
    words: list[str | Path] = [prerequisites.path_of(prerequisites.REGISTRY), "serve", path]
    with serving(words, log=logs / "registry.log", env=process.base_environment(), folder=folder) as service:
        registry = Registry(port=port)
        _await(registry, service)
        yield registry


def _await(registry: Registry, service: Service) -> None:
    for _ in range(200):
        service.check()
        try:
            registry._request("GET", "/v2/")
        except RegistryError:
            time.sleep(0.05)
        else:
            return
    raise RegistryError("registry", "did not answer within 10 s", f"Its log: {service.log}")
