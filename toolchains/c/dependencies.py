"""What of a checkout a C program is made of: told by the compiler's dep-files, and widened to what could step between.

A dep-file (``-MD -MF x.d``, https://gcc.gnu.org/onlinedocs/gcc/Preprocessor-Options.html) lists the files that were
read. A new file could take the place of one of them, where the compiler looks before: in the folder of the file that
includes it, and in the ``-I`` folders. So the trees of all these folders count, and what can't be told makes everything
count. What headers outside the checkout include is taken not to lead into it by ``..``.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosscourse.engine.reads import ROOT, WHOLE, Reads, inside, through_links

# Of C and its relatives, of assembler, and of what is linked.
TEXT_ENDINGS = (
    *(".c", ".C", ".cc", ".cpp", ".cxx", ".c++", ".h", ".H", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".inl", ".def"),
    *(".i", ".m", ".mm", ".S", ".s", ".sx", ".asm"),
)
BINARY_ENDINGS = (".a", ".o", ".so", ".syso", ".pc")
SOURCE = "{source}"

_FOLDER_FLAGS = ("-isystem", "-iquote", "-idirafter", "-I", "-L")
_WITH_A_VALUE = ("-D", "-U", "-x")
# Flags that name no file. -f: without what reads a profile, a plug-in, a module map or a list.
_PLAIN = re.compile(
    r"-(?:[DU].+|O\w*|g[\w=-]*|w|s|v|E|std=[\w+:.]+|pthread|pipe|pedantic(?:-errors)?|ansi|static(?:-pie|-libgcc)?"
    r"|shared|rdynamic|nostdinc|nostdlib|nodefaultlibs|nostartfiles|W(?![lap],)[\w=+-]*"
    r"|f(?:file|debug|macro)-prefix-map=.*|f(?!profile|plugin|module|sanitize-|auto-profile|include|lto-)[\w=+-]*"
    r"|m[\w=+.-]*|l[\w+.-]+)$"
)
_LINKER = re.compile(
    r"-Wl(?:,(?:-z,[\w-]+|-[sSE]|-O\d|-B(?:static|dynamic)|--(?:as-needed|no-as-needed|gc-sections|strip-all|start-group"
    r"|end-group|whole-archive|no-whole-archive|export-dynamic|no-undefined|allow-multiple-definition)"
    r"|--(?:build-id|wrap|unresolved-symbols|hash-style)=[\w-]+))+$"
)
_COMMENT = r"/\*(?:(?!\*/).)*\*/"
_DIRECTIVE = re.compile(
    rf"(?:.*\*/)?(?:\s|{_COMMENT})*(?:#|%:|\?\?=)(?:\s|{_COMMENT})*(?:include_next|include|import|embed)\b"
)
_NAME = re.compile(rf"(?:\s|{_COMMENT})*(?:\"([^\"]+)\"|<([^>]+)>)")
_ASKS = re.compile(r"__has_(?:include_next|include|embed)\s*\(")
_ASSEMBLER = re.compile(r"\.(?:incbin|include)\b")


@dataclass(frozen=True, kw_only=True)
class Included:
    """What a text includes, or asks for by ``__has_include``: names in quotes, in angle brackets.

    ``unclear``: it also includes what only a preprocessor or an assembler can tell.
    """

    quoted: frozenset[str] = frozenset()
    angled: frozenset[str] = frozenset()
    unclear: bool = False

    @property
    def names(self) -> frozenset[str]:
        """All names."""
        return self.quoted | self.angled


def included(text: str, *, comments: bool = False) -> Included:
    """What a C or assembler text includes. ``comments``: lines in ``//`` count too, as in the preamble of a Go file."""
    quoted, angled, unclear = set(), set(), bool(_ASSEMBLER.search(text))
    for line in text.replace("\\\r\n", "").replace("\\\n", "").splitlines():
        if not ("include" in line or "import" in line or "embed" in line):
            continue
        plain = re.sub(r"^\s*//", "", line) if comments else line
        directive = _DIRECTIVE.match(plain)
        for found in ([directive] if directive else []) + list(_ASKS.finditer(plain)):
            name = _NAME.match(plain, found.end())
            if name is None:
                unclear = True
            elif name[1]:
                quoted.add(name[1])
            else:
                angled.add(name[2])
    return Included(quoted=frozenset(quoted), angled=frozenset(angled), unclear=unclear)


