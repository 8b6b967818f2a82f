"""What something comes from, told without making anything: a digest of all that decides it, from the pins on.

A step's key (``job``) is made of the results of the steps before it, so that a result that comes out unchanged ends
the chain. Who wants to know whether a proof of last month still speaks of today's project has no results. A step's
*lineage* takes their lineages instead: where two are the same, so is all that the two were made from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from crosscourse.engine.job import FORMAT, Job
from crosscourse.engine.reasons import EDITED
from crosscourse.engine.spec import encode


def lineages(jobs: Sequence[Job]) -> dict[str, str]:
    """The lineage of each step, by its name. ``jobs``: in the order of their needs, which are all among them.

    Raises what can't be read of a source raises.
    """
    checkouts = {job.step.place for job in jobs}
    found: dict[str, str] = {}
    for job in jobs:
        step = job.step
        before = {name: found[name] for name in (*step.needs, *step.after) if name in found}
        told: list[object] = [
            f"{FORMAT} {step.work.__module__}.{step.work.__qualname__}",
            list(step.outputs),
            job.shared.code.digest(step.work.__module__),
            encode(step.spec).decode(),
            before,
        ]
        if step.source is not None:
            content = job.shared.fingerprint(step.source.path) if step.source.path.exists() else {}
            # Of a checkout that is made here, what it is made from tells all but what a person edited there.
            made = step.source.path in checkouts
            told.append({name: each for name, each in content.items() if not made or name.endswith(EDITED)})
        found[step.name] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return found


def joined(found: Iterable[str]) -> str:
    """One digest of several lineages."""
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()
