"""What is read of a checkout: exactly the edits inside it change its content."""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec
import pytest

from crosscourse.engine.reads import ABSENT, WHOLE, Reads, content, inside, through_links

TREE = {
    "go.mod": "100644 1",
    "main.go": "100644 2",
    "a/a.go": "100644 3",
    "a/b/b.go": "100644 4",
    "a/b/c/c.go": "100755 5",
    "d/d.h": "100644 6",
    "link": "120000 7",
}


def test_each_kind_holds_what_it_says() -> None:
    reads = Reads.of(files=["go.mod", "no.mod"], folders=["a", "none"], trees=["d"], suffixes=[".h", ".x"])
    before = content(TREE, reads)
    assert list(before) == ["file go.mod", "file no.mod", "folder a", "folder none", "tree d", "files *.h", "files *.x"]
    assert {label for label, digest in before.items() if digest == ABSENT} == {
        "file no.mod",
        "folder none",
        "files *.x",
    }
    changes = {
        "go.mod": {"file go.mod"},
        "no.mod": {"file no.mod"},
        "main.go": set(),
        "a/a.go": {"folder a"},
        "a/new.go": {"folder a"},
        "a/b/b.go": set(),
        "a/b/c/new.go": set(),
        "a/new/n.go": {"folder a"},  # a new subfolder
        "none/new/deep/n.go": {"folder none"},
        "d/e/f/new": {"tree d"},
        "x/y/z.h": {"files *.h"},
        "d/new.h": {"tree d", "files *.h"},
        "dd/x": set(),
        "z.x": {"files *.x"},
    }
    for path, labels in changes.items():
        after = content({**TREE, path: "100644 new"}, reads)
        assert {label for label in after if after[label] != before[label]} == labels, path


def test_a_mode_counts_and_a_removal_too() -> None:
    reads = Reads.of(folders=["a/b/c"])
    seen = [
        content(TREE, reads),
        content({**TREE, "a/b/c/c.go": "100644 5"}, reads),
        content({path: what for path, what in TREE.items() if path != "a/b/c/c.go"}, reads),
    ]
    assert len({str(one) for one in seen}) == 3
    assert seen[2] == {"folder a/b/c": ABSENT}


def test_the_root_is_a_folder_and_a_tree() -> None:
    root, whole = Reads.of(folders=["."]), WHOLE
    deep = {**TREE, "a/b/b.go": "100644 new"}
    assert content(TREE, root) == content(deep, root)
    assert content(TREE, whole) != content(deep, whole)
    assert content({**TREE, "new": "100644 1"}, root) != content(TREE, root)
    assert content({**TREE, "new/x": "100644 1"}, root) != content(TREE, root)


@pytest.mark.parametrize(
    "reads",
    [
        Reads.of(files=["a/b/b.go"]),
        Reads.of(folders=["a/b"]),
        Reads.of(trees=["a/b"]),
        Reads.of(folders=["a/b/none"]),
        Reads.of(files=["a/b/none/x"]),
        Reads.of(trees=["a"]),
        Reads.of(suffixes=[".zzz"]),
        WHOLE,
    ],
)
def test_a_folder_known_only_as_a_whole_counts_for_all_below(reads: Reads) -> None:
    tree = {path: what for path, what in TREE.items() if not path.startswith("a/b")}
    one, other = ({**tree, "a/b/": f"folder {number}"} for number in (1, 2))
    assert content(one, reads) != content(other, reads)
    beside = Reads.of(folders=["a", "."], files=["main.go"], trees=["d"])
    assert content(one, beside) == content(other, beside)


@pytest.mark.parametrize("reads", [Reads.of(files=["v/x/y"]), Reads.of(folders=["v/x"]), Reads.of(trees=["v"])])
def test_a_link_where_nothing_was_is_seen_by_what_is_read_below_it(reads: Reads) -> None:
    before, after = content(TREE, reads), content({**TREE, "v": "120000 1"}, reads)
    assert set(before.values()) == {ABSENT}
    assert after != before
    assert reads.matches("v")


def test_of_sorts_and_drops_what_is_held_anyway() -> None:
    reads = Reads.of(files=["b", "a/x", "c/d/e", "."], folders=["a", "c", "z", "z"], trees=["c", "c/d"])
    assert reads == Reads(files=("b",), folders=("a", "z"), trees=("c",)) | Reads.of(files=["."])
    assert Reads.of(files=["b"], folders=["x"], trees=["."], suffixes=[".h"]) == WHOLE
    assert Reads.of(files=["a"]) | WHOLE == WHOLE
    assert Reads.of(folders=["."], files=["a", "b/c"]) == Reads(files=("b/c",), folders=(".",))


