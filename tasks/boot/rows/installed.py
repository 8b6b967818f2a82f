"""Rows of what people do with a package: install it by apt from a repository, upgrade it, remove it, purge it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence

from crosscourse.manifest.installed import Installed
from tasks.boot.report import Check, RowError, Seen, expect
from tasks.boot.rows.course import NAME, Course
from tasks.boot.rows.pipeline import HOST
from tasks.boot.session import DEBIAN, FIRST, NEWER, TOP, Session, start
from tasks.boot.specs import Delivery, UnitBoot

# Seconds that apt may take on an emulated machine, from an SD card.
_APT = 3600
# Seconds that Debian's init may take to have started all; the set-up, which makes a key; and a look at all files.
_STARTING = 400
_SETTING_UP = 300
_LISTING = 300
# Where names of files are not looked at: others' file systems, and what dpkg, apt and systemd note for themselves.
_NOT_OURS = (
    "/mnt", "/proc", "/run", "/sys", "/tmp", "/usr/local", "/work",  # noqa: S108  # the guest's
    "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/log", "/var/tmp",  # noqa: S108
)  # fmt: skip
# Control groups of processes that are in none of systemd's units, as containers are.
_OUTSIDE = "grep -h ^0:: /proc/[0-9]*/cgroup 2>/dev/null | grep -Ev '^0::/$|\\.(service|scope)(/|$)' | sort -u"
_BEFORE, _AFTER = "/run/files-before", "/run/files-after"


def of_unit(session: Session, spec: UnitBoot) -> Iterator[Check]:
    """The rows of a boot of a package."""
    assert spec.delivery is not None
    yield from checks(session, spec.delivery)


def checks(session: Session, given: Delivery) -> Iterator[Check]:
    """The rows of a package whose unit runs once, in the order in which they are tried."""
    yield Check(name="boot", title="the guest is up", act=lambda: start(session))
    yield from install_rows(session, given)
    yield Check(name="unit", title="the unit has run", act=lambda: _unit(session, given), needs=("install",))

    def upgraded() -> Seen:
        upgrade(session, given)
        return _unit(session, given)

    yield Check(name="upgrade", title="a higher version is installed, and runs", act=upgraded, needs=("unit",))
    yield from remove_rows(session, given)


def install_rows(session: Session, given: Delivery) -> Iterator[Check]:
    """The system has started, and the package is installed."""
    yield _check("system", "Debian's init has started all", lambda: system(session), "boot")
    yield _check("install", f"apt installs {given.installed.package}", lambda: _install(session, given), "system")


def remove_rows(session: Session, given: Delivery) -> Iterator[Check]:
    """The package is removed, then purged."""
    yield _check("remove", "the package is removed: nothing of it runs", lambda: _remove(session, given), "install")
    yield _check("purge", "the package is purged: nothing of it is left", lambda: _purge(session, given), "remove")


def _check(name: str, title: str, act: Callable[[], Seen], *needs: str) -> Check:
    return Check(name=name, title=title, act=act, needs=needs)


def _run(session: Session, script: str, seconds: int = 60) -> str:
    """What a script printed that has to succeed."""
    said = session.guest.run(script, seconds=seconds)
    expect(said.status == 0, script, f"exit status {said.status}: {said.text[-3000:]}")
    return said.text


def system(session: Session) -> Seen:
    """Wait for the init; a unit that failed is no reason to go on."""
    wait = f"n=0; until systemctl is-system-running --wait; do n=$((n + 1)); [ $n -lt {_STARTING} ] || break; sleep 1; "
    wait += "case $(systemctl is-system-running) in running | degraded) break ;; esac; done"
    session.guest.run(wait, seconds=_STARTING + 20)
    failed = session.guest.run("systemctl --failed --plain --no-legend --no-pager").text.strip()
    said = session.guest.run("systemctl is-system-running").text.strip()
    expect(said == "running", "systemd", f"is {said}: {failed}")
    return Seen(remark=session.guest.run("systemctl --version").text.partition("\n")[0])


def _list(session: Session, path: str) -> None:
    pruned = " -o ".join(f"-path {place}" for place in _NOT_OURS)
    _run(session, f"find / -xdev \\( {pruned} \\) -prune -o -print | LC_ALL=C sort >{path}", _LISTING)


def apt(session: Session, words: str, *, seconds: int = _APT) -> str:
    """What apt printed that has to succeed."""
    return _run(session, f"LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 {words}", seconds)


def _add_repository(session: Session, name: str) -> None:
    line = f"deb [trusted=yes] file:{TOP}/{name} stable main"
    _run(session, f"echo {shlex.quote(line)} >/etc/apt/sources.list.d/{name}.list")
    apt(session, "update")


def _accept(session: Session, given: Delivery) -> None:
    """Have dpkg take packages for another architecture than its own, if the release's are."""
    if given.foreign:
        # Its path, because the guest's shell has a dpkg of its own.
        _run(session, f"/usr/bin/dpkg --add-architecture {given.foreign}")


