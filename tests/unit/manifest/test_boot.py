"""[boot] of a manifest: its kinds, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosscourse.errors import ManifestError
from crosscourse.manifest.boot import BootPrograms, BootWorker, Scenario, suite_of
from crosscourse.manifest.load import load_manifest
from crosscourse.manifest.model import Boot
from tasks.kinds import TABLES
from tests.unit.manifest.test_model import GOOD

PROGRAMS = """
[boot]
kind = "programs"
suite = "bookworm"
[boot.program.b]
command = ["b", "word"]
"""
WORKER = """
[boot]
kind = "worker"
suite = "bookworm"
packages = ["iproute2"]
modules = ["overlay"]
memory = 2048
concourse = "b"
fly = "b"
image = ["busybox-static"]
image-programs = { "opt/x" = "tasks/x.c" }
[boot.scenario.one]
runtime = "containerd"
[boot.scenario.two]
runtime = "guardian"
cgroup = 1
volumes = "naive"
env = { A = "{root}/b" }
extra = true
"""


def boot(tmp_path: Path, text: str) -> Boot | None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "x.c").touch()
    path = tmp_path / "x.toml"
    path.write_text(GOOD + text)
    return load_manifest(path, patches=tmp_path / "vendor-patches", tables=TABLES).boot


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        boot(tmp_path, text)
    return caught.value.problems


def test_a_release_need_not_boot(tmp_path: Path) -> None:
    assert boot(tmp_path, "") is None


def test_programs(tmp_path: Path) -> None:
    found = boot(tmp_path, PROGRAMS)
    assert isinstance(found, BootPrograms)
    assert (found.suite, found.packages, found.modules, found.memory) == ("bookworm", [], [], 1024)
    program = found.program["b"]
    assert (program.command, program.expect, program.status) == (["b", "word"], "", 0)


def test_worker(tmp_path: Path) -> None:
    found = boot(tmp_path, WORKER)
    assert isinstance(found, BootWorker)
    assert (found.packages, found.modules, found.memory) == (["iproute2"], ["overlay"], 2048)
    assert found.image_programs == {"opt/x": "tasks/x.c"}
    assert found.scenario == {
        "one": Scenario(runtime="containerd", cgroup=2, volumes="overlay", env={}, extra=False),
        "two": Scenario(runtime="guardian", cgroup=1, volumes="naive", env={"A": "{root}/b"}, extra=True),
    }


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        (PROGRAMS, 'kind = "programs"', "", "boot: the key 'kind' is missing"),
        (PROGRAMS, '"programs"', '"program"', "boot: kind = 'program' is not known. Did you mean 'programs'?"),
        (PROGRAMS, '"programs"', '"worker"', "boot.program: unknown key"),
        (PROGRAMS, "suite =", "suit =", "boot.suit: unknown key. Did you mean 'suite'?"),
        (PROGRAMS, 'suite = "bookworm"', "", "boot.suite: this key is missing"),
        (PROGRAMS, 'suite = "bookworm"', "suite = 12", "boot.suite: expected `str`, got `int`"),
        (PROGRAMS, '["b", "word"]', "[]", "boot.program.b.command: expected `array` of length >= 1"),
        (PROGRAMS, '["b", "word"]', '"b"', "boot.program.b.command: expected `array`, got `str`"),
        (PROGRAMS, "program.b]", "program.B]", "boot.program.B (its name): expected a name of lower-case letters"),
        (PROGRAMS, "command =", "status = 'x'\ncommand =", "boot.program.b.status: expected `int`, got `str`"),
        (PROGRAMS, "command =", "comand =", "boot.program.b.command: this key is missing"),
        (WORKER, 'fly = "b"', "", "boot.fly: this key is missing"),
        (WORKER, 'runtime = "guardian"', "", "boot.scenario.two.runtime: this key is missing"),
        (WORKER, "cgroup = 1", "cgroup = 3", "boot.scenario.two.cgroup: invalid enum value 3"),
        (WORKER, "memory = 2048", 'memory = "2G"', "boot.memory: expected `int`, got `str`"),
        (WORKER, "tasks/x.c", "x.toml", 'boot.image-programs."opt/x": x.toml is none of .c, .go, .sh'),
        (
            WORKER,
            "tasks/x.c",
            "../x.c",
            "image-programs.opt/x: expected a path inside its folder: not absolute, no '..'",
        ),
        (WORKER, "image-programs", "image_programs", "unknown key. Did you mean 'image-programs'?"),
        (WORKER, "extra = true", 'extra = "yes"', "boot.scenario.two.extra: expected `bool`, got `str`"),
    ],
)
def test_one_problem(tmp_path: Path, text: str, old: str, new: str, expected: str) -> None:
    assert old in text
    assert expected in "\n".join(problems(tmp_path, text.replace(old, new)))


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = WORKER.replace("memory = 2048", 'memory = "2G"').replace('runtime = "guardian"', "runtim = 1")
    assert [problem.partition(":")[0] for problem in problems(tmp_path, text)] == [
        "boot.memory",
        "boot.scenario.two.runtim",
        "boot.scenario.two.runtime",
    ]


SUITES = 'suites = { arm64 = "sid" }'
INGREDIENT = """
[artifact.c]
kind = "go-binary"
source = "a"
package = "./c"
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        (PROGRAMS, '"b", ', '"bb", ', "boot.program.b.command: there is no program 'bb' with a path. Did you mean"),
        (WORKER, 'concourse = "b"', 'concourse = "bb"', "boot.concourse: there is no program 'bb' with a path."),
        (WORKER, 'fly = "b"', 'fly = "bb"', "boot.fly: there is no program 'bb' with a path. Did you mean 'b'?"),
        (WORKER + INGREDIENT, 'fly = "b"', 'fly = "c"', "boot.fly: there is no program 'c' with a path. Known: b."),
        (PROGRAMS, 'bookworm"', f'bookworm"\n{SUITES}', "boot.suites: arm64 is no target. Did you mean 'armv7'?"),
        (WORKER, 'bookworm"', f'bookworm"\n{SUITES}', "boot.suites: arm64 is no target. Did you mean 'armv7'?"),
        (WORKER, "tasks/x.c", "tasks/y.c", 'boot.image-programs."opt/x": there is no file tasks/y.c'),
        (WORKER, 'runtime = "containerd"', 'runtime = "x"\nextra = true', "boot.scenario: none is part of `boot`"),
    ],
)
def test_names_that_refer_to_nothing(tmp_path: Path, text: str, old: str, new: str, expected: str) -> None:
    assert old in text
    (problem,) = problems(tmp_path, text.replace(old, new))
    assert problem.startswith(expected)


