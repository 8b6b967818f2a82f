"""The rules that every ELF file of a distribution must meet, each one function, and their application.

A fact that can be read from nowhere is a violation ("cannot be told"), never a pass.
All violations of all files are collected before anything is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crosscourse.binaries.elf import CPU_ARCHS, FP_ARCHS, SIMD_ARCHS, ElfError, read_elf
from crosscourse.binaries.gobuildinfo import GoBuildInfo
from tasks.verify.engine import RULES, Contents, Finding, Subject, VerifyReport, Violation, file_rule, rule
from toolchains.targets import Target

UNKNOWN = "cannot be told"
ARM = "EM_ARM"
# Go's linker records its settings since https://go.dev/doc/go1.18#go-version, which also brought GOAMD64.
SETTINGS_SINCE = (1, 18)
# What a CPU of an architecture version has at least: version of VFP, double registers. 7: Debian armhf,
# https://wiki.debian.org/ArmHardFloatPort/VfpComparison; all: https://go.dev/wiki/GoArm (GOARM uses no more).
FP_BASELINES = {5: (0, 0), 6: (2, 16), 7: (3, 16), 8: (5, 32), 9: (5, 32)}
NEON_SINCE = 8


def check_contents(contents: Contents, target: Target) -> tuple[Violation, ...]:
    """Every violation of every rule, sorted by file and then in the order of the rules."""
    violations = [
        Violation(file=path, rule=each.id, found=finding.found, expected=finding.expected, why=each.why)
        for each in RULES.values()
        for path, finding in each.check(contents, target)
    ]
    # The sort is stable: within a file the rules keep their order.
    return tuple(sorted(violations, key=lambda violation: violation.file))


def verify_archive(archive: Path, target: Target) -> VerifyReport:
    """Checks every ELF file of a distribution (a tar archive) and of the archives in it against a target.

    Raises ArchiveError if the archive can't be read to its end; everything else is a violation.
    """
    from crosscourse.binaries.archives import elf_files

    files: list[Subject] = []
    problems: list[tuple[str, str]] = []
    for found in elf_files(archive):
        if found.problem:
            problems.append((found.path, found.problem))
            continue
        try:
            facts = read_elf(found.stream, found.path)
        except ElfError as exc:
            problems.append((found.path, exc.found))
        else:
            files.append(Subject(path=found.path, mode=found.mode, facts=facts))
    contents = Contents(files=tuple(files), problems=tuple(problems))
    return VerifyReport(
        archive=archive.name,
        target=target.name,
        files=contents.files,
        rules=tuple(RULES),
        violations=check_contents(contents, target),
    )


@rule(
    "not-empty",
    "there is something to check",
    "A check of nothing proves nothing: an empty distribution must not pass for a good one.",
)
def _not_empty(contents: Contents, _target: Target) -> Iterator[tuple[str, Finding]]:
    if not contents.files and not contents.problems:
        yield "(the whole distribution)", Finding("no ELF file", "at least one")


@rule(
    "readable",
    "every ELF file is whole",
    "A file that is cut off or damaged does not start, and nothing else about it can be checked.",
)
def _readable(contents: Contents, _target: Target) -> Iterator[tuple[str, Finding]]:
    for path, problem in contents.problems:
        yield path, Finding(problem, "a sound ELF file")


@file_rule("machine", "made for the target's machine", "A program for another machine ends with 'exec format error'.")
def _machine(subject: Subject, target: Target) -> Iterator[Finding]:
    if subject.facts.machine != target.elf.machine:
        yield Finding(subject.facts.machine, target.elf.machine)


@file_rule("class", "32 or 64 bit, as the target", "A kernel without support for the other width refuses the program.")
def _class(subject: Subject, target: Target) -> Iterator[Finding]:
    if subject.facts.class_ != target.elf.class_:
        yield Finding(f"{subject.facts.class_} bit", f"{target.elf.class_} bit")


@file_rule("endianness", "the target's byte order", "The kernel refuses a program of the other byte order.")
def _endianness(subject: Subject, target: Target) -> Iterator[Finding]:
    if subject.facts.endianness != target.elf.endianness:
        yield Finding(subject.facts.endianness, target.elf.endianness)


@file_rule(
    "type",
    "a program or a shared library",
    "Object files and core dumps are left-overs of a build: the kernel can't start them.",
)
def _type(subject: Subject, _target: Target) -> Iterator[Finding]:
    if subject.facts.type not in ("ET_EXEC", "ET_DYN"):
        yield Finding(subject.facts.type, "ET_EXEC or ET_DYN")


@file_rule(
    "eabi-version",
    "the target's version of the ARM EABI",
    "System calls and structures differ between the EABI and what was before it: Linux distributions have version 5.",
)
def _eabi(subject: Subject, target: Target) -> Iterator[Finding]:
    found = subject.facts.eabi
    if _both_arm(subject, target) and target.elf.eabi is not None and found != target.elf.eabi:
        yield Finding(f"version {found}" if found else "none", f"version {target.elf.eabi}")


@file_rule(
    "float-abi",
    "floats are passed as the target does",
    "Code that passes floats in FPU registers and code that passes them in others misunderstand each other's numbers "
    "without any error. e_flags, .ARM.attributes and Go's build information must agree.",
)
def _float_abi(subject: Subject, target: Target) -> Iterator[Finding]:
    expected = target.elf.float_abi
    if not _both_arm(subject, target) or expected is None:
        return
    facts = subject.facts
    go = _goarm(facts.go)
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


@file_rule(
    "cpu-arch",
    "no newer ARM architecture than the target's",
    "Instructions that the CPU does not have kill the program (illegal instruction), perhaps after hours. "
    "Read from Tag_CPU_arch; of a program linked by Go alone the rule goarm tells.",
)
def _cpu_arch(subject: Subject, target: Target) -> Iterator[Finding]:
    limit = target.elf.cpu
    if not _both_arm(subject, target) or limit is None:
        return
    arch = subject.facts.arm.cpu_arch if subject.facts.arm else None
    expected = f"at most ARMv{limit}"
    if arch is None:
        if _goarm(subject.facts.go) is None:
            yield Finding(f"{UNKNOWN}: no Tag_CPU_arch, no GOARM", expected)
    elif arch not in CPU_ARCHS:
        yield Finding(f"{UNKNOWN}: Tag_CPU_arch {arch}", expected)
    elif CPU_ARCHS[arch][1] > limit:
        yield Finding(f"ARM{CPU_ARCHS[arch][0]}", expected)


@file_rule(
    "fp-arch",
    "no more floating point unit than the target has",
    "VFPv3 with 32 registers, or VFPv4, is not in every CPU of the target's architecture version: "
    "the compiler was allowed to use what some lack (Tag_FP_arch; LLD keeps that of the first object file only).",
)
def _fp_arch(subject: Subject, target: Target) -> Iterator[Finding]:
    if not _both_arm(subject, target) or subject.facts.arm is None or target.elf.cpu not in FP_BASELINES:
        return
    version, registers = FP_BASELINES[target.elf.cpu]
    expected = f"at most VFP version {version} with {registers} double registers" if version else "none"
    found = FP_ARCHS.get(subject.facts.arm.fp_arch)
    if found is None:
        yield Finding(f"{UNKNOWN}: Tag_FP_arch {subject.facts.arm.fp_arch}", expected)
    elif found[1] > version or found[2] > registers:
        yield Finding(f"{found[0]} ({found[2]} double registers)", expected)


@file_rule(
    "neon",
    "no NEON where the target does without",
    "NEON is an option of ARMv7 that some CPUs lack (Tegra 2, Marvell): the compiler must not have been allowed "
    "to use it (Tag_Advanced_SIMD_arch; LLD keeps that of the first object file only).",
)
def _neon(subject: Subject, target: Target) -> Iterator[Finding]:
    if not _both_arm(subject, target) or subject.facts.arm is None or target.elf.cpu is None:
        return
    simd = subject.facts.arm.simd_arch
    if simd and target.elf.cpu < NEON_SINCE:
        yield Finding(SIMD_ARCHS.get(simd, f"Tag_Advanced_SIMD_arch {simd}"), "none")


@file_rule(
    "go-platform",
    "Go made it for Linux and the target's GOARCH",
    "A program made for another system can have the right machine and still not run: it makes that system's calls.",
)
def _go_platform(subject: Subject, target: Target) -> Iterator[Finding]:
    settings = subject.facts.go.settings if subject.facts.go else {}
    expected = {"GOOS": "linux", "GOARCH": target.goarch}
    # Before 1.18 Go did not record them; the rule machine holds all the same.
    wrong = [name for name in expected if name in settings and settings[name] != expected[name]]
    if wrong:
        yield Finding(
            ", ".join(f"{name}={settings[name]}" for name in wrong),
            ", ".join(f"{name}={expected[name]}" for name in wrong),
        )


@file_rule(
    "goarm",
    "GOARM not above the target's",
    "GOARM chooses the instructions that Go uses: above the CPU's version, the program ends at its start.",
)
def _goarm_limit(subject: Subject, target: Target) -> Iterator[Finding]:
    limit = target.goarm if target.goarm is not None else target.elf.cpu
    if not _both_arm(subject, target) or subject.facts.go is None or limit is None:
        return
    found = _goarm(subject.facts.go)
    if found is None:
        yield Finding(_untold(subject.facts.go, "GOARM"), f"at most {limit}")
    elif found.version > limit:
        yield Finding(found.text, f"at most {limit}")


@file_rule(
    "goamd64",
    "GOAMD64 not above the target's",
    "GOAMD64 chooses the x86-64 level that Go uses: above the CPU's, the program ends at its start.",
)
def _goamd64(subject: Subject, target: Target) -> Iterator[Finding]:
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


@file_rule(
    "static",
    "statically linked",
    "A distribution brings no libraries: what needs a loader or a library fails on a host that has another libc.",
)
def _static(subject: Subject, _target: Target) -> Iterator[Finding]:
    facts = subject.facts
    if not facts.static:
        loader = [f"loader {facts.interpreter}"] if facts.interpreter else []
        yield Finding(", ".join([*loader, *(f"needs {library}" for library in facts.needed)]), "static")


@file_rule(
    "executable",
    "programs may be executed by everyone",
    "Without the permission bits a program ends with 'permission denied', for users of a container too.",
)
def _executable(subject: Subject, _target: Target) -> Iterator[Finding]:
    if subject.facts.program and subject.mode & 0o111 != 0o111:
        yield Finding(f"mode {subject.mode:04o}", "x for owner, group and others")


@dataclass(frozen=True)
class _Goarm:
    text: str
    version: int
    float_abi: str


def _goarm(go: GoBuildInfo | None) -> _Goarm | None:
    """GOARM as recorded: "5", "7" or "7,softfloat". Without a word on floats, 5 means soft and the others hard.

    Source: https://go.dev/src/internal/buildcfg/cfg.go (goarm, and GoarmFeatures.String, which is what is recorded).
    """
    text = go.settings.get("GOARM", "") if go else ""
    version, _, floats = text.partition(",")
    if not version.isdecimal() or floats not in ("", "softfloat", "hardfloat"):
        return None
    default = "soft" if int(version) <= 5 else "hard"
    return _Goarm(text, int(version), floats.removesuffix("float") or default)


def _level(text: str) -> int | None:
    """3 of "v3"; None if it is not of that form."""
    return int(text[1:]) if text[:1] == "v" and text[1:].isdecimal() else None


def _untold(go: GoBuildInfo, setting: str) -> str:
    if setting in go.settings:
        return f"{UNKNOWN}: {setting}={go.settings[setting]}"
    return f"{UNKNOWN}: {go.version or 'this Go'} recorded no {setting}"


def _both_arm(subject: Subject, target: Target) -> bool:
    # Of a program for another machine the rule machine tells; what ARM asks of it would be noise.
    return subject.facts.machine == target.elf.machine == ARM
