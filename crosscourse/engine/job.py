"""A step in one run: whether it is to be done and why, the doing, and the record of it.

The *base* of a step's key is all but its source: work, code, spec, results of needs. The key is the base and the
content of what is read of the source. What is read is known once the work was done; the result cache remembers it by
the base, so that another checkout finds the key too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import operator
import stat
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crosscourse import files
from crosscourse.engine import reasons
from crosscourse.engine.mending import mend_needs
from crosscourse.engine.places import OutputMissingError, Places, SourceEditedError
from crosscourse.engine.reads import WHOLE, Reads
from crosscourse.engine.reasons import EDITED, Value
from crosscourse.engine.records import is_whole
from crosscourse.engine.spec import encode, labels
from crosscourse.engine.special import refuse_special
from crosscourse.engine.step import SourceFolder, Step
from crosscourse.engine.touched import clock, touched
from crosscourse.errors import of_any
from crosscourse.run import disk

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from crosscourse.engine.capacity import Grant
    from crosscourse.engine.shared import Shared

Record = dict[str, Any]
# Of records: those of another format count as none. Of keys: a change of what engine and work agree on.
FORMAT = 2


@dataclass(kw_only=True)
class Job:
    """One step of this run. ``results``: of the steps that it needs; ``reasons``: why it is to be done.

    ``reported``: what the work told the person; ``from_cache``: whether the outputs were taken from the result cache.
    ``changed``: whether the record is to be written anew though nothing is to be done.
    """

    step: Step
    shared: Shared
    results: dict[str, Value] = field(default_factory=dict)
    record: Record = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    from_cache: bool = False
    changed: bool = False

    @property
    def log(self) -> Path:
        """The step's log, kept until the next time that it is done."""
        return self.shared.build / "logs" / f"{self.step.file_name}.log"

    def why(self, record: Record, results: Mapping[str, Value]) -> list[str]:
        """Why the step is to be done; empty if it is not. ``results``: of the steps that it needs."""
        step = self.step
        self.record = record if is_whole(record, FORMAT) else {}
        self.results = dict(results)
        if not self.record:
            return [reasons.NEVER]
        # To tell that nothing changed is much faster than to tell what did.
        same = self.record.get("base") == self.base()
        found = [] if same else reasons.explain(self.record["inputs"], self.inputs)
        found += self._source_reasons()
        if step.probe is not None and step.place is not None and (problem := step.probe(step.spec, step.place)):
            found.append(problem)
        return [*found, *self._damage()]

    def _source_reasons(self) -> list[str]:
        source = self.step.source
        if source is None:
            return []
        before: dict[str, str] = self.record["source"]
        now = self.shared.fingerprint(source.path)
        if now == before:
            return []
        reads = msgspec.convert(self.record["reads"], Reads)
        if self._content(source, now, reads) == self.record["content"]:
            self.record["source"] = now  # spares the next run the comparison
            self.changed = True
            return []
        label = f"source {source.name}"
        said = reasons.explain(
            {label: {key: value for key, value in before.items() if _counts(key, reads)}},
            {label: {key: value for key, value in now.items() if _counts(key, reads)}},
        )
        return said or [f"{label}: what is read of it changed"]

    def _content(self, source: SourceFolder, fingerprint: Mapping[str, str], reads: Reads) -> str:
        """The digest of what is read of a source."""
        content = self.shared.content(source.path, fingerprint, reads)
        return files.digest_text(json.dumps(content, sort_keys=True))

    def _damage(self) -> Iterator[str]:
        recorded: dict[str, list[Any]] = self.record.get("outputs", {})
        for label, path in self.step.outputs.items():
            row = recorded.get(label)
            name = files.relative(path)
            kind, now = files.looked_at(path)
            if row is None or row[0] != name or kind == "nothing":
                yield f"{name} is missing"
            elif kind != "file":
                yield f"{name} is not what was built"
            elif now != row[2:]:
                if files.digest(path) != row[1]:
                    yield f"{name} is not what was built"
                else:
                    row[2:] = now  # only touched: spares the next run the hashing
                    self.changed = True

    @cached_property
    def inputs(self) -> dict[str, Value]:
        """All that decides the outputs but the source, by labels that a person understands."""
        module = self.step.work.__module__
        return {**labels(self.step.spec), f"code of {module}": self.shared.code.digest(module), **self.results}

    def base(self) -> str:
        """The digest of all that decides the outputs but the source."""
        step = self.step
        sha = hashlib.sha256()
        for part in (
            f"{FORMAT} {step.work.__module__}.{step.work.__qualname__} {' '.join(step.outputs)}".encode(),
            self.shared.code.digest(step.work.__module__).encode(),
            encode(step.spec),
            json.dumps(self.results, sort_keys=True).encode(),
        ):
            sha.update(len(part).to_bytes(8, "big") + part)
        return sha.hexdigest()

    def key(self, base: str, content: str) -> str:
        """The step's key for that content of its source."""
        return files.digest_text(f"{base} {content}")

    def _keys(self, base: str) -> Iterator[tuple[str, Reads, str]]:
        """The keys under which the outputs may be kept, with what each takes to be read of the source."""
        source = self.step.source
        if source is None:
            yield self.key(base, ""), WHOLE, ""
            return
        now = self.shared.fingerprint(source.path)
        remembered = [msgspec.convert(reads, Reads) for reads in self.shared.results.candidates(base)]
        for reads in [source.reads] if source.reads is not None else remembered:
            content = self._content(source, now, reads)
            yield self.key(base, content), reads, content

    def is_kept(self) -> bool:
        """Whether the result cache has what the step would make now."""
        if not self._cacheable():
            return False
        return any(self.shared.results.get(key) is not None for key, _, _ in self._keys(self.base()))

    def _cacheable(self) -> bool:
        return self.step.kept and bool(self.step.outputs) and self.step.place is None

    def do(self) -> Record:
        """Take the outputs from the result cache, or do the work; returns what is to be recorded.

        Raises CrosscourseError, OSError.
        """
        started = time.monotonic()
        files.begin(self.log)
        scratch_path = self.shared.build / "tmp" / self.step.file_name
        with files.scratch_folder(scratch_path) as scratch:
            base = self.base()
            record = (self._take(base, scratch) if self._cacheable() else None) or self._work(base, scratch)
        self._remove_former(record)
        seconds = round(time.monotonic() - started, 2)
        worked = self.record.get("seconds", seconds) if self.from_cache else seconds
        return {**record, "format": FORMAT, "base": base, "inputs": self.inputs, "seconds": worked}

    def _take(self, base: str, scratch: Path) -> Record | None:
        """The record of outputs taken from the result cache; None if it does not have them."""
        places = {label: scratch / "outputs" / label for label in self.step.outputs}
        for key, reads, content in self._keys(base):
            entry = self.shared.results.take(key, places)
            if entry is None:
                continue
            self.from_cache = True
            self._write_log("\n".join([f"taken from the result cache: {key}", *entry.reported]))
            self.reported.extend(entry.reported)
            digests = {label: kept.digest for label, kept in entry.outputs.items()}
            source = self.step.source
            return self._placed(
                scratch,
                digests,
                {
                    "source": self.shared.fingerprint(source.path) if source else {},
                    "reads": msgspec.to_builtins(reads),
                    "content": content,
                },
            )
        return None

    def _work(self, base: str, scratch: Path) -> Record:
        step, source = self.step, self.step.source
        with self._hold() as grant:
            mended = mend_needs(step, self.shared.steps, self.shared.asked, self._mend)
            # Now, not when it was checked: it may have waited for long.
            began = clock(scratch)
            before = self._read_again(source) if source else {}
            places = self.places(scratch, grant)
            step.work(step.spec, places)
        if step.place is not None:
            self.shared.fingerprints.forget(step.place)
        reads = source.reads if source and source.reads is not None else _union(places.learned)
        content = ""
        if source is not None:
            content = self._content(source, before, reads)
            self._refuse_edited(before, content, reads, began)
        digests = self._digests(places)
        if self._cacheable():
            if source is not None and source.reads is None:
                self.shared.results.remember(base, msgspec.to_builtins(reads))
            made = {label: places.output(label) for label in step.outputs}
            self.shared.results.put(self.key(base, content), step.stage, made, digests, self.reported)
        self.reported[:0] = mended
        return self._placed(
            scratch, digests, {"source": before, "reads": msgspec.to_builtins(reads), "content": content}
        )

    def _mend(self, step: Step) -> list[str]:
        """Do the work of another step again; returns what it reported."""
        job = Job(step=step, shared=self.shared)
        files.begin(job.log)
        with files.scratch_folder(self.shared.build / "tmp" / f"mend-{step.file_name}") as scratch:
            step.work(step.spec, job.places(scratch, None))
        return job.reported

    def places(self, scratch: Path, grant: Grant | None) -> Places:
        """What the work is given."""
        step = self.step
        (scratch / "outputs").mkdir(exist_ok=True)  # a damaged entry of the cache may have left it
        return Places(
            task=step.name,
            log=self.log,
            scratch=scratch,
            caches=self.shared.cache,
            needed={name: self.shared.provided(name) for name in (*step.needs, *step.after)},
            labels=tuple(step.outputs),
            grant=grant,
            show=lambda text: self.shared.status(step.name, text),
            source_folder=step.source.path if step.source else None,
            own_place=step.place,
            paths=step.paths,
            origins=self.shared.origins,
            reported=self.reported,
        )

    def _hold(self) -> AbstractContextManager[Grant | None]:
        """The turn at the processors of heavy work."""
        step = self.step
        if step.memory is None:
            return nullcontext()
        return self.shared.pool.hold(
            step.memory,
            step.turn or step.name,
            lambda text: self.shared.status(step.name, text),
            seconds=self.record.get("seconds"),
        )

    def _read_again(self, source: SourceFolder) -> dict[str, str]:
        refuse_special(source.path)
        self.shared.fingerprints.forget(source.path)
        return self.shared.fingerprint(source.path)

    def _refuse_edited(self, before: dict[str, str], content: str, reads: Reads, began: int) -> None:
        """Raise SourceEditedError if what was read is not what the key says, or was something else meanwhile."""
        source = self.step.source
        assert source is not None
        now = self._read_again(source)
        if now != before and self._content(source, now, reads) != content:
            what = "; ".join(reasons.explain({source.name: before}, {source.name: now}))
        elif not source.may_change and (path := touched(source.path, reads, began)):
            what = f"{path} was written, and may have been different meanwhile"
        else:
            return
        if not source.may_change:
            raise SourceEditedError(self.step.name, files.relative(source.path), what)
        self.reported.append(f"{self.step.name} changed its source, which now counts as edited ({what})")

    def _digests(self, places: Places) -> dict[str, str]:
        found = {}
        for label in self.step.outputs:
            path = places.output(label)
            if path.is_symlink() or not path.is_file():
                raise OutputMissingError(self.step.name, f"ended without making {label}", f"Its log: {self.log}")
            # Whatever the umask: a program or a file, no more is said by an output's mode.
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            found[label] = files.digest(path)
        return found

    def _placed(self, scratch: Path, digests: Mapping[str, str], more: Record) -> Record:
        """Move the outputs to where they belong."""
        rows = {}
        for label, path in self.step.outputs.items():
            files.move(scratch / "outputs" / label, path)
            rows[label] = [files.relative(path), digests[label], *files.signature(path)]
        step = self.step
        result: Value = step.result(step.spec, step.place) if step.result and step.place is not None else dict(digests)
        return {"outputs": rows, "result": result, **more}

    def _remove_former(self, record: Record) -> None:
        """What the step made the last time and no longer makes is removed, unless another step makes it now."""
        now = {row[0] for row in record["outputs"].values()} | self.shared.outputs()
        for row in self.record.get("outputs", {}).values():
            if row[0] not in now and not row[0].startswith(("/", "..")):
                files.remove(Path(row[0]))

    def fail(self, error: BaseException) -> str:
        """What a person is told of an error, which goes to the log too; unexpected ones are raised again."""
        known = of_any(error, self.step.name, disk.full([self.shared.build, self.shared.cache, disk.temporary()]))
        self._write_log(str(known) if known else "".join(traceback.format_exception(error)))
        if known is None:
            raise error
        return str(known)

    def _write_log(self, text: str) -> None:
        with contextlib.suppress(OSError), self.log.open("a", encoding="utf-8") as stream:  # what is said counts
            stream.write(text + "\n")


def _counts(label: str, reads: Reads) -> bool:
    """Whether an entry of a fingerprint can matter: the commit, or a file that differs from it and is read."""
    path = label.removesuffix(EDITED)
    return path == label or reads.matches(path)


def _union(learned: list[Reads]) -> Reads:
    return reduce(operator.or_, learned) if learned else WHOLE
