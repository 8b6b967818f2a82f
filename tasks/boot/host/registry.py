"""A container registry on loopback, and the few requests that are made to it.

Requests: https://github.com/opencontainers/distribution-spec (pushing blobs and manifests).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from crosscourse.errors import CrosscourseError
from crosscourse.run.environment import base_environment
from crosscourse.run.service import serving
from tasks.boot.host import prerequisites
from tasks.boot.host.ports import free_port, open_local


class RegistryError(CrosscourseError):
    """A registry that refused a request, or did not answer."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The registry on ``port`` of this machine's loopback."""

    port: int

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob; returns its digest. Raises RegistryError."""
        name = digest(content)
        begun = self._request("POST", f"/v2/{repository}/blobs/uploads/")
        place = urljoin(self._url("/"), begun.headers["Location"])
        separator = "&" if "?" in place else "?"
        kind = {"Content-Type": "application/octet-stream"}
        self._request("PUT", f"{place}{separator}digest={name}", content, kind)
        return name

    def put_manifest(self, repository: str, reference: str, kind: str, content: bytes) -> str:
        """Store a manifest or an index by tag or digest; returns its digest. Raises RegistryError."""
        self._request("PUT", f"/v2/{repository}/manifests/{reference}", content, {"Content-Type": kind})
        return digest(content)

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
            with open_local(request, seconds=60) as reply:
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
    """A registry for the time of the block. ``folder``: for what it stores. Raises NotReadyError, CommandError."""
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
    with serving(words, log=logs / "registry.log", env=base_environment(), folder=folder) as service:
        registry = Registry(port=port)
        service.wait_until(lambda: _answers(registry), "did not answer", seconds=10)
        yield registry


def _answers(registry: Registry) -> bool:
    try:
        registry._request("GET", "/v2/")
    except RegistryError:
        return False
    return True


def digest(content: bytes) -> str:
    """How registries and images name a content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
