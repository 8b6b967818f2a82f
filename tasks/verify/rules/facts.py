"""What several rules ask of a file.

A fact that can be read from nowhere is a violation (UNKNOWN), never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from crosscourse.binaries.gobuildinfo import GoBuildInfo
from tasks.verify.engine import Subject
from toolchains.targets import Expected

UNKNOWN = "cannot be told"
ARM = "EM_ARM"


@dataclass(frozen=True)
class Goarm:
    """GOARM as recorded, and what it means: the architecture version, and "hard" or "soft"."""

    text: str
    version: int
    float_abi: str


def goarm(go: GoBuildInfo | None) -> Goarm | None:
    """GOARM as recorded: "5", "7" or "7,softfloat". Without a word on floats, 5 means soft and the others hard.

    Source: https://go.dev/src/internal/buildcfg/cfg.go (goarm, and GoarmFeatures.String, which is what is recorded).
    """
    text = go.settings.get("GOARM", "") if go else ""
    version, _, floats = text.partition(",")
    if not version.isdecimal() or floats not in ("", "softfloat", "hardfloat"):
        return None
    default = "soft" if int(version) <= 5 else "hard"
    return Goarm(text, int(version), floats.removesuffix("float") or default)


def both_arm(subject: Subject, target: Expected) -> bool:
    """Whether the file and the target are ARM."""
    # Of a program for another machine the rule machine tells; what ARM asks of it would be noise.
    return subject.facts.machine == target.elf.machine == ARM
