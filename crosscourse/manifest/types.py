"""What all tables of a release manifest are made of: one type for each sort of name, path, mode, version, …

What a value may be is said here and nowhere else, as patterns that ``releases/schema.json`` has too. Each pattern ends
with ``END``: Python's ``$`` alone lets a newline pass. A type is used for keys of tables as for values.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

END = r"$(?!\n)"
# A part of a path: printable ASCII, neither '.' nor '..', short enough for what is written beside it.
_PART = r"(?!\.\.?(?:/|$))[ -.0-~]{1,200}"
# The start is none that a program takes for an option (-x) or a file of options (@x).
_PATH = rf"(?![-@]){_PART}(?:/{_PART})*"
_MAX_PATH = 512
_GO_PART = r"(?!\.{1,3}(?:/|$))[!-.0-~]{1,200}"
_GO_PACKAGE = rf"\.(?:/{_GO_PART})*"
# As Go requires of what is fetched: a host name with a dot first (https://go.dev/ref/mod#go-mod-file-ident).
_GO_IMPORT = r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+(?:/(?!\.{1,3}(?:/|$))[A-Za-z0-9._~-]{1,200})+"

Name: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[a-z0-9][a-z0-9.+-]*{END}",
        max_length=64,
        description="a name of lower-case letters, digits, '.', '+', '-', 64 at most",
    ),
]
Version: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[0-9A-Za-z](?:[0-9A-Za-z+~_-]|\.(?!\.))*{END}",
        max_length=64,
        description="a version of at most 64 letters, digits, '.', '+', '~', '_', '-'",
    ),
]
Commit: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^[0-9a-f]{{40}}{END}", description="the full SHA-1 of a commit, 40 hexadecimal digits")
]
Tag: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?![-@])(?:[0-9A-Za-z_+@-]+[./])*[0-9A-Za-z_+@-]+{END}",
        max_length=200,
        description="the name of a tag of git: letters, digits, '.', '/', '+', '_', '-', '@'",
    ),
]
Url: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?:(?:https?|ssh|git|file)://(?!-)[!-~]+|(?![^/]*:){_PATH}){END}",
        max_length=1024,
        description=(
            "a URL (https://, http://, ssh://, git://, file://) or a folder of this project; "
            "git@host:path is ssh://git@host/path"
        ),
    ),
]
Line: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        # Controls (C0, C1), ends of lines, and what changes the direction of writing.
        pattern=rf"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*{END}",
        max_length=4096,
        description="text of one line without control characters",
    ),
]
RelativePath: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_PATH}{END}",
        max_length=_MAX_PATH,
        description=(
            "a path inside its folder: not absolute, no '..' or '.', of printable ASCII, without '-' or '@' first"
        ),
    ),
]
FolderPath: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?:\.|{_PATH}){END}",
        max_length=_MAX_PATH,
        description="a path inside its folder, or '.' for that folder itself",
    ),
]
RootPath: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^/?{_PATH}{END}",
        max_length=_MAX_PATH,
        description="a path in a root filesystem, with '/' before it or not: no '..' or '.', of printable ASCII",
    ),
]
Argument: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^[^\x00]*{END}", description="a word of a command, without the character NUL")
]
LinkTarget: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=rf"^[ -~]+{END}", max_length=_MAX_PATH, description="where a link points, in printable ASCII"),
]
DataPath: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[a-z0-9][a-z0-9.+-]*:{_PATH}{END}",
        max_length=_MAX_PATH,
        description="tool:path, a path inside a tool of [toolchain]: not absolute, no '..'",
    ),
]
FolderMode: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=rf"^[0-3]?[0-7]{{3}}{END}", description="an octal mode of a folder, such as '0755' or '1777'"),
]
GoPackage: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?:{_GO_PACKAGE}|{_GO_IMPORT}){END}",
        max_length=_MAX_PATH,
        description="a Go package of its source, '.' or './cmd/x', or of a module that it needs: 'example.org/x/cmd/y'",
    ),
]
GoImport: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_GO_IMPORT}{END}",
        max_length=_MAX_PATH,
        description="the import path of Go code, with a host name first: 'example.org/x'",
    ),
]
GoPackages: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_GO_PACKAGE}(?:/\.\.\.)?{END}",
        max_length=_MAX_PATH,
        description="a Go package of its source, or all below it: '.', './cmd/x', './...'",
    ),
]
GoTag: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^[A-Za-z0-9_.]+{END}", description="a build tag of Go: letters, digits, '_', '.'")
]
GoFlag: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        # Not those that start another program, write elsewhere, or build nothing (`go help build`, `go help testflag`).
        pattern=(
            r"^(?:[ -,.-~]|--?(?!(?:test\.)?(?:C|o|c|n|exec|toolexec|overlay|modfile|pkgdir|work|outputdir|trace"
            rf"|gocoverdir|testlogfile|[a-z]*profile)(?:=|$))[A-Za-z])[ -~]*{END}"
        ),
        description="a flag of the go command, or its value: none that names a program or a place to write to",
    ),
]
GlibcVersion: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^2\.[0-9]{{1,3}}{END}", description="a version of glibc: '2.34'")
]
Linking: TypeAlias = Literal["static", "dynamic"]
Suite: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^[a-z][a-z0-9-]*{END}", max_length=64, description="a suite of Debian: 'bookworm'")
]
DebianPackage: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        # https://www.debian.org/doc/debian-policy/ch-controlfields.html#source; apt-get(8) reads '-' at the end.
        pattern=rf"^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]{END}",
        max_length=128,
        description="the name of a Debian package: lower-case letters, digits, '+', '.', '-'",
    ),
]
KernelModule: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9_-]*{END}",
        max_length=64,
        description="the name of a kernel module: letters, digits, '_', '-'",
    ),
]
Word: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[a-z][a-z0-9-]*{END}", max_length=64, description="a word of lower-case letters, digits, '-'"
    ),
]
Variable: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[A-Za-z_][A-Za-z0-9_]*{END}",
        max_length=128,
        description="the name of an environment variable: letters, digits, '_'",
    ),
]
PkgconfigField: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[A-Za-z][A-Za-z0-9.]*{END}",
        max_length=64,
        description="a field of a pkg-config file: letters, digits, '.'",
    ),
]
# MiB.
Memory: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
Status: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=255)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Base of every table of a manifest: immutable, unknown keys refused, keys written with dashes."""