def add_repositories(session: Session, given: Delivery) -> None:
    """Tell apt of the release's packages, and of Debian's where there are some."""
    _accept(session, given)
    for name in (FIRST, DEBIAN) if given.debian else (FIRST,):
        _add_repository(session, name)


def _install(session: Session, given: Delivery) -> Seen:
    for name in (FIRST, NEWER):
        _run(session, f": >/etc/apt/sources.list.d/{name}.list")
    _list(session, _BEFORE)
    _accept(session, given)
    _add_repository(session, FIRST)
    apt(session, f"install {given.installed.package}")
    return Seen(remark=version(session, given))


def version(session: Session, given: Delivery) -> str:
    """The version that is installed."""
    return _run(session, f"dpkg-query -W -f '${{Version}}' {given.installed.package}").strip()


def upgrade(session: Session, given: Delivery) -> None:
    """Install the higher version; what was written to its settings stays."""
    settings = given.installed.settings
    look = f"sha256sum {settings}" if settings else "true"
    before, said = version(session, given), _run(session, look)
    _add_repository(session, NEWER)
    apt(session, f"install {given.installed.package}")
    expect(version(session, given) != before, given.installed.package, f"is {before} still")
    expect(_run(session, look) == said, str(settings), "is another one after the upgrade")


def _unit(session: Session, given: Delivery) -> Seen:
    """The unit ran, and said what it has to."""
    unit = shlex.quote(given.installed.unit)
    state = sorted(_run(session, f"systemctl show -P ActiveState -P Result {unit}").split())
    said = _run(session, f"journalctl -u {unit} -o cat")
    expect(state == ["active", "success"], given.installed.unit, f"is {', '.join(state)}:\n{said}")
    lines = [line for line in said.splitlines() if given.installed.expect in line]
    expect(bool(lines), given.installed.unit, f"said {said!r}, without {given.installed.expect!r}")
    return Seen(remark=f"{version(session, given)}: {lines[-1]}")


def setup(course: Course, more: Sequence[str] = ()) -> Seen:
    """Tell the worker its web node by the command of its package, and the web node the key that this made.

    ``more``: what the command is told beside.
    """
    given, node, session = course.spec.delivery, course.node, course.session
    assert given is not None
    assert node is not None
    values = {
        "tsa": f"{HOST}:{node.tsa_port}",
        "tsa-key": node.keys.host.with_suffix(".pub").read_text(encoding="utf-8").strip(),
        "name": NAME,
        "runtime": course.spec.scenario.runtime,
    }
    words = []
    for word in (*given.installed.setup, *more):
        for name, value in values.items():
            word = word.replace(f"{{{name}}}", value)  # noqa: PLW2901
        words.append(word)
    said = _run(session, shlex.join(words), _SETTING_UP)
    key = _run(session, f"cat {given.installed.key}").strip()
    if not key or key not in said:
        raise RowError(words[0], f"did not say the worker's key, {key!r}:\n{said}")
    node.trust(key)
    return Seen()


def set_drain(session: Session, installed: Installed) -> None:
    """Have the unit wait for tasks when it is to end."""
    _run(session, f"echo {shlex.quote(installed.drain)} >>{installed.settings}")


def _remove(session: Session, given: Delivery) -> Seen:
    installed = given.installed
    apt(session, f"remove {installed.package}")
    unit = shlex.quote(installed.unit)
    state = session.guest.run(f"systemctl is-active {unit}").text.strip()
    expect(state == "inactive", installed.unit, f"is {state}")
    left = session.guest.run(f"cat /sys/fs/cgroup/system.slice/{unit}/cgroup.procs 2>/dev/null").text.split()
    expect(not left, installed.unit, f"left processes {', '.join(left)}")
    left = session.guest.run(_OUTSIDE).text.split()
    expect(not left, installed.unit, f"left processes in {', '.join(left)}")
    if installed.settings:
        _run(session, f"[ -s {installed.settings} ]")
    return Seen()


def _purge(session: Session, given: Delivery) -> Seen:
    """Purge it and what came with it. Whatever is there now and was not before is an error."""
    apt(session, f"purge {given.installed.package}")
    apt(session, "autoremove --purge")
    _list(session, _AFTER)
    for name in (FIRST, NEWER):
        _run(session, f": >/etc/apt/sources.list.d/{name}.list")
    more = session.guest.run(f"LC_ALL=C comm -13 {_BEFORE} {_AFTER}").text.split("\n")
    gone = session.guest.run(f"LC_ALL=C comm -23 {_BEFORE} {_AFTER}").text.split("\n")
    wrong = [f"left {path}" for path in more if path] + [f"took {path}" for path in gone if path]
    expect(not wrong, given.installed.package, "; ".join(wrong[:30]))
    return Seen()
