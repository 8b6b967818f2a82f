"""No line of Python knows a component, a release or a target: these are data, in manifests and tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from crosscourse.manifest.reading import read_toml

ROOT = Path(__file__).parents[2]
CODE = ("crosscourse", "tasks", "toolchains", "dodo.py")
# Words that are names of components as well, or of targets, where they stand for something else.
OTHERWISE = {
    # The programs that are called, and their words.
    "git": {
        "crosscourse/commands/run.py",
        "crosscourse/git/command.py",
        "crosscourse/git/configuration.py",
        "crosscourse/git/conversion.py",
        "crosscourse/git/store.py",
        "crosscourse/run/network.py",
        "tasks/boot/host/kinds/git.py",
        "tasks/boot/host/prerequisites.py",
        # Kinds of servers.
        "crosscourse/manifest/boot.py",
        "tasks/boot/host/kinds/start.py",
    },
    "hg": {"crosscourse/manifest/boot.py", "tasks/boot/host/kinds/start.py", "tasks/boot/host/prerequisites.py"},
    "s3": {"crosscourse/manifest/boot.py", "tasks/boot/host/kinds/s3.py", "tasks/boot/host/kinds/start.py"},
    "init": {
        "crosscourse/git/local.py",
        "crosscourse/git/store.py",
        "crosscourse/patches/make.py",
        "tasks/boot/host/kinds/git.py",
        "tasks/boot/host/kinds/hg.py",
        # The first program that a kernel starts.
        "tasks/boot/guest/native.py",
        "tasks/boot/guest/system.py",
    },
    # Debian's name of a folder; nfpm's of a kind of version; what an image, or a report, calls a member.
    "pool": {"crosscourse/debian/pool.py", "crosscourse/debian/repository.py"},
    "semver": {"tasks/package/nfpm.py"},
    "settings": {"crosscourse/manifest/boot.py"},
    "packed": {"tasks/verify/report/json.py"},
    # What a pipeline of Concourse calls its type of images, and a guest's PATH its client: a boot of kind `worker`.
    "registry-image": {"tasks/boot/rows/pipeline.py"},
    "fly": {"tasks/boot/rows/all_in_one.py"},
    # GOARCH of OCI's platforms; what this machine itself may be; Debian's names of machines that it has compilers on.
    "amd64": {
        "tasks/boot/guest/image.py",
        "tasks/boot/guests.py",
        "toolchains/c/gcc.py",
        "toolchains/targets.py",
        "toolchains/tools/pins.py",
    },
    "arm64": {
        "tasks/boot/guest/image.py",
        "toolchains/c/gcc.py",
        "toolchains/targets.py",
        "toolchains/tools/pins.py",
    },
    "riscv64": {"tasks/boot/guest/image.py"},
}


def names() -> set[str]:
    """What manifests and tables call components, releases and targets."""
    found = {*read_toml(ROOT / "toolchains/targets.toml")}
    for path in (ROOT / "releases").glob("*.toml"):
        manifest = read_toml(path)
        found.add(path.stem)
        for table in ("artifact", "source", "image", "package", "assets"):
            found |= {*manifest.get(table, ())}
    return found


def literals(source: str) -> Iterator[str]:
    """The strings of a module, but for what is documentation."""
    tree = ast.parse(source)
    said = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            said.add(id(body[0].value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def known(source: str, words: set[str]) -> set[str]:
    return words.intersection(literals(source))


def test_names_are_data() -> None:
    words = names()
    assert {"containerd", "gdn", "git", "armv7", "concourse-5.2.0"} <= words
    found: dict[str, set[str]] = {}
    for folder in CODE:
        path = ROOT / folder
        for module in [path] if path.is_file() else path.rglob("*.py"):
            for word in known(module.read_text(), words):
                found.setdefault(word, set()).add(module.relative_to(ROOT).as_posix())
    assert found == OTHERWISE


def test_a_name_in_code_is_found() -> None:
    words = {"gdn", "armv7"}
    assert known('"""gdn is one."""\ndef f(name):\n    """armv7"""\n    return name == "gdn"', words) == {"gdn"}
    assert known('match target.name:\n    case "armv7":\n        pass', words) == {"armv7"}
