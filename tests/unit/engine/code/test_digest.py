"""The digest of a step's code follows what is imported, and nothing else."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crosscourse.engine.cache import sealed
from crosscourse.engine.code.digest import Code
from crosscourse.errors import CodeError

ROOT = Path(__file__).parents[4]


class House:
    """A small project: its files, and its code as a new run sees it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.memory = root / "build/code.json"

    def write(self, **texts: str) -> None:
        """Modules by name, ``__`` for a dot; packages get an empty ``__init__.py`` where they have none."""
        for name, text in texts.items():
            path = self.root / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for folder in path.relative_to(self.root).parents:
                if folder != Path():
                    (self.root / folder / "__init__.py").touch()

    def package(self, name: str, text: str) -> None:
        (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / name / "__init__.py").write_text(text)

    def code(self) -> Code:
        return Code(self.root, self.memory, ("tasks", "lib"))

    def digest(self, module: str = "tasks.work") -> str:
        return self.code().digest(module)

    def closure(self, module: str = "tasks.work") -> set[str]:
        return set(self.code().contents(module))

    def remembered(self) -> dict[str, Any]:
        _, content = json.loads(self.memory.read_text())
        found: dict[str, Any] = content
        return found

    def follows(self, name: str) -> bool:
        """Whether an edit of a module changes the digest of the work; the edit is undone."""
        path = self.root / (name.replace(".", "/") + ".py")
        path = path if path.exists() else self.root / name.replace(".", "/") / "__init__.py"
        before, text = self.digest(), path.read_text()
        path.write_text(f"{text}\nEDITED = True\n")
        after = self.digest()
        path.write_text(text)
        assert self.digest() == before
        return after != before


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "import lib.far",
        "import os, lib.far as renamed",
        "from lib import far",
        "from lib import (other, far as renamed)",
        "from lib.far import VALUE",
        "from lib.far import *",
        "from lib import *",
        "from ..lib import far",
        "from ..lib.far import VALUE",
        "from . import near",
        "from .near import VALUE",
        "def work():\n    from lib import far",
        "class Work:\n    async def work(self):\n        with self:\n            import lib.far",
        "try:\n    import lib.far\nexcept ImportError:\n    pass",
        "if __debug__:\n    import lib.far",
        "import importlib\nfar = importlib.import_module('lib.far')",
        "from importlib import import_module\ndef work():\n    return import_module('..lib.far', __package__).VALUE",
        "far = __import__('lib.far')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import lib.far",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import lib.far",
    ],
)
def test_every_way_of_importing(house: House, text: str) -> None:
    house.write(lib__far="VALUE = 1", lib__other="", tasks__near="from lib.far import VALUE")
    # Relative imports reach the neighbour package where both lie in one.
    house.write(**{"tasks__work": text.replace("from ..lib", "from .lib").replace("'..lib.far'", "'.lib.far'")})
    if ".lib" in text:
        house.write(tasks__lib__far="VALUE = 1")
        assert house.follows("tasks.lib.far")
    else:
        assert house.follows("lib.far")
        assert house.follows("lib")
    assert house.follows("tasks.work")
    assert house.follows("tasks")


@pytest.mark.parametrize(
    "text",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lib.far",
        "import typing\nif typing.TYPE_CHECKING:\n    from lib import far\nelse:\n    far = None",
        "from lib import other",
        "import lib",
        "import far, elftools.far",
        '"""import lib.far"""\nTEXT = "lib.far"',
    ],
)
def test_what_is_not_imported_does_not_count(house: House, text: str) -> None:
    house.write(lib__far="VALUE = 1", lib__other="", tasks__work=text, tasks__unrelated="import lib.far")
    assert not house.follows("lib.far")
    assert not house.follows("tasks.unrelated")


def test_relative_imports_of_several_levels(house: House) -> None:
    house.write(
        lib__a__b__deep="from ... import top\nfrom ..side import VALUE\nfrom . import twin",
        lib__top="",
        lib__a__side="",
        lib__a__b__twin="",
        tasks__work="import lib.a.b.deep",
    )
    assert house.closure() == {
        *("tasks", "tasks.work", "lib", "lib.a", "lib.a.b"),
        *("lib.a.b.deep", "lib.top", "lib.a.side", "lib.a.b.twin"),
    }


def test_the_packages_on_the_way_count_with_what_they_import(house: House) -> None:
    house.write(lib__a__far="", lib__beside="", tasks__work="from lib.a.far import VALUE")
    house.package("lib/a", "from ..beside import VALUE\nfrom . import sibling")
    house.write(lib__a__sibling="")
    assert house.follows("lib.a")
    assert house.follows("lib.beside")
    assert house.follows("lib.a.sibling")


