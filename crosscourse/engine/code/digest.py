"""The digest of a step's code: of the sources of everything that the module of its ``work`` imports.

Only this project's own modules count, and only what their sources say: nothing is executed. What is counted:

- imports wherever they stand, in functions too, but not those for type checkers only (``if TYPE_CHECKING:``);
- ``from package import name`` as the submodule, where there is one; ``import *`` of a package as all its modules;
- ``import_module`` with the name written out; without, the import can't be followed, which is an error;
- the ``__init__.py`` of each package on the way;
- the files that a module names itself: ``CODE_FILES = ("files/program", ...)``, relative to the module's folder.

A submodule that is only reached as an attribute (``import package``, then ``package.submodule.f()``) is not seen.

What a source imports is remembered by the file's signature, so that a run in which nothing was edited reads none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock

import msgspec

from crosscourse import files
from crosscourse.engine.cache import sealed
from crosscourse.errors import CodeError

PACKAGES = ("crosscourse", "tasks", "toolchains")
# A file that was written so shortly before it was read may be written again without a change of its signature:
# the kernel's clock for files ticks every 1 to 10 ms (CONFIG_HZ). Such a file is read again the next time.
_FRESH = 20_000_000  # ns
# What the memory is sealed as: of a flipped bit in it, a module would be taken to import another one.
_SEALED = "imports"


class Code:
    """The code below ``root``, read once a run; may be asked by several threads.

    ``memory``: a JSON file for what was read; if it is missing, damaged or can't be written, everything is read anew.
    ``packages``: the top-level packages that are this project's own.
    """

    def __init__(self, root: Path, memory: Path, packages: tuple[str, ...] = PACKAGES) -> None:
        self._packages = packages
        self._tree = _Tree(root)
        self._memory = _Memory(root, memory, packages)
        self._modules: dict[str, _Module] = {}
        self._digests: dict[str, str] = {}
        self._lock = RLock()

    def digest(self, module: str) -> str:
        """SHA-256, in hexadecimal, of the code that ``module`` (dotted) imports, its own included.

        The same wherever the project lies. Raises CodeError.
        """
        with self._lock:
            if module not in self._digests:
                rows = [self._modules[name].row for name in self._closure(module)]
                self._digests[module] = hashlib.sha256(b"".join(rows)).hexdigest()
            return self._digests[module]

    def contents(self, module: str) -> dict[str, str]:
        """What ``digest`` is made of, to say what changed: names of modules and their digests. Raises CodeError."""
        with self._lock:
            found = [self._modules[name] for name in self._closure(module)]
        return {module.name: module.digest for module in found if module.digest}

    def _closure(self, module: str) -> list[str]:
        if module.partition(".")[0] not in self._packages:
            raise CodeError(module, "is in none of this project's packages", f"They are: {', '.join(self._packages)}.")
        seen: set[str] = set()
        waiting = {module}
        while waiting:
            name = waiting.pop()
            seen.add(name)
            known = self._modules.get(name)
            if known is None:
                known = self._modules[name] = self._read(name)
            waiting |= known.needs - seen
        self._memory.save()
        return sorted(seen)

    def _read(self, name: str) -> _Module:
        place = self._tree.find(name)
        if place is None:
            importer = next((other.name for other in self._modules.values() if name in other.needs), "")
            by = f"; {importer} imports it" if importer else ""
            raise CodeError(name, f"there is no file of it below {self._tree.root}{by}")
        parent = name.rpartition(".")[0]
        needs = {parent} if parent else set()
        if not place:  # a folder without __init__.py: a package with no code of its own
            return _Module(name=name, digest="", needs=frozenset(needs))
        source = self._memory.source(place, name)
        needs.update(source.modules)
        for maybe in source.maybe:
            package, _, last = maybe.rpartition(".")
            if last == "*":
                needs.update(self._tree.submodules(package))
            elif self._tree.find(maybe) is not None:
                needs.add(maybe)
        folder = place.rpartition("/")[0]
        data = {path: self._memory.data(f"{folder}/{path}", name) for path in source.files}
        digest = files.digest_text(f"{source.digest} {data}") if data else source.digest
        return _Module(name=name, digest=digest, needs=frozenset(needs))


@dataclass(frozen=True, kw_only=True)
class _Module:
    """A module and the modules that it needs itself; ``digest`` of its source and data files, empty if it has none."""

    name: str
    digest: str
    needs: frozenset[str]

    @cached_property
    def row(self) -> bytes:
        """What it adds to the digest of a closure."""
        return f"{self.name} {self.digest}\n".encode()


class _Tree:
    """Which modules there are: one look into each folder. Paths are texts, relative to ``root``: this must be fast."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: dict[str, frozenset[str]] = {}

    def find(self, module: str) -> str | None:
        """The file of a module, as Python would find it; empty for a folder without ``__init__.py``; None if none."""
        path = module.replace(".", "/")
        folder, _, last = path.rpartition("/")
        names = self._list(folder)
        if last in names and "__init__.py" in self._list(path):
            return f"{path}/__init__.py"
        if f"{last}.py" in names:
            return f"{path}.py"
        return "" if last in names and (self.root / path).is_dir() else None

    def submodules(self, package: str) -> Iterator[str]:
        """The modules directly in a package, and its packages."""
        path = package.replace(".", "/")
        for name in self._list(path):
            stem, _, ending = name.partition(".")
            if (ending == "py" and stem != "__init__") or "__init__.py" in self._list(f"{path}/{name}"):
                yield f"{package}.{stem}"

    def _list(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            parent, _, last = folder.rpartition("/")
            self._names[folder] = frozenset()
            if not folder or last in self._list(parent):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    self._names[folder] = frozenset(os.listdir(f"{self.root}/{folder}"))  # noqa: PTH208
        return self._names[folder]


class _Source(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What one source says: modules that it imports, names that are modules or not, data files that it names."""

    signature: list[int]
    digest: str
    modules: list[str] = []
    maybe: list[str] = []
    files: list[str] = []


class _Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The memory file. ``reader``: the signature of the module that read it: what an older one made is not believed."""

    reader: list[int]
    packages: tuple[str, ...]
    sources: dict[str, _Source]
    data: dict[str, _Source]


class _Memory:
    """Reads sources and data files, or remembers them by their signatures."""

    def __init__(self, root: Path, path: Path, packages: tuple[str, ...]) -> None:
        self._root = root
        self._path = path
        self._packages = packages
        self._changed = False
        self._content: _Remembered | None = None

    def source(self, place: str, module: str) -> _Source:
        """What the source at ``place`` (relative to the root) says. Raises CodeError."""
        return self._get(self._load().sources, place, module, is_source=True)

    def data(self, place: str, module: str) -> str:
        """The digest of a data file that a module names. Raises CodeError."""
        return self._get(self._load().data, place, module, is_source=False).digest

    def _get(self, known: dict[str, _Source], place: str, module: str, *, is_source: bool) -> _Source:
        path = self._root / place
        try:
            signature = files.signature(path)
            entry = known.get(place)
            if entry is not None and entry.signature == signature:
                return entry
            content = path.read_bytes()
        except OSError as error:
            raise CodeError(module, f"{path} can't be read: {error.strerror}") from None
        entry = _Source(signature=signature, digest=hashlib.sha256(content).hexdigest())
        if is_source:
            # Here, not above: what was read before is remembered, and reading needs the parser.
            from crosscourse.engine.code.imports import read

            said = read(content, module, path, self._packages)
            entry = msgspec.structs.replace(entry, modules=said.modules, maybe=said.maybe, files=said.files)
        if time.time_ns() - max(signature[1:3]) > _FRESH:
            known[place] = entry
            self._changed = True
        return entry

    def _load(self) -> _Remembered:
        if self._content is None:
            reader = files.signature(Path(__file__).with_name("imports.py"))
            content = sealed.read(self._path, _SEALED, _Remembered)
            if content is not None and content.reader == reader and content.packages == self._packages:
                self._content = content
            else:
                self._content = _Remembered(reader=reader, packages=self._packages, sources={}, data={})
        return self._content

    def save(self) -> None:
        """Write what was learned, if anything; what concerns files that are gone is left out."""
        if not self._changed:
            return
        content = self._load()
        for known in (content.sources, content.data):
            for place in [place for place in known if not (self._root / place).is_file()]:
                del known[place]
        with contextlib.suppress(OSError), files.replacing(self._path) as partial:
            partial.write_bytes(sealed.write(_SEALED, content))
        self._changed = False
