"""What steps made beside outputs (a tool, a cache of modules) is what it was, before something is made of it.

A run with nothing to do must not walk through 20,000 files; one that works, may. So each such place is asked once a
run, before the first step that comes after it works; what is wrong there is mended by doing its step again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from crosscourse.engine.step import Step


@dataclass(kw_only=True)
class Asked:
    """The steps whose places were asked in this run; whoever asks waits until they are mended."""

    names: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def mend_needs(step: Step, steps: Mapping[str, Step], asked: Asked, mend: Callable[[Step], Iterable[str]]) -> list[str]:
    """Mend what a step that is about to work comes after; returns what a person should read of it.

    ``steps``: all by name. ``mend``: do a step's work again. Raises what that raises.
    """
    said: list[str] = []
    for name in (*step.needs, *step.after):
        before = steps[name]
        if before.sound is None:
            continue
        with asked.lock:
            if name in asked.names:
                continue
            if before.sound(before) is not None:
                said += mend(before)
            asked.names.add(name)
    return said