def test_a_cycle_ends_and_all_of_it_counts_for_each(house: House) -> None:
    house.write(lib__a="import lib.b", lib__b="from lib import c", lib__c="import lib.a", tasks__work="import lib.b")
    everything = {"lib", "lib.a", "lib.b", "lib.c"}
    assert house.closure() == {"tasks", "tasks.work", *everything}
    code = house.code()
    assert set(code.contents("lib.a")) == set(code.contents("lib.c")) == everything
    assert code.digest("lib.a") == code.digest("lib.b")


def test_all_modules_of_a_package_count_where_it_is_imported_with_a_star(house: House) -> None:
    house.write(lib__one="", lib__two__inner="", tasks__work="from lib import *")
    (house.root / "lib/notes.txt").write_text("")
    assert house.closure() == {"tasks", "tasks.work", "lib", "lib.one", "lib.two"}


def test_the_order_of_modules_is_always_the_same(house: House) -> None:
    house.write(**{f"lib__m{number}": "" for number in range(9)}, tasks__work="from lib import *")
    names = list(house.code().contents("tasks.work"))
    assert names == sorted(names)
    assert len(names) == 12


def test_digests_of_several_modules_do_not_depend_on_their_order(house: House) -> None:
    house.write(lib__a="import lib.b", lib__b="import lib.a\nimport lib.c", lib__c="", tasks__work="import lib.c")
    one, other = house.code(), house.code()
    names = ["tasks.work", "lib.a", "lib.b", "lib.c"]
    assert {name: one.digest(name) for name in names} == {name: other.digest(name) for name in reversed(names)}


def test_a_package_comes_before_a_module_of_its_name(house: House) -> None:
    house.write(lib__far="", tasks__work="import lib.far")
    house.write(lib__far__inner="")
    house.package("lib/far", "import lib.far.inner")
    assert "lib.far.inner" in house.closure()


def test_a_new_submodule_is_seen_by_an_importer_that_was_not_edited(house: House) -> None:
    house.write(tasks__work="from lib import far", lib__other="")
    before = house.digest()
    house.write(lib__far="")
    assert house.digest() != before


def test_a_folder_without_init(house: House) -> None:
    house.write(tasks__work="from lib.plain import far")
    (house.root / "lib/plain").mkdir(parents=True)
    (house.root / "lib/plain/far.py").write_text("")
    assert house.follows("lib.plain.far")


def test_the_same_wherever_the_project_lies(house: House, tmp_path: Path) -> None:
    house.write(lib__far="", tasks__work="CODE_FILES = ('work.py',)\nimport lib.far")
    before = house.digest()
    shutil.copytree(tmp_path / "lib", tmp_path / "elsewhere/lib")
    shutil.copytree(tmp_path / "tasks", tmp_path / "elsewhere/tasks")
    assert House(tmp_path / "elsewhere").digest() == before


def test_data_files_count_as_code(house: House) -> None:
    house.write(lib__far='"""Far."""\nCODE_FILES: tuple[str, ...] = ("files/program", "files/table.toml")')
    house.write(tasks__work="import lib.far")
    (house.root / "lib/files").mkdir()
    program = house.root / "lib/files/program"
    program.write_text("one")
    (house.root / "lib/files/table.toml").write_text("")
    (house.root / "lib/files/unrelated").write_text("")
    before = house.digest()
    (house.root / "lib/files/unrelated").write_text("edited")
    assert house.digest() == before
    program.write_text("two")
    after = house.digest()
    assert after != before
    program.write_text("one")
    assert house.digest() == before
    house.write(lib__far="")
    assert house.digest() not in {before, after}


@pytest.mark.parametrize(
    "text", ["CODE_FILES = [name for name in ()]", "CODE_FILES = ('a', NAME)", "CODE_FILES += ('a',)"]
)
def test_data_files_that_can_not_be_told(house: House, text: str) -> None:
    house.write(tasks__work=text)
    with pytest.raises(CodeError, match="CODE_FILES"):
        house.digest()


def refused(house: House, module: str, *parts: str) -> None:
    with pytest.raises(CodeError) as caught:
        house.digest(module)
    for part in parts:
        assert part in str(caught.value)


def test_what_can_not_be_found_or_understood(house: House) -> None:
    house.write(tasks__work="import lib.missing", lib__broken="def", lib__named="import_module(name)", lib__far="")
    house.write(lib__beyond="from ... import far", lib__data="CODE_FILES = ('gone',)", lib__nul="\0")
    refused(house, "tasks.work", "lib.missing", "tasks.work imports it", str(house.root))
    refused(house, "lib.broken", "module lib.broken", "lib/broken.py is not valid Python")
    refused(house, "lib.nul", "lib/nul.py is not valid Python")
    refused(house, "lib.named", "line 1", "as a literal")
    refused(house, "lib.beyond", "beyond its top-level package")
    refused(house, "lib.data", "gone can't be read")
    refused(house, "elsewhere.work", "tasks, lib")
    assert house.digest("lib.far")


def test_a_failure_is_said_each_time(house: House) -> None:
    house.write(tasks__work="import lib.missing", lib__far="")
    code = house.code()
    for _ in range(2):
        with pytest.raises(CodeError, match=r"lib.missing"):
            code.digest("tasks.work")


