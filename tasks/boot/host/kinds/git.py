"""Git servers, by ssh and by http, for the same repositories: ``main.git``, and ``part.git``, a submodule of it.

``ssh``, ``http``: URLs of the folder that they are in. ``key``: the private key for ssh. ``user``, ``password``: for
http. ``signer``: the public key with which the last commit of the branch ``main`` is signed.
The files are on branches of ``main.git``, named by the first part of the path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.boot.host.kinds.setting import FixtureError, Setting, environment, stand_in, write_files

FILES = Path(__file__).resolve().parents[2] / "files" / "signed"
CODE_FILES = ("../../files/signed/commit", "../../files/signed/key.asc")

_USER = "crosscourse"
_PASSWORD = "word-of-a-boot"  # noqa: S105  # of a server that lives for minutes, on loopback
_LARGE = "large, and elsewhere\n"
# On branch `main`, beside the submodule `part`.
_MAIN = {
    "README": "what is tried\n",
    ".gitmodules": '[submodule "part"]\n\tpath = part\n\turl = ../part.git\n',
    ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
}
# By fast-import: https://git-scm.com/docs/git-fast-import
_WHO = "committer crosscourse <crosscourse@localhost> 1767225600 +0000\n"


@contextmanager
def running(setting: Setting) -> Iterator[Mapping[str, str]]:
    """The servers, for the time of the block."""
    folder = setting.folder / "repositories"
    make_repositories(setting, folder)
    key = setting.folder / "key"
    who: dict[str, str | Path] = {"folder": folder, "user": _USER, "password": _PASSWORD}
    with (
        stand_in(setting, "git-http", **who) as http,
        stand_in(setting, "git-ssh", **who, user_key=key, lfs=f"http://{http}") as ssh,
    ):
        yield {
            "ssh": f"ssh://git@{ssh}",
            "http": f"http://{http}",
            "key": key.read_text(encoding="ascii"),
            "user": _USER,
            "password": _PASSWORD,
            "signer": (FILES / "key.asc").read_text(encoding="ascii"),
        }


def make_repositories(setting: Setting, folder: Path) -> None:
    """Make the repositories, with the same commits each time. Raises FixtureError, CommandError."""
    folder.mkdir()
    digest = hashlib.sha256(_LARGE.encode()).hexdigest()
    write_files(folder / "lfs", {digest: _LARGE})
    # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(_LARGE)}\n"
    part = _import(setting, folder / "part.git", {"main": {"part": "a part\n"}})["main"]
    branches: dict[str, dict[str, str]] = {"main": {**_MAIN, "large.bin": pointer}}
    for path, text in setting.files.items():
        branch, _, name = path.partition("/")
        branches.setdefault(branch, {})[name] = text
    main = folder / "main.git"
    first = _import(setting, main, branches, part=part)["main"]
    signed = (FILES / "commit").read_text(encoding="ascii")
    if f"\nparent {first}\n" not in signed:
        raise FixtureError("the signed commit", f"is not one on {first}", f"Sign a new one: {FILES}")
    found = _git(setting, main, "hash-object", "-t", "commit", "-w", FILES / "commit").strip()
    _git(setting, main, "update-ref", "refs/heads/main", found)


def _import(
    setting: Setting, repository: Path, branches: Mapping[str, Mapping[str, str]], part: str | None = None
) -> dict[str, str]:
    """A bare repository with a commit for each branch; returns their ids. ``part``: a submodule of all."""
    stream = repository.with_suffix(".import")
    _git(setting, repository, "init", "--quiet", "--bare", "--initial-branch=main", repository)
    _git(setting, repository, "config", "http.receivepack", "true")
    stream.write_text("".join(_commands(branches, part)), encoding="utf-8")
    load = 'exec git --git-dir="$1" fast-import --quiet <"$2"'
    setting.at.run(["sh", "-c", load, "sh", repository, stream], env=environment(setting))
    return {branch: _git(setting, repository, "rev-parse", branch).strip() for branch in branches}


def _commands(branches: Mapping[str, Mapping[str, str]], part: str | None) -> Iterator[str]:
    for branch, contents in branches.items():
        yield f"commit refs/heads/{branch}\n{_WHO}{_data(branch)}"
        for name, text in contents.items():
            yield f"M 100644 inline {name}\n{_data(text)}"
        if part is not None and ".gitmodules" in contents:
            yield f"M 160000 {part} part\n"
        yield "\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _git(setting: Setting, repository: Path, *words: str | Path) -> str:
    return setting.at.run(["git", f"--git-dir={repository}", *words], env=environment(setting))
