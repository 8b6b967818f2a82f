"""About root filesystems: that nothing is lacking in them, and nothing in them that should not be.

What is allowed though a rule speaks against it is said, by name, in ``tasks.verify.rules.allowed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crosscourse.binaries.archives import path_in
from crosscourse.binaries.trees import MAX_FIRST_LINE, SCRIPT, TOPS, Member, Tree
from tasks.verify.engine import Contents, ContentsCheck, Finding, Rule
from tasks.verify.rules import allowed
from toolchains.targets import Expected

EXECUTABLE = 0o111
PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
_SETUID, _SETGID, _STICKY, _WORLD_WRITABLE = 0o4000, 0o2000, 0o1000, 0o002
# A folder of this machine with fewer parts has a name that others may have too.
_TELLING_PARTS = 2

MemberCheck = Callable[[Tree, Member], Iterator[Finding]]


def each_member(check: MemberCheck) -> ContentsCheck:
    """The check of a distribution that applies ``check`` to each member of each root filesystem."""

    def check_all(contents: Contents, _target: Expected) -> Iterator[tuple[str, Finding]]:
        for root in contents.roots:
            for member in root.tree.members.values():
                for finding in check(root.tree, member):
                    yield path_in(root.path, member.name), finding

    return check_all


def _lacking(what: str, expected: str) -> ContentsCheck:
    def check(contents: Contents, _target: Expected) -> Iterator[tuple[str, Finding]]:
        for root in contents.roots:
            for each in root.lacking:
                if each.what == what:
                    yield path_in(root.path, each.name), Finding(f"{each.wanted}: {each.found}", expected)

    return check


LOADER = Rule(
    id="loader",
    title="the loader of every program is there",
    why="The kernel starts the loader that a program names (PT_INTERP); without it: 'no such file or directory'.",
    check=_lacking("loader", "a loader of the program's machine, in the same root filesystem"),
)
LIBRARIES = Rule(
    id="libraries",
    title="every library that a program or a library needs is there",
    why="The loader ends a program at its start if a library (DT_NEEDED) is in none of the folders that it looks into.",
    check=_lacking("library", "a library of the same machine, in a folder that the loader looks into"),
)
VERSIONS = Rule(
    id="symbol-versions",
    title="libraries have the versions of symbols that are asked of them",
    why="The loader ends a program whose library is older than what it was linked with: 'version ... not found'.",
    check=_lacking("version", "the version, in the library that the loader finds"),
)


def interpreter_of(line: bytes) -> tuple[str, str]:
    """The interpreter of a script and the argument that it is given, as the kernel reads the first line (execve(2))."""
    text = line.partition(b"\n")[0].decode("utf-8", "surrogateescape")[len(SCRIPT) :]
    path, _, argument = text.strip(" \t").replace("\t", " ").partition(" ")
    return path, argument.strip(" ")


def program_of_env(argument: str) -> str | None:
    """The program that ``env`` looks up on PATH for a script; None if it has an option that says something else.

    A first line is one argument; env takes it apart after ``-S`` only (coreutils, "env invocation").
    """
    for option in ("-S", "-vS", "--split-string=", "--split-string "):
        if argument.startswith(option):
            words = argument[len(option) :].split()
            break
    else:
        return None if argument.startswith("-") else argument
    while words and (words[0].startswith("-") or "=" in words[0]):
        words.pop(0)
    return words[0] if words else ""


def _is_program(tree: Tree, path: str) -> bool:
    member = tree.file(path)
    return path.startswith("/") and member is not None and member.mode & EXECUTABLE == EXECUTABLE


def _script(tree: Tree, member: Member) -> Iterator[Finding]:
    if member.kind != "file" or not member.mode & EXECUTABLE or not member.content.startswith(SCRIPT):
        return
    if allowed.is_allowed(member.name, allowed.SCRIPTS):
        return
    if b"\n" not in member.content and len(member.content) >= MAX_FIRST_LINE:
        yield Finding("a first line that is longer", f"at most {MAX_FIRST_LINE} bytes, what the kernel reads")
        return
    path, argument = interpreter_of(member.content)
    if not _is_program(tree, path):
        yield Finding(f"#!{path}: not there", "a program in the same root filesystem")
    elif path.rpartition("/")[2] == "env":
        program = program_of_env(argument)
        if program is None:
            yield Finding(f"#!{path} {argument}: cannot be told", "`env NAME`, or `env -S NAME ...`")
        elif "/" in program:
            if not _is_program(tree, program):
                yield Finding(f"#!{path} {argument}: not there", "a program in the same root filesystem")
        elif not program or not any(_is_program(tree, f"{folder}/{program}") for folder in PATH):
            yield Finding(f"#!{path} {argument}: not on PATH", f"a program in one of {', '.join(PATH)}")


SCRIPTS = Rule(
    id="script-interpreter",
    title="the interpreter of every script is there",
    why="The kernel starts what the first line names; without it a script ends with 'no such file or directory'.",
    check=each_member(_script),
)


def target_of(name: str, to: str) -> str | None:
    """Where a link leads by its text alone, from the top of the tree on; None if that is above the top."""
    done = [] if to.startswith("/") else name.split("/")[:-1]
    for part in to.split("/"):
        if part == "..":
            if not done:
                return None
            done.pop()
        elif part not in ("", "."):
            done.append(part)
    return "/".join(done)


def _link(tree: Tree, member: Member) -> Iterator[Finding]:
    if member.kind != "link":
        return
    target = target_of(member.name, member.to)
    if target is None:
        yield Finding(f"leads to {member.to}, above the top", "a place in the root filesystem")
    elif tree.find(member.to, beside=member.name.rpartition("/")[0]) is None and not (
        allowed.is_allowed(target, allowed.LINK_TARGETS) or allowed.is_allowed(member.name, allowed.LINKS)
    ):
        yield Finding(f"leads to {member.to}: not there", "something that is in the root filesystem")


LINKS = Rule(
    id="links",
    title="links lead to what is there",
    why=(
        "What a link to nothing stands for is lacking; and one that leads above the top gives whoever unpacks the tree "
        "a file of the machine it is unpacked on."
    ),
    check=each_member(_link),
)


def _privileged(_tree: Tree, member: Member) -> Iterator[Finding]:
    bits = member.mode & (_SETUID | _SETGID)
    if member.kind != "file" or not bits:
        return
    privilege = allowed.PRIVILEGED.get(member.name)
    if privilege is None or bits & ~privilege.mode:
        expected = f"no bits beyond {privilege.mode:04o}" if privilege else "neither setuid nor setgid"
        yield Finding(f"mode {member.mode:04o}", expected)


PRIVILEGED = Rule(
    id="setuid",
    title="no setuid or setgid file but those that are known",
    why="Such a program gives whoever starts it the rights of its owner: each must be wanted, with a reason.",
    check=each_member(_privileged),
)


def _writable(_tree: Tree, member: Member) -> Iterator[Finding]:
    if member.kind == "link" or not member.mode & _WORLD_WRITABLE:
        return
    known = member.kind == "folder" and allowed.is_allowed(member.name, allowed.WRITABLE)
    if not known or not member.mode & _STICKY:
        expected = "the sticky bit too" if known else "not writable for everybody"
        yield Finding(f"mode {member.mode:04o}", expected)


WRITABLE = Rule(
    id="world-writable",
    title="only /tmp and the like can be written by everybody",
    why="What everybody may write, everybody may replace; without the sticky bit, files of others too.",
    check=each_member(_writable),
)


def _owner(_tree: Tree, member: Member) -> Iterator[Finding]:
    if member.owner == (0, 0):
        return
    privilege = allowed.PRIVILEGED.get(member.name)
    known = [(0, group) for group in privilege.groups] if privilege else []
    known += [owner for pattern, (owner, _) in allowed.OWNERS.items() if allowed.is_allowed(member.name, (pattern,))]
    if member.owner not in known:
        found = "user {}, group {}".format(*member.owner)
        yield Finding(found, " or ".join(f"user {user}, group {group}" for user, group in ((0, 0), *known)))


OWNER = Rule(
    id="owner",
    title="files belong to root",
    why="A number that stands for the builder, or for nobody, may stand for somebody where the tree is used.",
    check=each_member(_owner),
)


def _device(_tree: Tree, member: Member) -> Iterator[Finding]:
    if member.kind == "device":
        yield Finding("a device, a pipe or the like", "files, folders and links")


DEVICES = Rule(
    id="devices",
    title="no device files",
    why="A container's devices are made by whoever starts it; one in the archive needs root to be unpacked.",
    check=each_member(_device),
)


def _host(contents: Contents, _target: Expected) -> Iterator[tuple[str, Finding]]:
    folders = [folder.strip("/") for folder in contents.host if folder.strip("/").count("/") >= _TELLING_PARTS - 1]
    for root in contents.roots:
        for member in root.tree.members.values():
            finding = _of_host(member, folders)
            if finding is not None:
                yield path_in(root.path, member.name), finding


def _of_host(member: Member, folders: list[str]) -> Finding | None:
    name = member.name
    for folder in folders:
        if f"/{folder}/" in f"/{name}/":
            return Finding(f"named after /{folder} of this machine", "no name of the machine that it was built on")
    if name.partition("/")[0] not in TOPS:
        return Finding("a name that no root filesystem has", f"one below {', '.join(sorted(TOPS))}")
    if name.startswith("home/"):
        return Finding("someone's home", "an empty /home")
    if member.kind == "file" and member.size and allowed.is_allowed(name, allowed.FIXED):
        return Finding(f"{member.size} bytes", "an empty file, or none: it belongs to one machine")
    return None


HOST = Rule(
    id="build-host",
    title="nothing of the machine that it was built on",
    why=(
        "Name servers, names and keys of the builder's machine are wrong, or secret, on every other one; and its paths "
        "make builds in two places differ."
    ),
    check=_host,
)