def settle() -> None:
    """Until files that were just written are old enough to be remembered."""
    time.sleep(0.05)


def reading_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        if path.suffix == ".json":
            with path.open("rb") as stream:
                return stream.read()
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(Path, "read_bytes", refuse)


def test_nothing_is_read_again_and_nothing_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write(lib__far="CODE_FILES = ('data',)", tasks__work="import lib.far")
    (house.root / "lib/data").write_text("data")
    settle()
    before = house.digest()
    written = house.memory.stat()
    reading_fails(monkeypatch)
    assert house.digest() == before
    assert house.memory.stat().st_ino == written.st_ino


def test_only_what_was_edited_is_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write(lib__far="", tasks__work="import lib.far", lib__new="")
    settle()
    before = house.digest()
    (house.root / "lib/far.py").write_text("import lib.new")
    settle()
    assert house.digest() != before
    reading_fails(monkeypatch)
    assert house.closure() == {"tasks", "tasks.work", "lib", "lib.far", "lib.new"}


def test_a_file_of_the_same_size_and_time_is_read_again(house: House) -> None:
    house.write(tasks__work="A = 1")
    path = house.root / "tasks/work.py"
    settle()
    info, before = path.stat(), house.digest()
    path.write_text("A = 2")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert house.digest() != before


def test_a_file_written_just_now_is_not_remembered(house: House) -> None:
    house.write(tasks__work="")
    path = house.root / "tasks/work.py"
    later = time.time_ns() + 3_600_000_000_000  # so that this holds however slow the machine is
    os.utime(path, ns=(later, later))
    settle()
    house.digest()
    assert list(house.remembered()["sources"]) == ["tasks/__init__.py"]


def test_a_memory_made_for_other_packages_is_not_believed(house: House) -> None:
    house.write(lib__far="", tasks__work="import lib.far")
    settle()
    Code(house.root, house.memory, ("tasks",)).digest("tasks.work")
    assert "lib.far" in house.closure()


def test_files_that_are_gone_are_forgotten(house: House) -> None:
    house.write(lib__far="", tasks__work="import lib.far")
    settle()
    house.digest()
    house.write(tasks__work="")
    (house.root / "lib/far.py").unlink()
    settle()
    house.digest()
    assert sorted(house.remembered()["sources"]) == [
        *("lib/__init__.py", "tasks/__init__.py", "tasks/work.py")
    ]


def spoil_reader(content: bytes) -> bytes:
    """As if an older version of the module under test had written it, and found nothing imported."""
    _, data = json.loads(content)
    data["reader"][1] -= 1
    for source in data["sources"].values():
        source[2:] = [[], [], []]
    return sealed.write("imports", data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda _: b"\xff\xfe not JSON",
        lambda content: content[: len(content) // 2],
        lambda _: b'{"sources": {"tasks/work.py": 1}}',
        lambda _: b"[]",
        lambda content: content.replace(b'"tasks.', b'"t\xff.'),
        lambda content: content.replace(b'"lib.far"', b'"lib.fas"'),
        spoil_reader,
    ],
)
def test_garbage_in_the_memory_is_no_harm(house: House, spoil: Callable[[bytes], bytes]) -> None:
    house.write(lib__far="", tasks__work="import lib.far")
    settle()
    before, closure = house.digest(), house.closure()
    sound = house.memory.read_bytes()
    house.memory.write_bytes(spoil(sound))
    assert house.digest() == before
    assert house.closure() == closure
    assert len(house.remembered()["sources"]) == len(closure)


@pytest.mark.parametrize("obstacle", ["a folder", "a file in the way"])
def test_a_memory_that_can_not_be_written_is_no_harm(house: House, obstacle: str) -> None:
    house.write(lib__far="", tasks__work="import lib.far")
    settle()
    if obstacle == "a folder":
        house.memory.mkdir(parents=True)
        (house.memory / "file").touch()
    else:
        house.memory.parent.write_text("")
    assert house.digest() == house.digest()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_no_harm(house: House) -> None:
    house.write(tasks__work="")
    settle()
    house.memory.parent.mkdir()
    house.memory.parent.chmod(0o555)
    assert house.digest() == house.digest()
    assert not house.memory.exists()


def test_this_project(tmp_path: Path) -> None:
    code = Code(ROOT, tmp_path / "code.json")
    closure = code.contents("crosscourse.engine.code.digest")
    assert set(closure) == {
        *("crosscourse", "crosscourse.engine", "crosscourse.engine.code"),
        *("crosscourse.engine.code.digest", "crosscourse.engine.code.imports"),
        *("crosscourse.engine.cache", "crosscourse.engine.cache.sealed"),
        *("crosscourse.errors", "crosscourse.files"),
    }
    assert len(code.digest("crosscourse.engine.code.digest")) == 64
