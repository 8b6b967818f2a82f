"""Edits of the example's files: what a person does in a checkout, and what could slip past a list of what is read.

Each edit is a function that changes a folder, and raises ``NotHereError`` where that can't be done in its state: they
are made in any order, on top of each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.equals import state
from tests.equals.edits import (
    CGO,
    GO,
    Edit,
    add,
    append,
    commit,
    link,
    mode,
    remove,
    rename,
    replace,
    same_size_and_time,
    several,
    stage,
    with_import,
    with_preamble,
)

COMMENTS = {".go": "// {}\n", ".mod": "// {}\n", ".c": "/* {} */\n", ".h": "/* {} */\n", ".in": "/* {} */\n"}


@dataclass(frozen=True, kw_only=True)
class SourceChange:
    """An edit of the example: in the ``folder`` (relative to the project) of its checkout, or of the example itself."""

    folder: str
    title: str
    edit: Edit

    @property
    def name(self) -> str:
        """Where, and what."""
        return f"{self.folder}: {self.title}"

    def __call__(self, root: Path) -> None:
        """Do it in a copy of the project."""
        self.edit(root / self.folder)


def source_changes(folder: str) -> list[SourceChange]:
    """All edits, for the checkout or for the example itself."""
    return [SourceChange(folder=folder, title=title, edit=edit) for title, edit in EDITS.items()]


def _comments() -> Iterator[tuple[str, Edit]]:
    names = (GO, CGO, "cmd/goprinter/main_test.go", "library/print.c", "library/print.h.in", "program/main.c", "go.mod")
    for name in names:
        yield f"a comment in {name}", partial(append, name, COMMENTS[Path(name).suffix].format("a comment"))


_EXTRA = "crosscourse.example/printer/internal/extra"
_PRINT_H = """#define PRINT_VERSION "shadow"
void print_line(const char *text);
int print_known(const char *word);
"""
_WORDS_H = """struct word { const char *name; int position; };
static const struct word *find_word(const char *word, unsigned long length) { return 0; }
"""
_EMBED = 'package main\n\nimport "embed"\n\n//go:embed PATTERN\nvar data embed.FS\n\n' + (
    'func init() {\n\tfound, _ := data.ReadDir("data")\n\tfor _, one := range found {\n\t\t'
    'text, _ := data.ReadFile("data/" + one.Name())\n\t\tversion += one.Name() + string(text)\n\t}\n}\n'
)
_LOCAL_MODULE = "\nrequire example.org/near v0.0.0\n\nreplace example.org/near => ./near\n"

EDITS: Mapping[str, Edit] = {
    **dict(_comments()),
    # Go
    "code of goprinter": partial(replace, GO, "Go on", "Go runs on"),
    "code of goprinter, same size and time": partial(same_size_and_time, GO, "goprinter %s", "GOPRINTER %s"),
    "code of printer": partial(replace, CGO, "prints through", "writes through"),
    "code of a test": partial(replace, "cmd/goprinter/main_test.go", "version is", "version was"),
    "a file in goprinter": partial(add, {"cmd/goprinter/more.go": 'package main\n\nfunc init() { version += "+" }\n'}),
    "a file in goprinter for arm": partial(
        add, {"cmd/goprinter/more_arm.go": 'package main\n\nfunc init() { version += "arm" }\n'}
    ),
    "a file in goprinter for windows": partial(add, {"cmd/goprinter/more_windows.go": "package main\n\nbroken\n"}),
    "a file in goprinter for a tag": partial(
        add, {"cmd/goprinter/tag.go": '//go:build more\n\npackage main\n\nfunc init() { version += "tag" }\n'}
    ),
    "a broken file in goprinter": partial(add, {"cmd/goprinter/broken.go": "package main\n\nbroken\n"}),
    "a test in goprinter": partial(add, {"cmd/goprinter/more_test.go": "package main\n"}),
    "an ignored file in goprinter": partial(
        add,
        {".gitignore": "*.gen.go\n", "cmd/goprinter/a.gen.go": 'package main\n\nfunc init() { version += "gen" }\n'},
    ),
    "a package that nobody imports": partial(
        add, {"internal/extra/extra.go": 'package extra\n\nconst Text = "extra"\n'}
    ),
    "the package, other text": several(
        partial(replace, "internal/extra/extra.go", '"extra"', '"else"'),
    ),
    "the package, another file": several(
        partial(replace, "internal/extra/extra.go", "const Text", "const text"),
        partial(add, {"internal/extra/two.go": "package extra\n\nconst Text = text + text\n"}),
    ),
    "the package imported": partial(with_import, _EXTRA, "extra.Text"),
    "the package renamed": partial(rename, "internal/extra", "internal/other"),
    "embedded data": partial(
        add, {"cmd/goprinter/embed.go": _EMBED.replace("PATTERN", "data"), "cmd/goprinter/data/a.txt": "a\n"}
    ),
    "embedded data by a pattern": partial(
        add, {"cmd/goprinter/embed.go": _EMBED.replace("PATTERN", "data/*.txt"), "cmd/goprinter/data/b.txt": "b\n"}
    ),
    "embedded data, one more": partial(add, {"cmd/goprinter/data/c.txt": "c\n"}),
    "embedded data, a hidden one": partial(add, {"cmd/goprinter/data/.hidden": "h\n"}),
    "embedded data, a module below": partial(add, {"cmd/goprinter/data/below/go.mod": "module below\n"}),
    "embedded data, a folder below": partial(add, {"cmd/goprinter/data/below/d.txt": "d\n"}),
    "embedded data, one removed": partial(remove, "cmd/goprinter/data/a.txt"),
    "embedded data, one a link": partial(link, "cmd/goprinter/data/c.txt", "library/c.txt"),
    "main.go renamed": partial(rename, GO, "cmd/goprinter/renamed.go"),
    "main.go removed": partial(remove, GO),
    "main.go a link": partial(link, GO, "cmd/real.go"),
    "goprinter a link": partial(link, "cmd/goprinter", "programs/goprinter"),
    "go.mod, another Go": partial(replace, "go.mod", "go 1.22", "go 1.21"),
    "go.mod, another module": partial(replace, "go.mod", "example/printer", "example/other"),
    "go.mod below": partial(add, {"cmd/goprinter/go.mod": "module below\n\ngo 1.22\n"}),
    "go.mod with a local module": several(
        partial(append, "go.mod", _LOCAL_MODULE),
        partial(
            add,
            {
                "near/go.mod": "module example.org/near\n\ngo 1.22\n",
                "near/near.go": 'package near\n\nconst Text = "near"\n',
            },
        ),
        partial(with_import, "example.org/near", "near.Text"),
    ),
    "the local module, other text": partial(replace, "near/near.go", '"near"', '"far"'),
    "the local module, another Go": partial(replace, "near/go.mod", "go 1.22", "go 1.20"),
    "go.work": partial(add, {"go.work": "go 1.22\n\nuse ./cmd\n"}),
    "go.sum": partial(add, {"go.sum": ""}),
    "vendor": partial(add, {"vendor/modules.txt": ""}),
    "a profile of main": partial(add, {"cmd/goprinter/default.pgo": ""}),
    "assembler": several(
        partial(
            add,
            {
                "cmd/goprinter/add_arm.s": '#include "textflag.h"\n#include "two.h"\n\n'
                "TEXT ·two(SB), NOSPLIT, $0-4\n\tMOVW $TWO, R0\n\tMOVW R0, ret+0(FP)\n\tRET\n",
                "cmd/goprinter/two.h": "#define TWO 2\n",
                "cmd/goprinter/two_arm.go": "package main\n\nfunc two() int32\n\n"
                "func init() { version += string(rune(two() + 48)) }\n",
            },
        ),
    ),
    "assembler's header": partial(replace, "cmd/goprinter/two.h", "TWO 2", "TWO 3"),
    "assembler that includes from elsewhere": several(
        partial(replace, "cmd/goprinter/add_arm.s", '"two.h"', '"../far/two.h"'),
        partial(rename, "cmd/goprinter/two.h", "cmd/far/two.h"),
    ),
    "what the assembler includes from elsewhere": partial(replace, "cmd/far/two.h", "TWO 2", "TWO 4"),
    # C in Go
    "a header of that name in printer": partial(add, {"cmd/printer/print.h": _PRINT_H}),
    "that header, other text": partial(replace, "cmd/printer/print.h", '"shadow"', '"dark"'),
    "a header below printer": several(
        partial(add, {"cmd/printer/sub/below.h": '#undef PRINT_VERSION\n#define PRINT_VERSION "below"\n'}),
        partial(with_preamble, '#include "sub/below.h"'),
    ),
    "the header below, other text": partial(replace, "cmd/printer/sub/below.h", '"below"', '"under"'),
    "a header beside printer": several(
        partial(add, {"near.h": '#undef PRINT_VERSION\n#define PRINT_VERSION "near"\n'}),
        partial(with_preamble, '#include "../../near.h"'),
    ),
    "the header beside, other text": partial(replace, "near.h", '"near"', '"far"'),
    "a header asked for": several(
        partial(with_preamble, '#if __has_include("sub/asked.h")\n#include "sub/asked.h"\n#endif'),
    ),
    "the header asked for": partial(
        add, {"cmd/printer/sub/asked.h": '#undef PRINT_VERSION\n#define PRINT_VERSION "asked"\n'}
    ),
    "a C file in printer": several(
        partial(
            add, {"cmd/printer/more.c": '#include "lib/more.inc"\n', "cmd/printer/lib/more.inc": "int more = 1;\n"}
        ),
    ),
    "what the C file includes": partial(replace, "cmd/printer/lib/more.inc", "more = 1", "more = 2"),
    # C
    "words": partial(append, "library/words.txt", "another\n"),
    "words, in another order": partial(replace, "library/words.txt", "hello\nworld", "world\nhello"),
    "words a link": partial(link, "library/words.txt", "program/words.txt"),
    "words a link to outside the folder": partial(link, "library/words.txt", "words.txt"),
    "the words behind the link": partial(replace, "words.txt", "hello", "hallo"),
    "words removed": partial(remove, "library/words.txt"),
    "words readable by its owner only": partial(mode, "library/words.txt", 0o600),
    "gperf input": partial(replace, "library/words.gperf", "hash_word", "hash_of"),
    "template": partial(replace, "library/print.h.in", "-1.", "-1 (none)."),
    "template, a macro": partial(replace, "library/print.h.in", '"@VERSION@"', '"v@VERSION@"'),
    "code of the library": partial(replace, "library/print.c", '"%s\\n"', '"> %s\\n"'),
    "code of the library, same size and time": partial(same_size_and_time, "library/print.c", "%s\\n", "%s\\t"),
    "code of cprinter": partial(replace, "program/main.c", "C alone", "C only"),
    "a header beside the library's code": partial(add, {"library/print.h": _PRINT_H}),
    "a header in place of the generated one": partial(add, {"library/words.h": _WORDS_H}),
    "a system's header beside the library's code": partial(
        add, {"library/stdio.h": '#include_next <stdio.h>\n#define printf(...) puts("own")\n'}
    ),
    "a header beside cprinter": partial(add, {"program/print.h": _PRINT_H}),
    "an unread header beside cprinter": partial(add, {"program/unread.h": _PRINT_H}),
    "a header that cprinter includes": several(
        partial(add, {"program/own.h": "#define OWN 1\n"}),
        partial(replace, "program/main.c", '#include "print.h"', '#include "print.h"\n#include "own.h"'),
        partial(replace, "program/main.c", "return 1", "return OWN"),
    ),
    "the header that cprinter includes": partial(replace, "program/own.h", "OWN 1", "OWN 2"),
    "cprinter includes from another folder": several(
        partial(add, {"shared/s.h": "#define SHARED 1\n"}),
        partial(replace, "program/main.c", '#include "print.h"', '#include "print.h"\n#include "../shared/s.h"'),
        partial(replace, "program/main.c", "return 0", "return SHARED - 1"),
    ),
    "the header in the other folder": partial(replace, "shared/s.h", "SHARED 1", "SHARED 3"),
    "code of cprinter a link": partial(link, "program/main.c", "main.c"),
    "library removed": several(partial(remove, "library/print.c")),
    # What matters to nothing
    "README": partial(append, "README.md", "More.\n"),
    "README removed": partial(remove, "README.md"),
    "README a link": partial(link, "README.md", "docs/README.md"),
    "a folder of documents": partial(add, {"docs/one.md": "one\n", "docs/deep/two.md": "two\n"}),
    "a program's file executable": partial(mode, GO, 0o755),
    "a header nobody reads": partial(add, {"include/unused.h": "#error\n"}),
    # git
    "committed": commit,
    "staged": stage,
}
# What has to be there first, for an edit alone.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "the package, other text": ("a package that nobody imports", "the package imported"),
    "the package, another file": ("a package that nobody imports", "the package imported"),
    "the package imported": ("a package that nobody imports",),
    "the package renamed": ("a package that nobody imports", "the package imported"),
    "embedded data, one more": ("embedded data",),
    "embedded data, a hidden one": ("embedded data",),
    "embedded data, a module below": ("embedded data", "embedded data, a folder below"),
    "embedded data, a folder below": ("embedded data by a pattern",),
    "embedded data, one removed": ("embedded data", "embedded data, one more"),
    "embedded data, one a link": ("embedded data", "embedded data, one more"),
    "the local module, other text": ("go.mod with a local module",),
    "the local module, another Go": ("go.mod with a local module",),
    "assembler's header": ("assembler",),
    "assembler that includes from elsewhere": ("assembler",),
    "what the assembler includes from elsewhere": ("assembler", "assembler that includes from elsewhere"),
    "that header, other text": ("a header of that name in printer",),
    "the header below, other text": ("a header below printer",),
    "the header beside, other text": ("a header beside printer",),
    "the header asked for": ("a header asked for",),
    "what the C file includes": ("a C file in printer",),
    "the words behind the link": ("words a link to outside the folder",),
    "the header that cprinter includes": ("a header that cprinter includes",),
    "the header in the other folder": ("cprinter includes from another folder",),
    "committed": ("code of goprinter",),
    "staged": ("code of goprinter",),
}
# Those that only make sense where git is.
ONLY_CHECKOUT = ("committed", "staged")


def change_patch(old: str, new: str, root: Path) -> None:
    """Edit the example's patch."""
    replace("say-patched.patch", old, new, root / state.PATCHES)


@dataclass(frozen=True, kw_only=True)
class PatchChange:
    """An edit of the patch, which changes the checkout."""

    old: str
    new: str

    @property
    def name(self) -> str:
        """What becomes what."""
        return f"patch: {self.old!r} → {self.new!r}"

    def __call__(self, root: Path) -> None:
        """Do it in a copy of the project."""
        change_patch(self.old, self.new, root)


PATCH_CHANGES = (
    PatchChange(old=", patched\\n", new=", patched twice\\n"),
    PatchChange(old="Why: shows", new="Why: it shows"),
    PatchChange(old="Go on %s\\n", new="Go at %s\\n"),  # it does not apply
)