def parse(text: str) -> list[str]:
    """The files that a dep-file says were read, as it spells them, each once.

    A backslash at a line's end goes on with it; ``\\ ``, ``\\#`` and ``$$`` stand for a space (before which each
    backslash is doubled), a hash and a dollar; a colon before a space ends the target. A rule without prerequisites
    (``-MP``) has no file of its own.
    """
    found: dict[str, None] = {}
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        words, is_target = [], True
        for word in re.findall(r"(?:\\.|[^\s\\]|\\)+", line):
            if not is_target:
                words.append(word)
            elif word.endswith(":") and not word.endswith("\\:"):
                is_target = False
        for word in words:
            plain = re.sub(r"(\\*)\\([ \t#:])", lambda found: found[1][::2] + found[2], word)
            found[plain.replace("$$", "$")] = None
    return list(found)


def folders_in(flags: Sequence[str]) -> list[str] | None:
    """The folders in which flags of a compiler or linker make it look; None if one may name files in another way."""
    folders = []
    words = iter(flags)
    for word in words:
        option = next((option for option in _FOLDER_FLAGS if word.startswith(option)), None)
        if option:
            folder = word[len(option) :] or next(words, "")
            if not folder or folder.startswith("="):
                return None
            folders.append(folder)
        elif word in _WITH_A_VALUE:
            next(words, None)
        elif not word.startswith("-") and word.endswith((*TEXT_ENDINGS, *BINARY_ENDINGS)):
            folders.append(posixpath.dirname(word) or ROOT)
        elif not (_PLAIN.match(word) or _LINKER.match(word)):
            return None
    return folders


def reads(
    paths: Iterable[str | Path],
    *,
    checkout: Path,
    sources: Iterable[str] = (),
    flags: Sequence[str] = (),
    copied: Iterable[str] = (),
    commands: Iterable[Sequence[str]] = (),
) -> Reads:
    """What of ``checkout`` decides what the compiler makes, run in its root.

    ``paths``: of the dep-files. ``sources``: the files that are compiled. ``flags``: the artifact's own, of compiler
    and linker. ``copied``: files that are read by us: templates, headers that are installed. ``commands``: generators,
    which may read what ``{source}/x`` in their words names, and all that lies beside or below it. Paths with another
    ``{`` at their beginning are not of the checkout.
    """
    looked_in = folders_in(flags)
    given = [_tree_of(word, checkout) for command in commands for word in command if SOURCE in word]
    if looked_in is None or ROOT in given:
        return WHOLE
    trees = {tree for tree in given if tree}
    search = [place for folder in looked_in if (place := inside(checkout, folder)) is not None]
    trees.update(search)
    files, folders = {path for path in copied if not path.startswith("{")}, set()
    for path in {os.fspath(path) for path in (*paths, *sources) if not os.fspath(path).startswith("{")}:
        place = inside(checkout, path)
        names = included_by(checkout / path)
        if place is not None:
            if names.unclear:
                return WHOLE
            if (folder := posixpath.dirname(place)) == "":
                folders.add(ROOT)  # not a tree: that would be everything
                plain = {posixpath.normpath(name) for name in names.quoted}
                trees.update(name.split("/")[0] for name in plain if "/" in name and name[0] not in "./")
            else:
                trees.add(folder)
        for name in names.names:
            if ".." in name.split("/") or name.startswith("/"):
                for base in (*([posixpath.dirname(place)] if place else []), *search):
                    files.update(_around(checkout, posixpath.join(base, name), trees))
    return through_links(checkout, Reads.of(files=files, folders=folders, trees=trees))


def _around(checkout: Path, path: str, trees: set[str]) -> Iterator[str]:
    """A path that a name with ``..`` leads to: its folder's tree; in the root the file alone."""
    place = inside(checkout, path)
    if place is not None and posixpath.dirname(place):
        trees.add(posixpath.dirname(place))
    elif place is not None:
        yield place


def included_by(path: Path) -> Included:
    """What a file includes; nothing if it can't be read."""
    try:
        return included(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return Included()


def _tree_of(word: str, checkout: Path) -> str:
    """The tree that a generator's argument gives it: of a file, its folder's, with what it may import."""
    found = re.fullmatch(r"(?:[\w-]+=)?\{source\}/([^{}\s'\"*?,;:]+)", word)
    place = inside(checkout, found[1]) if found else ROOT
    if place is None:
        return ROOT
    return place if (checkout / place).is_dir() else posixpath.dirname(place) or ROOT