def test_it_survives_json() -> None:
    reads = Reads.of(files=["é\n"], folders=["a"], suffixes=[".h"])
    assert msgspec.json.decode(msgspec.json.encode(reads), type=Reads) == reads


def test_an_edit_inside_always_changes_the_content_and_one_outside_never() -> None:
    random_ = random.Random(20260101)  # noqa: S311
    names = ["a", "b", "c.h", "d.go", "e"]

    def path() -> str:
        return "/".join(random_.choice(names) for _ in range(random_.randint(1, 4)))

    outcomes = {True: 0, False: 0}
    for _ in range(3000):
        tree: dict[str, str] = {}
        for _ in range(random_.randint(0, 12)):
            new = path()
            if not any(f"{new}/".startswith(f"{old}/") or f"{old}/".startswith(f"{new}/") for old in tree):
                tree[new] = f"100644 {random_.randint(0, 9)}"
        reads = Reads.of(
            files=[path() for _ in range(random_.randint(0, 2))],
            folders=[random_.choice([path(), "."]) for _ in range(random_.randint(0, 2))],
            trees=[path() for _ in range(random_.randint(0, 1))],
            suffixes=random_.choice([[], [".h"], [".go", "x"]]),
        )
        if not tree or random_.random() < 0.2:
            edited = path()
            if any(f"{edited}/".startswith(f"{old}/") or f"{old}/".startswith(f"{edited}/") for old in tree):
                continue
        else:
            edited = random_.choice(list(tree))
        after = dict(tree)
        if edited in after and random_.random() < 0.3:
            del after[edited]
        else:
            after[edited] = "100755 edited"
        changed = content(tree, reads) != content(after, reads)
        if _subfolders(tree, reads) == _subfolders(after, reads):
            assert changed == reads.matches(edited), (tree, after, reads)
        else:
            assert changed
        outcomes[changed] += 1
    assert min(outcomes.values()) > 300


def _subfolders(tree: dict[str, str], reads: Reads) -> set[str]:
    below = {path.rpartition("/")[0] for path in tree}
    above = {"/".join(folder.split("/")[:count]) for folder in below for count in range(1, folder.count("/") + 2)}
    return {folder for folder in above if folder and (folder.rpartition("/")[0] or ".") in reads.folders}


def test_thousands_of_files_take_milliseconds() -> None:
    tree = {f"vendor/host/m{number % 900}/p{number % 7}/f{number}.go": f"100644 {number:040}" for number in range(6600)}
    folders = sorted({path.rpartition("/")[0] for path in tree})[:600]
    reads = Reads.of(folders=folders, files=[f"{folder}/go.mod" for folder in folders], trees=["vendor/host/m1"])
    taken = []
    for _ in range(5):
        start = time.process_time()
        content(tree, reads)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.1  # 0.01 to 0.02 on a quiet machine; what is quadratic takes seconds


def test_inside(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    for checkout in (tmp_path / "real", tmp_path / "alias"):
        assert inside(checkout, "a/../b") == "b"
        assert inside(checkout, checkout) == "."
        assert inside(checkout, tmp_path / "real" / "x") == "x"
        assert inside(checkout, "../other") is None
        assert inside(checkout, tmp_path / "realx") is None
        assert inside(checkout, tmp_path) is None


def test_through_links(tmp_path: Path) -> None:
    for folder in ("pkg", "real/sub", "tree", "far"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "package").symlink_to("real")
    (tmp_path / "pkg" / "x.go").symlink_to("../far/y.go")
    (tmp_path / "pkg" / "outside.go").symlink_to("/nowhere/z.go")
    (tmp_path / "tree" / "more").symlink_to("../far")
    (tmp_path / "far" / "loop").symlink_to("../tree")
    (tmp_path / "far" / "odd.h").symlink_to("odd.h.txt")
    assert through_links(tmp_path, Reads.of(folders=["package"])) == Reads.of(
        files=["package"], folders=["package", "real"]
    )
    assert through_links(tmp_path, Reads.of(files=["package/sub/f"])) == Reads.of(
        files=["package", "package/sub/f", "real/sub/f"]
    )
    assert through_links(tmp_path, Reads.of(folders=["pkg"])) == Reads.of(files=["far/y.go"], folders=["pkg"])
    assert through_links(tmp_path, Reads.of(trees=["tree"])) == Reads.of(trees=["tree", "far"])
    assert through_links(tmp_path, Reads.of(suffixes=[".h"])) == Reads.of(
        files=["far/odd.h", "far/odd.h.txt"], suffixes=[".h"]
    )
    assert through_links(tmp_path, WHOLE) == WHOLE
