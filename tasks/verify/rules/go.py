"""About what Go records of how it built a program."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse.binaries.gobuildinfo import GoBuildInfo
from tasks.verify.engine import Finding, Rule, Subject, each_file
from tasks.verify.rules.facts import UNKNOWN, both_arm, goarm
from toolchains.targets import Expected

# Go's linker records its settings since https://go.dev/doc/go1.18#go-version, which also brought GOAMD64.
SETTINGS_SINCE = (1, 18)


def _go_platform(subject: Subject, target: Expected) -> Iterator[Finding]:
    settings = subject.facts.go.settings if subject.facts.go else {}
    expected = {"GOOS": "linux", "GOARCH": target.goarch}
    # Before 1.18 Go did not record them; the rule machine holds all the same.
    wrong = [name for name in expected if name in settings and settings[name] != expected[name]]
    if wrong:
        yield Finding(
            ", ".join(f"{name}={settings[name]}" for name in wrong),
            ", ".join(f"{name}={expected[name]}" for name in wrong),
        )


GO_PLATFORM = Rule(
    id="go-platform",
    title="Go made it for Linux and the target's GOARCH",
    why="A program made for another system can have the right machine and still not run: it makes that system's calls.",
    check=each_file(_go_platform),
)


def _goarm_limit(subject: Subject, target: Expected) -> Iterator[Finding]:
    limit = target.goarm if target.goarm is not None else target.elf.cpu
    if not both_arm(subject, target) or subject.facts.go is None or limit is None:
        return
    found = goarm(subject.facts.go)
    if found is None:
        yield Finding(_untold(subject.facts.go, "GOARM"), f"at most {limit}")
    elif found.version > limit:
        yield Finding(found.text, f"at most {limit}")


GOARM = Rule(
    id="goarm",
    title="GOARM not above the target's",
    why="GOARM chooses the instructions that Go uses: above the CPU's version, the program ends at its start.",
    check=each_file(_goarm_limit),
)


def _goamd64(subject: Subject, target: Expected) -> Iterator[Finding]:
    go, limit = subject.facts.go, _level(target.goamd64 or "")
    if go is None or limit is None or subject.facts.machine != target.elf.machine:
        return
    older = go.release is not None and go.release < SETTINGS_SINCE
    text = go.settings.get("GOAMD64", "v1" if older else "")
    found = _level(text)
    if found is None:
        yield Finding(_untold(go, "GOAMD64"), f"at most v{limit}")
    elif found > limit:
        yield Finding(text, f"at most v{limit}")


GOAMD64 = Rule(
    id="goamd64",
    title="GOAMD64 not above the target's",
    why="GOAMD64 chooses the x86-64 level that Go uses: above the CPU's, the program ends at its start.",
    check=each_file(_goamd64),
)


def _level(text: str) -> int | None:
    """3 of "v3"; None if it is not of that form."""
    return int(text[1:]) if text[:1] == "v" and text[1:].isdecimal() else None


def _untold(go: GoBuildInfo, setting: str) -> str:
    if setting in go.settings:
        return f"{UNKNOWN}: {setting}={go.settings[setting]}"
    return f"{UNKNOWN}: {go.version or 'this Go'} recorded no {setting}"
