"""How much garbage Go's compiler and linker may leave lying: they are Go programs, and collecting it takes time.

``GOGC`` says how much of a heap may be garbage (100: as much as is in use), ``GOMEMLIMIT`` from which size of a process
on it is collected all the same; see https://go.dev/doc/gc-guide. The bytes that come out are the same.
"""

from __future__ import annotations

# Measured with Go's linker and compiler on Concourse's own program, the biggest there is (2 cores):
#   GOGC=100 154 s, peak of a process 1.13 GB; GOGC=400 123 s, 1.18 GB; GOGC=off with a limit of 3 GiB 114 s, 1.73 GB.
# The peak of 1.73 GB fits, with room to spare: the limit will hardly ever be met.
_OFF_FROM = 2048
# Where the biggest doesn't fit, but those that are usual do (some 100 MiB in use, five times that with garbage).
_LAZY_FROM = 512
# A limit near what is in use would make a process collect all the time: never below the peak with GOGC=400.
_LOWEST_LIMIT = 1280


def go_memory_settings(grant_mib: int, processes: int) -> dict[str, str]:
    """Variables for a ``go`` command that may use ``grant_mib`` MiB and runs ``processes`` compilers at once.

    A linker may run beside them, so that a process may use one part in ``processes + 1``.
    """
    part = grant_mib // (processes + 1)
    if part >= _OFF_FROM:
        return {"GOGC": "off", "GOMEMLIMIT": f"{part}MiB"}
    if part >= _LAZY_FROM:
        return {"GOGC": "400", "GOMEMLIMIT": f"{max(part, _LOWEST_LIMIT)}MiB"}
    return {"GOGC": "100", "GOMEMLIMIT": "off"}