def test_a_target_may_be_of_another_suite(tmp_path: Path) -> None:
    found = boot(tmp_path, PROGRAMS.replace("[boot.program", 'suites = { armv7 = "trixie" }\n[boot.program'))
    assert found is not None
    assert suite_of(found, "armv7") == "trixie"
    assert suite_of(found, "arm64") == "bookworm"


def test_a_worker_without_scenarios(tmp_path: Path) -> None:
    text = WORKER.partition("[boot.scenario")[0] + "[boot.scenario]\n"
    assert "boot.scenario: none is part of `boot`" in problems(tmp_path, text)[0]


TYPE = """
[artifact.t]
kind = "resource-type"
source = "a"
path = "resource-types/t"
programs = {}
metadata = {}
"""
TYPES = """
[boot.scenario.types]
runtime = "containerd"
rows = "types"
image = "first"
env = { A = "{s.proxy}" }
[boot.server.s]
kind = "https"
files = { "example.org/x" = "{}" }
[boot.try.first]
title = "the first"
type = "t"
source = { url = "{s.url}/x", other = ["{root}", "{a: 1}"] }
[boot.untried]
u = "a reason"
"""
BOTH = TYPE + TYPE.replace("artifact.t", "artifact.u").replace("types/t", "types/u") + WORKER + TYPES


