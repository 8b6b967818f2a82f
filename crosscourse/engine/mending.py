"""What steps made beside outputs (a tool, a cache of modules) is what it was, before something is made of it.

A run with nothing to do must not walk through 20,000 files; one that works, may. So each such place is asked once a
run, before the first step that comes after it works; what is wrong there is mended by doing its step again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crosscourse import files

if TYPE_CHECKING:
    from crosscourse.engine.job import Job


@dataclass(kw_only=True)
class Asked:
    """The steps whose places were asked in this run; whoever asks waits until they are mended."""

    names: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def mend_needs(job: Job) -> list[str]:
    """Mend what a step that is about to work comes after; returns what a person should read of it.

    Raises what the work that mends raises.
    """
    shared, said = job.shared, []
    for name in (*job.step.needs, *job.step.after):
        step = shared.steps[name]
        if step.sound is None:
            continue
        with shared.asked.lock:
            if name in shared.asked.names:
                continue
            if step.sound(step) is not None:
                mending = type(job)(step=step, shared=shared)
                with files.scratch_folder(shared.build / "tmp" / f"mend-{step.file_name}") as scratch:
                    step.work(step.spec, mending.places(scratch, None))
                said += mending.reported
            shared.asked.names.add(name)
    return said
