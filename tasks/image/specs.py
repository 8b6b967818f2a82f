"""What decides an image, as data."""

from __future__ import annotations

import msgspec

from crosscourse.engine.spec import Spec
from crosscourse.manifest.locks import Pinned
from tasks.package.contents import Content
from tasks.package.managed import Text
from toolchains.targets import Oci


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a container of the image is started unless a person says otherwise, as a Dockerfile has it."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: dict[str, str]
    volumes: tuple[str, ...]
    stop_signal: str | None


class ImageBuild(Spec, frozen=True, kw_only=True):
    """What decides how an image comes out for one platform. Paths are below its root.

    ``name``, ``tag``: what it is called where it is loaded. ``packages``: its lowest layer, without what ``leave_out``
    names. ``contents``: path → output of a step. ``texts``: path → file of the project. ``links``: path → where it
    points. ``folders``: path → mode. ``epoch``: the time of every file, in seconds since 1970.
    """

    name: str
    tag: str
    platform: Oci
    packages: Pinned
    leave_out: tuple[str, ...]
    contents: dict[str, Content]
    texts: dict[str, Text]
    links: dict[str, str]
    folders: dict[str, int]
    settings: Settings
    annotations: dict[str, str]
    epoch: int


class Compose(Spec, frozen=True, kw_only=True):
    """The file for people who start containers of an image. ``text``: it, with names in place of ``@IMAGE@``."""

    text: str
