"""About ARM: the ABI, and what the compiler was allowed to use of a CPU."""

from __future__ import annotations

from collections.abc import Iterator

from crosscourse.binaries.archives import NESTED
from crosscourse.binaries.armattributes import CPU_ARCHS, FP_ARCHS, SIMD_ARCHS
from tasks.verify.engine import Finding, Rule, Subject, each_file
from tasks.verify.rules import allowed
from tasks.verify.rules.facts import UNKNOWN, both_arm, goarm
from toolchains.targets import Expected

# What a CPU of an architecture version has at least: version of VFP, double registers. 7: Debian armhf,
# https://wiki.debian.org/ArmHardFloatPort/VfpComparison; all: https://go.dev/wiki/GoArm (GOARM uses no more).
FP_BASELINES = {5: (0, 0), 6: (2, 16), 7: (3, 16), 8: (5, 32), 9: (5, 32)}
NEON_SINCE = 8


def _eabi(subject: Subject, target: Expected) -> Iterator[Finding]:
    found = subject.facts.eabi
    if both_arm(subject, target) and target.elf.eabi is not None and found != target.elf.eabi:
        yield Finding(f"version {found}" if found else "none", f"version {target.elf.eabi}")


EABI_VERSION = Rule(
    id="eabi-version",
    title="the target's version of the ARM EABI",
    why=(
        "System calls and structures differ between the EABI and what was before it: "
        "Linux distributions have version 5."
    ),
    check=each_file(_eabi),
)


def _float_abi(subject: Subject, target: Expected) -> Iterator[Finding]:
    # Debian's files are of the port that root filesystems are made of; a static program of ours runs beside them.
    expected = (None if subject.own else target.elf.debian_float_abi) or target.elf.float_abi
    if not both_arm(subject, target) or expected is None:
        return
    facts = subject.facts
    go = goarm(facts.go)
    sources = {
        "e_flags": facts.float_flags,
        ".ARM.attributes": facts.arm.float_abi if facts.arm else None,
        f"GOARM={go.text}" if go else "": go.float_abi if go else None,
    }
    told = {source: abi for source, abi in sources.items() if abi is not None}
    if not told:
        yield Finding(f"{UNKNOWN}: no float bit in e_flags, no word in .ARM.attributes, no GOARM", expected)
    elif set(told.values()) - {"either", expected}:
        yield Finding(", ".join(f"{abi} ({source})" for source, abi in told.items()), expected)


FLOAT_ABI = Rule(
    id="float-abi",
    title="floats are passed as the target does",
    why=(
        "Code that passes floats in FPU registers and code that passes them in others misunderstand each other's "
        "numbers without any error. e_flags, .ARM.attributes and Go's build information must agree."
    ),
    check=each_file(_float_abi),
)


def _chooses(subject: Subject) -> bool:
    name = subject.path.rpartition(NESTED)[2]
    return not subject.own and allowed.is_allowed(name, allowed.NEWER_CPU)


def _cpu_arch(subject: Subject, target: Expected) -> Iterator[Finding]:
    limit = target.elf.cpu
    if not both_arm(subject, target) or limit is None:
        return
    # A port of Debian that is the target's own says itself what its packages need.
    if not subject.own and target.elf.debian_float_abi is None:
        return
    arch = subject.facts.arm.cpu_arch if subject.facts.arm else None
    expected = f"at most ARMv{limit}"
    if arch is None:
        if goarm(subject.facts.go) is None:
            yield Finding(f"{UNKNOWN}: no Tag_CPU_arch, no GOARM", expected)
    elif arch not in CPU_ARCHS:
        yield Finding(f"{UNKNOWN}: Tag_CPU_arch {arch}", expected)
    elif CPU_ARCHS[arch][1] > limit and not _chooses(subject):
        yield Finding(f"ARM{CPU_ARCHS[arch][0]}", expected)


CPU_ARCH = Rule(
    id="cpu-arch",
    title="no newer ARM architecture than the target's",
    why=(
        "Instructions that the CPU does not have kill the program (illegal instruction), perhaps after hours. "
        "Read from Tag_CPU_arch; of a program linked by Go alone the rule goarm tells."
    ),
    check=each_file(_cpu_arch),
)


def _fp_arch(subject: Subject, target: Expected) -> Iterator[Finding]:
    if not both_arm(subject, target) or subject.facts.arm is None or target.elf.cpu not in FP_BASELINES:
        return
    if target.chooses:
        return
    version, registers = FP_BASELINES[target.elf.cpu]
    expected = f"at most VFP version {version} with {registers} double registers" if version else "none"
    found = FP_ARCHS.get(subject.facts.arm.fp_arch)
    if found is None:
        yield Finding(f"{UNKNOWN}: Tag_FP_arch {subject.facts.arm.fp_arch}", expected)
    elif found[1] > version or found[2] > registers:
        yield Finding(f"{found[0]} ({found[2]} double registers)", expected)


FP_ARCH = Rule(
    id="fp-arch",
    title="no more floating point unit than the target has",
    why=(
        "VFPv3 with 32 registers, or VFPv4, is not in every CPU of the target's architecture version: "
        "the compiler was allowed to use what some lack (Tag_FP_arch; LLD keeps that of the first object file only)."
    ),
    check=each_file(_fp_arch),
    scope="own",
)


def _neon(subject: Subject, target: Expected) -> Iterator[Finding]:
    if not both_arm(subject, target) or subject.facts.arm is None or target.elf.cpu is None or target.chooses:
        return
    simd = subject.facts.arm.simd_arch
    if simd and target.elf.cpu < NEON_SINCE:
        yield Finding(SIMD_ARCHS.get(simd, f"Tag_Advanced_SIMD_arch {simd}"), "none")


NEON = Rule(
    id="neon",
    title="no NEON where the target does without",
    why=(
        "NEON is an option of ARMv7 that some CPUs lack (Tegra 2, Marvell): the compiler must not have been allowed "
        "to use it (Tag_Advanced_SIMD_arch; LLD keeps that of the first object file only)."
    ),
    check=each_file(_neon),
    scope="own",
)
