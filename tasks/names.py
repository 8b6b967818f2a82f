"""The names of steps, as in ``compile:armv7:runc``: all in one place, so that stages can name each other's steps."""

from __future__ import annotations


def toolchain(tool: str) -> str:
    """The step that installs a tool."""
    return f"toolchain:{tool}"


def source(name: str) -> str:
    """The step that fetches a source."""
    return f"source:{name}"


def patch(name: str) -> str:
    """The step that makes the checkout of a source."""
    return f"patch:{name}"


def modules(target: str, source: str) -> str:
    """The step that downloads the Go modules of a source."""
    return f"modules:{target}:{source}"


def compile(target: str, artifact: str) -> str:
    """The step that compiles an artifact."""
    return of_stage("compile", target, artifact)


def of_stage(stage: str, target: str, artifact: str) -> str:
    """The step that makes an artifact, in the stage that its kind belongs to."""
    return once(artifact) if stage == ONCE else f"{stage}:{target}:{artifact}"


# The stage of artifacts that are the same for every target.
ONCE = "assets"


def once(artifact: str) -> str:
    """The step that makes an artifact for all targets."""
    return f"{ONCE}:{artifact}"


def lock_elm(artifact: str) -> str:
    """The step that asks anew for the packages of an artifact's Elm."""
    return f"lock-elm:{artifact}"


def package(target: str, form: str) -> str:
    """The step that makes a package. ``form``: ``tgz``, ..."""
    return f"package:{target}:{form}"


def image(target: str, name: str) -> str:
    """The step that makes an image for one target."""
    return package(target, f"{name}.image")


def verify(target: str, what: str) -> str:
    """The step that checks a distribution."""
    return f"verify:{target}:{what}"


def smoke(target: str) -> str:
    """The step that starts each program."""
    return f"smoke:{target}:programs"


def guest(target: str, part: str) -> str:
    """The step that makes a part of the emulated machine."""
    return f"guest:{target}:{part}"


def lock(target: str, what: str) -> str:
    """The step that asks anew what something is made of. ``what``: ``debian``, ..."""
    return f"lock:{target}:{what}"


def boot(target: str, group: str, scenario: str) -> str:
    """The step of one boot. ``group``: ``boot``, or ``boot-more`` for what is no part of that."""
    return f"{group}:{target}:{scenario}"


def source_tests(target: str, source: str) -> str:
    """The step that runs a source's own tests. ``target``: empty for the host."""
    return f"test-source:{target}:{source}" if target else f"test-source:{source}"
