"""A step, declared: one task of the graph as a derivation.

A step is a *kind* (its work), a *spec*, the results of the steps it *needs*, and its *source*. These and the code of
the work decide the bytes of its outputs; their digest is its key (``job``). The work is a function at module level that
sees the spec and its ``Places`` and nothing else, so that what is not in the key cannot matter.

Steps that touch what is no derivation (upstream, a tool's installation, a machine that is booted) have a *place*, a
*probe* that asks whether it is still there, and a *result* that says what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from crosscourse.engine.places import Places
from crosscourse.engine.reads import Reads
from crosscourse.engine.reasons import Value
from crosscourse.engine.spec import Spec

# Who removes what a step made: plain `clean`, only `clean --all`, or nobody (it is shared by other checkouts).
RemovedBy = Literal["clean", "clean --all", "nobody"]


@dataclass(frozen=True, kw_only=True)
class SourceFolder:
    """The checkout that a step reads. ``reads``: what of it counts, where that is known beforehand.

    ``may_change``: the work itself may write into it (tests that leave files behind).
    """

    name: str
    path: Path
    reads: Reads | None = None
    may_change: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """A task. ``name`` as in ``compile:armv7:runc``; ``stage``: the room it belongs to; ``doc``: for ``list --all``.

    ``work(spec, places)`` does it. ``needs``: steps whose results count; ``after``: steps that only come first.
    ``memory``: the work's peak in MiB, where it is heavy: it then waits for a processor; work of the same ``turn`` is
    done one after the other.
    ``outputs``: label → file, each written to ``places.output(label)``. ``kept``: whether the result cache keeps them.
    ``place``: what is made beside outputs; ``provides``: files in it that other steps ask for by label.
    ``probe(spec, place)`` says what is missing there; ``probed(place)``: the files that it looks at, wherever they are
    (without it, each run has to ask the probe); ``sound(step)`` what is wrong, by a look too dear for a run
    with nothing to do: asked before the first step of a run that comes after this one works. If something is, this
    one's work is done again, and must mend it. ``result(spec, place)``: what steps that need this one see, by default
    the digests of the outputs. ``paths``: where more of what the spec speaks of lies; like all paths no part of the
    key. ``remover(step, dry_run)`` removes what is no output; yields what it removed. ``advice(step)``: what a plan
    says of the step beside its reasons.
    """

    name: str
    stage: str
    doc: str
    spec: Spec
    work: Callable[[Any, Places], None]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    source: SourceFolder | None = None
    memory: int | None = None
    turn: str = ""
    outputs: Mapping[str, Path] = field(default_factory=dict)
    kept: bool = True
    place: Path | None = None
    provides: Mapping[str, Path] = field(default_factory=dict)
    probe: Callable[[Any, Path], str | None] | None = None
    probed: Callable[[Path], Iterable[Path]] | None = None
    result: Callable[[Any, Path], Value] | None = None
    sound: Callable[[Step], str | None] | None = None
    removed_by: RemovedBy = "clean"
    paths: Mapping[str, Path] = field(default_factory=dict)
    remover: Callable[[Step, bool], Iterator[str]] | None = None
    advice: Callable[[Step], Iterable[str]] | None = None

    @property
    def file_name(self) -> str:
        """The step's name where it names a file."""
        return self.name.replace(":", "-")
