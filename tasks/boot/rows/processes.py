"""What each process of a guest has taken of its time and memory, as the kernel says (proc(5))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

# A script for the guest: of each process that is no thread of the kernel's its command, what is in stat behind its
# name, and lines of status and smaps_rollup; of the machine lines of meminfo. One that ends meanwhile is left out.
LOOK = r"""cd /proc || exit
for process in [0-9]*; do
    command=$(tr '\0\n' '  ' <"$process/cmdline") && [ -n "$command" ] || continue
    rollup=$(grep -E '^(Pss|Anonymous):' "$process/smaps_rollup") || continue
    status=$(grep '^VmHWM:' "$process/status") && stat=$(sed 's/.*) //' "$process/stat") || continue
    printf 'PROCESS %s\nstat: %s\n%s\n%s\n' "$command" "$stat" "$status" "$rollup"
done 2>/dev/null
echo MACHINE
grep -E '^(MemTotal|MemAvailable|SwapTotal):' meminfo
"""
# Of stat, without what it begins with (a number and a name): time in user mode, in the kernel.
_UTIME, _STIME = 11, 12
# The kernel counts time in these for programs, whatever it does itself (USER_HZ).
_TICKS = 100
# How many lines the table has, at most; what is left out is summed up.
_MOST = 12
_KIB = 1024


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What processes of one name have taken: seconds of processors; MiB of memory, now and at most.

    ``proportional``: a page that several processes share counts once in sum. ``anonymous``: what is no copy of a file.
    """

    name: str
    count: int
    seconds: float
    proportional: float
    anonymous: float
    most: float


def table(text: str) -> str:
    """What the script printed, for people: the largest first."""
    head, _, machine = text.partition("MACHINE\n")
    found = sorted(_by_name(_each(head)), key=lambda taken: -taken.proportional)
    rest = _sum("others", found[_MOST:])
    rows = [*found[:_MOST], *([rest] if rest.count else []), _sum("all", found)]
    wide = max(len("process"), *(len(row.name) for row in rows))
    lines = [f"{'process':<{wide}} number  CPU s  MiB: proportional  anonymous  one's peak"]
    lines += [
        f"{row.name:<{wide}} {row.count:>6} {row.seconds:>6.1f} {row.proportional:>18.1f} {row.anonymous:>10.1f}"
        f" {row.most:>11.1f}"
        for row in rows
    ]
    memory = dict(_values(machine.splitlines()))
    words = [f"{memory[key] / _KIB:.0f} {title}" for key, title in _MACHINE.items() if key in memory]
    return "\n".join([*lines, f"the machine, MiB: {', '.join(words)}"])


_MACHINE = {"MemTotal": "of memory", "MemAvailable": "of it available", "SwapTotal": "of swap"}


def _each(text: str) -> Iterator[Taken]:
    for part in f"\n{text}".split("\nPROCESS ")[1:]:
        command, *lines = part.splitlines()
        stat = next(line for line in lines if line.startswith("stat: ")).split()[1:]
        values = dict(_values(lines))
        yield Taken(
            name=_name(command),
            count=1,
            seconds=(int(stat[_UTIME]) + int(stat[_STIME])) / _TICKS,
            proportional=values["Pss"] / _KIB,
            anonymous=values["Anonymous"] / _KIB,
            most=values["VmHWM"] / _KIB,
        )


def _values(lines: list[str]) -> Iterator[tuple[str, int]]:
    """Lines like ``Pss:  12 kB``."""
    for line in lines:
        key, _, value = line.partition(":")
        if value.endswith(" kB"):
            yield key, int(value.split()[0])


def _name(command: str) -> str:
    """A program and, of one that has several commands, which it is: ``concourse worker``."""
    words = command.split()
    name = PurePosixPath(words[0]).name
    return f"{name} {words[1]}" if len(words) > 1 and words[1].isalpha() else name


def _by_name(each: Iterator[Taken]) -> Iterator[Taken]:
    found: dict[str, list[Taken]] = {}
    for taken in each:
        found.setdefault(taken.name, []).append(taken)
    yield from (_sum(name, several) for name, several in found.items())


def _sum(name: str, several: list[Taken]) -> Taken:
    return Taken(
        name=name,
        count=sum(taken.count for taken in several),
        seconds=sum(taken.seconds for taken in several),
        proportional=sum(taken.proportional for taken in several),
        anonymous=sum(taken.anonymous for taken in several),
        most=max((taken.most for taken in several), default=0),
    )
