"""What a Go program is made of, as the real go command lists it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from crosscourse.engine.reads import WHOLE, Reads, content
from crosscourse.git.fingerprint import fingerprint
from toolchains.c.dependencies import TEXT_ENDINGS
from toolchains.go import listing
from toolchains.go_closure import Closure, Module, Package, closure, parse, reads


def find_go() -> str:
    """The user's own go, or one that this project installed."""
    installed = sorted((Path.home() / ".cache" / "crosscourse" / "tools").glob("go-*/go/bin/go"))
    found = shutil.which("go") or (str(installed[-1]) if installed else None)
    assert found, "these tests need go: install it, or have it installed by ./doit toolchain:go"
    return found


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


class Go:
    """Runs go in a checkout as a build does: offline, with caches of its own."""

    def __init__(self, checkout: Path, home: Path) -> None:
        self.checkout = checkout
        self.go = find_go()
        self.env = {
            "PATH": os.pathsep.join([str(Path(self.go).parent), os.environ["PATH"]]),
            "HOME": str(home),
            "GOCACHE": str(home / "cache"),
            "GOENV": "off",
            "GOFLAGS": "",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }

    def run(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str:
        done = subprocess.run(
            argv, env=dict(env), cwd=cwd, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.stdout

    def reads(self, package: str = ".", *flags: str, folder: str = ".", **env: str) -> Reads:
        return self.closure(package, *flags, folder=folder, **env).reads

    def closure(self, package: str = ".", *flags: str, folder: str = ".", **env: str) -> Closure:
        return closure(
            self.run,
            package=package,
            flags=flags,
            env={**self.env, **env},
            folder=self.checkout / folder,
            checkout=self.checkout,
        )


@pytest.fixture
def go(tmp_path: Path) -> Go:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "home").mkdir()
    return Go(tmp_path / "checkout", tmp_path / "home")


PROGRAM = {
    "go.mod": "module example.com/m\n\ngo 1.21\n",
    "cmd/one/main.go": 'package main\n\nimport "example.com/m/lib"\n\nfunc main() { lib.F() }\n',
    "cmd/two/main.go": "package main\n\nfunc main() {}\n",
    "lib/lib.go": "package lib\n\nfunc F() {}\n",
    "lib/tagged.go": '//go:build tagged\n\npackage lib\n\nimport _ "example.com/m/extra"\n',
    "lib/lib_windows.go": 'package lib\n\nimport _ "example.com/m/windows"\n',
    "extra/extra.go": "package extra\n",
    "windows/w.go": "package windows\n",
    "README.md": "read me\n",
}


def test_the_folders_of_the_closure_by_tags_and_system(go: Go) -> None:
    write(go.checkout, PROGRAM)
    plain = go.reads("./cmd/one")
    assert plain.folders == ("cmd/one", "lib", "vendor")
    assert set(plain.files) == {"cmd/go.mod", "go.mod", "go.sum", "go.work", "go.work.sum"}
    assert not plain.suffixes
    assert go.reads("./cmd/one", "-tags", "tagged").folders == ("cmd/one", "extra", "lib", "vendor")
    assert "windows" in go.reads("./cmd/one", GOOS="windows").folders
    assert go.reads("./cmd/two").folders == ("cmd/two", "vendor")
    assert go.reads("./one", folder="cmd").folders == plain.folders


@pytest.mark.parametrize(
    ("path", "text", "counts"),
    [
        ("README.md", "other", False),
        ("cmd/two/main.go", "package main\n\nfunc main() { println() }\n", False),
        ("extra/extra.go", "package extra\n\nvar X = 1\n", False),
        ("lib/lib.go", "package lib\n\nfunc F() { println() }\n", True),
        ("lib/new_linux.go", "package lib\n", True),
        ("lib/new.s", "", True),
        ("go.mod", "module example.com/m\n\ngo 1.22\n", True),
        ("go.sum", "", True),
        ("cmd/go.mod", "module example.com/other\n", True),
        ("lib/go.mod", "module example.com/m/lib\n", True),
        ("vendor/modules.txt", "", True),
        ("vendor/example.com/m/lib/lib.go", "package lib\n", True),
        ("cmd/one/default.pgo", "", True),
    ],
)
def test_an_edit_counts_if_the_program_is_made_of_it(go: Go, path: str, text: str, counts: bool) -> None:
    write(go.checkout, PROGRAM)
    found = go.reads("./cmd/one")
    before = content(fingerprint(go.checkout), found)
    write(go.checkout, {path: text})
    assert (content(fingerprint(go.checkout), found) != before) == counts
    assert found.matches(path) == counts


def test_embedded_files(go: Go) -> None:
    write(
        go.checkout,
        {
            "go.mod": "module example.com/m\n\ngo 1.21\n",
            "p/main.go": 'package main\n\nimport "embed"\n\n'
            "//go:embed one.txt all:whole sub/deep/*.txt\n//go:embed far/away/f\nvar F embed.FS\n\nfunc main() {}\n",
            "p/one.txt": "",
            "p/whole/.x/y": "",
            "p/sub/deep/a.txt": "",
            "p/sub/z": "",
            "p/far/away/f": "",
        },
    )
    found = go.reads("./p")
    assert found.trees == ("p/sub/deep", "p/whole", "vendor/example.com/m")
    assert {"p/far/away/f", "p/far/go.mod", "p/far/away/go.mod", "p/sub/go.mod"} <= set(found.files)
    for path, counts in {
        "p/whole/new/f": True,
        "p/sub/deep/x/y.txt": True,
        "p/sub/go.mod": True,
        "p/sub/y": False,
    }.items():
        before = content(fingerprint(go.checkout), found)
        write(go.checkout, {path: "module x\n"})
        assert (content(fingerprint(go.checkout), found) != before) == counts, path


def test_a_module_inside_that_replaces_another(go: Go) -> None:
    write(
        go.checkout,
        {
            "go.mod": "module example.com/m\n\ngo 1.21\n\nrequire (\n\texample.com/used v1.0.0\n"
            "\texample.com/unused v1.0.0\n)\n\nreplace (\n\texample.com/used => ./third/used // why\n"
            "\texample.com/unused v1.0.0 => ./third/unused\n)\n",
            "main.go": 'package main\n\nimport _ "example.com/used/x"\n\nfunc main() {}\n',
            "third/used/go.mod": "module example.com/used\n\ngo 1.21\n",
            "third/used/x/x.go": "package x\n",
            "third/unused/go.mod": "module example.com/unused\n\ngo 1.21\n",
        },
    )
    found = go.reads()
    assert {".", "third/used/x"} <= set(found.folders)
    assert {"third/used/go.mod", "third/unused/go.mod", "third/used/go.sum", "third/go.mod"} <= set(found.files)
    assert {".", "third/used/x", "third/used/vendor"} <= set(found.folders)


def test_a_module_outside_is_not_bounded(go: Go, tmp_path: Path) -> None:
    write(
        go.checkout,
        {
            "go.mod": "module example.com/m\n\ngo 1.21\n\nrequire example.com/o v1.0.0\n\n"
            "replace example.com/o => ../o\n",
            "main.go": 'package main\n\nimport _ "example.com/o"\n\nfunc main() {}\n',
        },
    )
    write(tmp_path, {"o/go.mod": "module example.com/o\n", "o/o.go": "package o\n"})
    assert go.reads() == WHOLE


def test_vendored_packages_count_by_their_folders(go: Go) -> None:
    write(
        go.checkout,
        {
            "go.mod": "module example.com/m\n\ngo 1.21\n\nrequire example.com/o v1.0.0\n",
            "main.go": 'package main\n\nimport _ "example.com/o/p"\n\nfunc main() {}\n',
            "vendor/modules.txt": "# example.com/o v1.0.0\n## explicit; go 1.21\nexample.com/o/p\nexample.com/o/q\n",
            "vendor/example.com/o/p/p.go": "package p\n",
            "vendor/example.com/o/q/q.go": "package q\n",
        },
    )
    found = go.reads()
    assert found.folders == (".", "vendor", "vendor/example.com/o/p")
    assert "vendor/modules.txt" not in found.files  # of the folder "vendor" already
    for path, counts in {"vendor/modules.txt": True, "vendor/example.com/o/q/q.go": False}.items():
        before = content(fingerprint(go.checkout), found)
        write(go.checkout, {path: "#\n"})
        assert (content(fingerprint(go.checkout), found) != before) == counts


def test_a_package_behind_a_link(go: Go) -> None:
    write(
        go.checkout,
        {
            "go.mod": "module example.com/m\n\ngo 1.21\n",
            "cmd/main.go": 'package main\n\nimport _ "example.com/m/link"\n\nfunc main() {}\n',
            "real/r.go": "package link\n",
            "elsewhere/e.go.txt": "package link\n",
        },
    )
    (go.checkout / "link").symlink_to("real")
    (go.checkout / "real" / "e.go").symlink_to("../elsewhere/e.go.txt")
    found = go.reads("./cmd")
    assert {"link", "elsewhere/e.go.txt"} <= set(found.files)
    assert {"link", "real"} <= set(found.folders)


def test_a_program_that_does_not_load_is_everything(go: Go) -> None:
    write(go.checkout, {**PROGRAM, "lib/bad.go": 'package lib\n\nimport _ "example.com/m/none"\n'})
    assert go.reads("./cmd/one") == WHOLE


def test_flags_and_workspaces_that_lead_elsewhere_are_everything(go: Go) -> None:
    write(go.checkout, PROGRAM)
    assert go.reads("./cmd/two", "-pgo=off", "-trimpath", "-buildvcs=false") != WHOLE
    assert go.reads("./cmd/two", "-overlay=o.json") == WHOLE
    assert go.reads("./cmd/two", "-pgo=x.pgo") == WHOLE
    assert go.reads("./cmd/two", GOFLAGS="-modfile=x.mod") == WHOLE
    write(go.checkout, {"go.work": "go 1.21\n\nuse .\n"})
    assert go.reads("./cmd/two") != WHOLE
    assert go.reads("./cmd/two", GOWORK="") == WHOLE


CGO = {
    "go.mod": "module example.com/m\n\ngo 1.21\n",
    "main.go": 'package main\n\n/*\n#cgo CFLAGS: -I${SRCDIR}/include -DX=1\n#include "x.h"\n*/\n'
    'import "C"\n\nfunc main() {}\n',
    "include/x.h": "",
    "other/y.h": "",
    "other/notes.txt": "",
}


def test_c_counts_wherever_it_lies(go: Go) -> None:
    write(go.checkout, CGO)
    found = go.reads(CGO_ENABLED="1")
    assert found.folders[0] == "."
    assert {".h", ".c", ".S", ".a"} <= set(found.suffixes)
    for path, counts in {"include/x.h": True, "new/x.h": True, "other/notes.txt": False}.items():
        before = content(fingerprint(go.checkout), found)
        write(go.checkout, {path: "//\n"})
        assert (content(fingerprint(go.checkout), found) != before) == counts
        assert found.matches(path) == counts


@pytest.mark.parametrize(
    ("files", "suffix"),
    [
        ({"include/x.h": '#include "table.tbl"\n', "deep/table.tbl": '#include "more.odd"\n'}, ".odd"),
        ({"include/x.h": "#if __has_include(<x.maybe>)\n#endif\n"}, ".maybe"),
        ({"other/unused.c": '#include "x.y.z"\n'}, ".z"),
    ],
)
def test_other_endings_that_c_includes(go: Go, files: dict[str, str], suffix: str) -> None:
    write(go.checkout, {**CGO, **files})
    assert suffix in go.reads(CGO_ENABLED="1").suffixes


@pytest.mark.parametrize(
    "files",
    [
        {"include/x.h": "#include NAME\n"},
        {"include/x.h": '#include "noending"\n'},
        {"a.s": '.incbin "blob"\n'},
        {"main.go": CGO["main.go"].replace("-DX=1", "-include ${SRCDIR}/other/y")},
        {"b.go": 'package main\n\n// #include NAME\nimport "C"\n'},
    ],
)
def test_c_that_can_not_be_told_is_everything(go: Go, files: dict[str, str]) -> None:
    write(go.checkout, {**CGO, **files})
    assert go.reads(CGO_ENABLED="1") == WHOLE


def test_assembler(go: Go) -> None:
    write(
        go.checkout,
        {
            "go.mod": "module example.com/m\n\ngo 1.21\n",
            "p/main.go": "package main\n\nfunc f()\n\nfunc main() { f() }\n",
            "p/f_amd64.s": '#include "textflag.h"\n#include "own.h"\n',
            "p/own.h": "",
            "q/far.h": "",
        },
    )
    assert not go.reads("./p", GOARCH="amd64").suffixes
    write(go.checkout, {"p/own.h": '#include "../q/far.h"\n'})
    assert set(go.reads("./p", GOARCH="amd64").suffixes) >= set(TEXT_ENDINGS)


# --- Lists written by hand ------------------------------------------------------------------------------------------


PLAIN_CGO = {
    "go.mod": "module example.com/m\n\ngo 1.21\n",
    "main.go": 'package main\n\n/*\n#include <stdio.h>\n#include "x.h"\n*/\nimport "C"\n\nfunc main() { C.f() }\n',
    "x.h": "int f(void);\n",
    "x.c": '#include "x.h"\nint f(void) { return 0; }\n',
    "elsewhere/y.h": "",
}


def test_what_the_build_cache_of_go_sees_is_not_told(go: Go) -> None:
    write(go.checkout, PLAIN_CGO)
    assert go.closure(CGO_ENABLED="1").unseen == ""
    write(go.checkout, PROGRAM)
    assert go.closure("./cmd/one").unseen == ""


@pytest.mark.parametrize(
    "files",
    [
        {"x.h": '#include "elsewhere/y.h"\nint f(void);\n'},
        {"x.h": '#include "y.inc"\nint f(void);\n', "y.inc": ""},
        {"x.c": '#include "x.h"\n#if __has_include("elsewhere/y.h")\n#endif\nint f(void) { return 0; }\n'},
        {"main.go": PLAIN_CGO["main.go"].replace('"x.h"', '"./elsewhere/y.h"\n#include "x.h"')},
        {"main.go": PLAIN_CGO["main.go"].replace("#include <", "#cgo CFLAGS: -I${SRCDIR}/elsewhere\n#include <")},
    ],
)
def test_what_the_build_cache_of_go_does_not_see_is_told(go: Go, files: dict[str, str]) -> None:
    write(go.checkout, {**PLAIN_CGO, **files})
    before = go.closure(CGO_ENABLED="1").unseen
    assert before
    changed = "y.inc" if "y.inc" in files else "elsewhere/y.h"
    write(go.checkout, {changed: "/* changed */\n"})
    assert go.closure(CGO_ENABLED="1").unseen not in ("", before)


def test_assembler_that_includes_from_elsewhere_is_told(go: Go) -> None:
    plain = {"go.mod": PLAIN_CGO["go.mod"], "main.go": "package main\n\nfunc f()\n\nfunc main() { f() }\n"}
    write(go.checkout, {**plain, "f.s": '#include "textflag.h"\n#include "x.h"\n', "x.h": ""})
    assert not go.closure().uncached
    write(go.checkout, {"x.h": '#include "elsewhere/y.h"\n'})
    assert go.closure().uncached


def listed(checkout: Path, *packages: Package) -> Reads:
    return reads(packages, folder=checkout, checkout=checkout)


def test_packages_of_the_module_cache_count_by_their_version(tmp_path: Path) -> None:
    own = Module(path="example.com/m", main=True, dir=str(tmp_path))
    main = Package(dir=str(tmp_path / "cmd"), import_path="example.com/m/cmd", module=own)
    cached = Package(
        dir="/elsewhere/cache/o@v1",
        import_path="example.com/m/o/p",
        module=Module(path="example.com/m/o", version="v1"),
    )
    standard = Package(dir="/elsewhere/go/src/fmt", import_path="fmt", standard=True)
    replaced = Package(
        dir="/elsewhere/fork",
        import_path="example.com/f",
        module=Module(path="example.com/f", version="v1", replace=Module(path="../fork")),
    )
    fork = Package(
        dir="/elsewhere/cache/fork@v2",
        import_path="example.com/f",
        module=Module(path="example.com/f", version="v1", replace=Module(path="example.com/fork", version="v2")),
    )
    assert listed(tmp_path, standard, fork, main).folders == ("cmd", "vendor")
    # A folder o/p here would be a second place for the import: go would refuse it.
    assert listed(tmp_path, standard, cached, main).folders == ("cmd", "o/p", "vendor")
    assert listed(tmp_path, replaced, main) == WHOLE
    assert listed(tmp_path, Package(dir="/elsewhere/x", import_path="x"), main) == WHOLE
    assert listed(tmp_path, Package(import_path="x"), main) == WHOLE
    for wrong in ({"incomplete": True}, {"error": {"Err": "import cycle not allowed"}}):
        assert listed(tmp_path, msgspec.structs.replace(main, **wrong)) == WHOLE


@pytest.mark.parametrize("flags", [[], ["-buildvcs=true"]])
def test_nothing_is_left_beside_a_checkout_that_git_can_not_read(go: Go, flags: list[str]) -> None:
    write(go.checkout, PROGRAM)
    settings = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*settings, "commit", "-qm", "x"], ["tag", "v1.0.0"]):
        subprocess.run(["git", *words], cwd=go.checkout, check=True)
    (go.checkout / ".git" / "packed-refs").write_text("what is this?\n")
    before = sorted(go.checkout.parent.iterdir())
    go.run([*listing(*flags, "-f", "{{if .DepsErrors}}{{end}}"), "./cmd/one"], env=go.env, cwd=go.checkout)
    go.reads("./cmd/one", *flags)
    assert sorted(go.checkout.parent.iterdir()) == before


def test_parse_takes_the_objects_from_among_messages() -> None:
    packages = '{\n\t"Dir": "/a{",\n\t"ImportPath": "a"\n}\n', '{\n\t"Dir": "/b"\n}\n'
    text = f"go: downloading example.com/o v1.0.0\n{packages[0]}go: warning: {{}}\n{packages[1]}"
    assert [package.dir for package in parse(text)] == ["/a{", "/b"]
    assert parse('{\n\t"Dir": "/a",\n\t"Impgo: warning\nortPath": "a"\n}\n') == []
    assert parse("go: nothing\n") == []