def test_types_are_tried(tmp_path: Path) -> None:
    found = boot(tmp_path, BOTH)
    assert isinstance(found, BootWorker)
    assert found.try_["first"].put is None
    assert found.scenario["types"].image == "first"
    assert found.server["s"].files == {"example.org/x": "{}"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('u = "a reason"', "", "boot.try: none tries the type 'u'. Add one, or say why not in boot.untried"),
        ('u = "a reason"', 'u = "a"\nv = "b"', "boot.untried.v: there is no resource type 'v'. Known: t, u."),
        ('type = "t"', 'type = "b"', "boot.try.first.type: there is no resource type 'b'. Known: t, u."),
        ("{s.url}", "{sss.url}", "boot.try.first: there is no server 'sss'."),
        ("{s.proxy}", "{x.proxy}", "boot.scenario.types: there is no server 'x'. Known: s."),
        ('image = "first"', "", "boot.scenario.types.image: there is no try ''. Known: first."),
        (
            'image = "first"',
            'image = "fist"',
            "boot.scenario.types.image: there is no try 'fist'. Did you mean 'first'?",
        ),
        ('"https"', '"http"', "boot.server.s.kind: invalid enum value 'http'"),
        ('title = "the first"', "", "boot.try.first.title: this key is missing"),
        ('"example.org/x"', '"../x"', "boot.server.s.files"),
    ],
)
def test_what_is_wrong_with_types(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in BOTH
    assert any(problem.startswith(expected) for problem in problems(tmp_path, BOTH.replace(old, new)))


BROWSE = """
[boot.browse.page]
title = "the page"
program = ["b", "--serve"]
port = 8080
steps = [["open", "{url}/"], ["fill", "#name", "it"], ["see", "text=it"]]
"""
TOOLS = 'node = "24.19.0"\nplaywright-core = "1.65.1"\nchromium = "153.0.0"\n'


def with_browser(text: str) -> str:
    """A manifest whose toolchain has a browser; ``GOOD`` is before it."""
    return text + BROWSE


def test_a_page_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.GOOD", GOOD.replace("[toolchain]\n", f"[toolchain]\n{TOOLS}"))
    found = boot(tmp_path, with_browser(PROGRAMS))
    assert isinstance(found, BootPrograms)
    assert found.browse["page"].steps[1] == ["fill", "#name", "it"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"open"', '"opne"', "boot.browse.page.steps: step 1: there is no 'opne'. Did you mean 'open'?"),
        ('"#name", ', "", "boot.browse.page.steps: step 2: 'fill' wants 2 more, not 1"),
        ('["b", "--serve"]', '["c"]', "boot.browse.page.program: there is no program 'c' with a path."),
        ('["b", "--serve"]', "[]", "boot.browse.page.program: there is no program '' with a path."),
        ("8080", "0", "boot.browse.page.port: expected `int` >= 1"),
        (
            "[boot.browse.page]",
            '[boot.browse.other]\ntitle = "o"\nprogram = ["b"]\nport = 1\nsteps = [["open", "x"]]\n[boot.browse.page]',
            "boot.browse: the pages are at one port, not at 1, 8080",
        ),
    ],
)
def test_what_is_wrong_with_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, expected: str
) -> None:
    monkeypatch.setattr(f"{__name__}.GOOD", GOOD.replace("[toolchain]\n", f"[toolchain]\n{TOOLS}"))
    assert old in BROWSE
    (problem,) = problems(tmp_path, with_browser(PROGRAMS).replace(old, new))
    assert problem.startswith(expected)


def test_a_page_without_a_browser(tmp_path: Path) -> None:
    assert "boot.browse: [toolchain] names no version of chromium" in problems(tmp_path, with_browser(PROGRAMS))


TOGETHER = """
[boot.scenario.all-in-one]
runtime = "containerd"
rows = "all-in-one"
image = "first"
"""
INSTALLED = """
[boot.installed]
guest = ["mount"]
package = "own"
unit = "own.service"
[boot.installed.together]
packages = ["own", "other"]
debian = ["postgresql"]
setup = "true"
unit = "web.service"
url = "http://localhost"
user = "me"
password = "word"
"""


def test_a_table_that_need_not_be_there_is_checked_all_the_same(tmp_path: Path) -> None:
    text = INSTALLED.replace('unit = "own.service"', 'unti = "own.service"')
    found = problems(tmp_path, PROGRAMS + text)
    assert [problem.partition(". ")[0] for problem in found] == [
        "boot.installed.unti: unknown key",
        "boot.installed.unit: this key is missing",
    ]


def test_all_on_one_machine_has_to_be_said(tmp_path: Path) -> None:
    found = problems(tmp_path, BOTH + TOGETHER)
    assert found == ["boot.scenario.all-in-one.rows: there is no [boot.installed.together]"]


def test_what_is_installed_together_is_of_the_release(tmp_path: Path) -> None:
    found = problems(tmp_path, BOTH + TOGETHER.replace('"first"', '"fist"') + INSTALLED)
    assert any(one.startswith("boot.installed.together.packages: there is no package 'other'.") for one in found)
    assert any(one.startswith("boot.scenario.all-in-one.image: there is no try 'fist'.") for one in found)
