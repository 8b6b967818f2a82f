"""What all tables of a release manifest are made of."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

Name: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.+-]*$", description="a name of lower-case letters, digits, '.', '+', '-'"),
]
Commit: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$", description="the full SHA-1 of a commit, 40 hexadecimal digits")
]
RelativePath: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$", description="a path inside its folder: not absolute, no '..'"
    ),
]
GoPackage: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=r"^\.(?!.*/\.\.(/|$))(/.+)?$", description="a Go package of its source: '.' or './...'"),
]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Base of every table of a manifest: immutable, unknown keys refused, keys written with dashes."""
