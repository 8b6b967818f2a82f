"""The emulated machine's command line, and the line to its agent: a thread, or a small script, answers for a guest."""

from __future__ import annotations

import base64
import itertools
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from crosscourse.run import process
from crosscourse.run.process import CommandError, StoppedError
from crosscourse.run.service import Service
from tasks.boot.guest import machine
from tasks.boot.guest.devices import Disk
from tasks.boot.guest.machine import Answer, Forward, Guest, GuestError, System, command, running
from toolchains.machines import machine_of

SYSTEM = System(kernel=Path("/g/vmlinuz"), initramfs=Path("/g/initramfs.cpio"))


def encoded(text: str | bytes) -> bytes:
    return base64.b64encode(text.encode() if isinstance(text, str) else text)


class Child:
    """An emulator's process, as far as a guest asks for it."""

    alive = True

    def is_alive(self) -> bool:
        return self.alive


class Other:
    """The far end of a guest's line. ``said``: what came from the guest's side, line by line."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.said: list[list[str]] = []
        self.thread: threading.Thread | None = None

    def answers(self, *answers: Callable[[list[str]], bytes]) -> None:
        """Answer the next lines, each in its way, in a thread."""

        def work() -> None:
            with self.line.makefile("rb") as stream:
                for answer in answers:
                    self.said.append(stream.readline().decode().split())
                    for part in answer(self.said[-1]).split(b"|"):
                        self.line.sendall(part)
                        time.sleep(0.01)

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def join(self) -> None:
        assert self.thread is not None
        self.thread.join(10)
        assert not self.thread.is_alive()


Pair = tuple[Guest, Other]


@pytest.fixture
def other() -> Iterator[Pair]:
    """A guest and its far end."""
    mine, far = socket.socketpair()
    mine.settimeout(0.02)
    with mine, far:
        service = Service(name="qemu", pid=os.getpid(), log=Path("/none"), child=Child())
        yield Guest(service=service, line=mine, console=Path("/none")), Other(far)


def plain(status: int, text: str | bytes) -> Callable[[list[str]], bytes]:
    return lambda words: words[0].encode() + b" %d " % status + encoded(text) + b"\n"


def test_a_script_goes_out_whole_and_its_output_comes_back(other: Pair) -> None:
    guest, far = other
    far.answers(plain(0, "one\ntwo\n"), plain(3, "né"), plain(137, b"\xff"))
    assert guest.run("echo one\necho 'two'\n", seconds=7) == Answer(status=0, text="one\ntwo\n")
    assert guest.run("é") == Answer(status=3, text="né")
    assert guest.run("x") == Answer(status=137, text="�")
    far.join()
    assert [(words[0], words[1], base64.b64decode(words[2]).decode()) for words in far.said] == [
        ("1", "7", "echo one\necho 'two'\n"),
        ("2", "60", "é"),
        ("3", "60", "x"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"1 0 |" + encoded("fine") + b"|\n",
        b"0 1 " + encoded("late") + b"\n1 0 " + encoded("fine") + b"\n",
        b"ready 0 \n|11 1 \n\n\xff\xfe\n1 0 " + encoded("fine") + b"\n",
        b"1 0 " + encoded("fine") + b"\n2 0 " + encoded("early") + b"\n",
    ],
    ids=["in parts", "an earlier one before", "other lines before", "more behind"],
)
def test_the_answer_is_the_one_that_was_asked_for(other: Pair, answer: bytes) -> None:
    guest, far = other
    far.answers(lambda _: answer)
    assert guest.run("x") == Answer(status=0, text="fine")
    far.join()


def test_what_came_with_an_answer_is_kept_for_the_next(other: Pair) -> None:
    guest, far = other
    far.line.sendall(b"ready 0 \n1 5 " + encoded("x") + b"\n")
    assert guest.wait("ready", 5) == Answer(status=0, text="")
    assert guest.wait("1", 5) == Answer(status=5, text="x")


def test_a_large_answer(other: Pair) -> None:
    guest, far = other
    text = "0123456789" * 20000
    far.answers(plain(0, text))
    assert guest.run("x").text == text
    far.join()


def test_a_guest_that_says_nothing(tmp_path: Path, other: Pair) -> None:
    guest, far = other
    guest.console = tmp_path / "console.log"
    guest.console.write_text("Booting\nKernel panic\n")
    far.line.sendall(b"other 0 \n")
    begun = time.monotonic()
    with pytest.raises(GuestError, match=r"gave no answer for 0 s\n.*end of its console:\n.*Booting\n.*Kernel panic"):
        guest.wait("ready", 0.1)
    assert 0.1 <= time.monotonic() - begun < 5


def test_a_line_that_closes_is_not_waited_for(other: Pair) -> None:
    guest, far = other
    far.line.close()
    begun = time.monotonic()
    with pytest.raises(GuestError):
        guest.wait("ready", 60)
    with pytest.raises(GuestError, match="takes no more commands"):
        guest.run("x")
    assert time.monotonic() - begun < 5


def test_a_line_that_closes_before_the_command_was_read(other: Pair) -> None:
    guest, far = other
    guest.line.sendall(b"a command\n")
    far.line.close()
    with pytest.raises(GuestError):
        guest.wait("1", 60)


def test_a_line_that_closes_is_not_told_as_a_time_out(other: Pair) -> None:
    guest, far = other
    far.line.close()
    with pytest.raises(GuestError) as caught:
        guest.wait("ready", 60)
    assert "for 60 s" not in caught.value.found


def test_an_emulator_that_ended_is_not_waited_for(other: Pair) -> None:
    guest, _ = other
    guest.service.child.alive = False
    begun = time.monotonic()
    with pytest.raises(GuestError):
        guest.wait("ready", 60)
    assert time.monotonic() - begun < 5


def test_a_run_that_is_being_ended_does_not_wait(other: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    guest, _ = other
    monkeypatch.setattr(process, "stopping", lambda: True)
    with pytest.raises(StoppedError):
        guest.wait("ready", 60)


def words_of(
    target: str, *disks: Disk, name: str | None = None, system: System = SYSTEM, arguments: str = "", memory: int = 512
) -> list[str]:
    made = command(
        machine_of(target, name), system, list(disks), memory=memory, arguments=arguments,
        line="agent", console="logs/console.log", log="logs/worker.log",
    )  # fmt: skip
    return [str(word) for word in made]


def values(words: list[str], option: str) -> list[str]:
    return [value for name, value in itertools.pairwise(words) if name == option]


@pytest.mark.parametrize(
    ("target", "emulator", "type", "console", "bus"),
    [
        ("armv7", "qemu-system-arm", "virt", "ttyAMA0", "device"),
        ("arm64", "qemu-system-aarch64", "virt", "ttyAMA0", "device"),
        ("amd64", "qemu-system-x86_64", "q35", "ttyS0", "pci"),
    ],
)
def test_the_command_line(target: str, emulator: str, type: str, console: str, bus: str) -> None:
    root = Disk(name="root", image=Path("/g/root.ext4"))
    words = words_of(target, root, arguments="crosscourse.cgroup=1", memory=768)
    assert words[0] == emulator
    assert {"-nodefaults", "-no-user-config", "-no-reboot"} <= set(words)
    assert values(words, "-machine") == [type]
    assert values(words, "-m") == ["768"]
    assert values(words, "-smp") == [str(machine.PROCESSORS)]
    assert (values(words, "-kernel"), values(words, "-initrd")) == (["/g/vmlinuz"], ["/g/initramfs.cpio"])
    assert values(words, "-append") == [f"console={console} panic=-1 loglevel=4 crosscourse.cgroup=1"]
    assert values(words, "-serial") == ["file:logs/console.log"]
    assert values(words, "-chardev") == [
        "socket,id=agent,path=agent,server=on,wait=off",
        "file,id=log,path=logs/worker.log",
    ]
    assert values(words, "-device") == [
        f"virtio-blk-{bus},drive=root,serial=root",
        f"virtio-net-{bus},netdev=net",
        f"virtio-serial-{bus}",
        "virtserialport,chardev=agent,name=agent",
        "virtserialport,chardev=log,name=log",
    ]
    assert values(words, "-netdev") == ["user,id=net"]  # no port of the host is opened


def test_a_machine_that_is_told_more() -> None:
    words = words_of("armv6", Disk(name="card", image=Path("/s/card")))
    assert words[words.index("-accel") :][:4] == ["-accel", "tcg", "-icount", "shift=1,sleep=on"]


def test_one_port_of_the_guest_is_this_machines_alone() -> None:
    made = command(
        machine_of("armv7"), SYSTEM, [], memory=512, arguments="", line="agent", console="c", log="l",
        forward=Forward(host=4711, guest=8080),
    )  # fmt: skip
    assert values([str(word) for word in made], "-netdev") == ["user,id=net,hostfwd=tcp:127.0.0.1:4711-:8080"]


def test_disks_in_order_and_what_is_shared_is_not_written() -> None:
    disks = [Disk(name="root", image=Path("/a,b/root.ext4")), Disk(name="work", image=Path("/w"), shared=False)]
    words = words_of("armv7", *disks)
    assert values(words, "-drive") == [
        "if=none,id=root,file=/a,,b/root.ext4,format=raw,cache=unsafe,snapshot=on",
        "if=none,id=work,file=/w,format=raw,cache=unsafe",
    ]
    assert values(words, "-append") == ["console=ttyAMA0 panic=-1 loglevel=4"]


def test_a_board_has_one_card_and_its_line_comes_by_the_network() -> None:
    card = Disk(name="card", image=Path("/s/card,img"), shared=False, parts=("root", "distribution", "work"))
    system = System(kernel=SYSTEM.kernel, initramfs=SYSTEM.initramfs, dtb=Path("/g/board.dtb"))
    words = words_of("armv7", card, name="raspi2b", system=system, memory=1024, arguments="crosscourse.cgroup=2")
    assert values(words, "-machine") == ["raspi2b"]
    assert values(words, "-smp") == ["4"]
    assert values(words, "-icount") == []
    assert values(words, "-dtb") == ["/g/board.dtb"]
    assert values(words, "-drive") == ["if=sd,file=/s/card,,img,format=raw,cache=unsafe"]
    assert values(words, "-netdev") == [
        "user,id=net,guestfwd=tcp:10.0.2.100:1-chardev:agent,guestfwd=tcp:10.0.2.100:2-chardev:log"
    ]
    assert values(words, "-device") == ["usb-net,netdev=net"]
    assert values(words, "-append") == [
        "console=ttyAMA0 panic=-1 loglevel=4 crosscourse.root=/dev/mmcblk0p1 crosscourse.distribution=/dev/mmcblk0p2"
        " crosscourse.work=/dev/mmcblk0p3 crosscourse.line=10.0.2.100 crosscourse.cgroup=2"
    ]


Emulated = Callable[..., AbstractContextManager[Guest]]
# An emulator of few words: it has the socket that it was told, says that it is up, and answers each script with it.
EMULATOR = """\
#!{python} -IS
import base64, os, socket, sys
{first}
line = socket.socket(socket.AF_UNIX)
line.bind("agent")
line.listen()
peer = line.accept()[0]
open("logs/console.log", "w").write("console says hello")
open("logs/worker.log", "w").write(os.environ["TMPDIR"])
print(" ".join(sys.argv[1:3]), flush=True)
{second}
peer.sendall(b"ready 0 \\n")
for row in peer.makefile("rb"):
    number, seconds, script = row.split()
    peer.sendall(number + b" 0 " + script + b"\\n")
"""


@pytest.fixture
def emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulated:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("bin", "run", "a folder, with a comma"):
        (tmp_path / name).mkdir()

    def run(first: str = "", second: str = "", *, clock: bool = True) -> AbstractContextManager[Guest]:
        program = tmp_path / "bin" / "qemu-small"
        program.write_text(EMULATOR.format(python=sys.executable, first=first, second=second))
        program.chmod(0o755)
        small = msgspec.structs.replace(machine_of("armv7"), emulator="qemu-small", clock=clock)
        logs = tmp_path / "a folder, with a comma"
        return running(small, SYSTEM, [], memory=64, arguments="", folder=tmp_path / "run", logs=logs, seconds=30)

    return run


def test_running(tmp_path: Path, emulated: Emulated) -> None:
    with emulated() as guest:
        assert guest.run("uname -sr").text == "uname -sr"
        assert guest.service.alive()
    assert not guest.service.alive()
    logs = {path.name: path.read_text().strip() for path in (tmp_path / "a folder, with a comma").iterdir()}
    assert logs == {
        "console.log": "console says hello",
        "worker.log": str(tmp_path / "run"),
        "qemu.log": "-nodefaults -no-user-config",
    }


@pytest.mark.parametrize("clock", [True, False])
def test_only_a_machine_without_a_clock_is_told_the_time(emulated: Emulated, clock: bool) -> None:
    before = int(time.time())
    with emulated("print(sys.argv[sys.argv.index('-append') + 1])", clock=clock) as guest:
        told = guest.service.log.read_text().splitlines()[0].partition("crosscourse.time=")[2].split()
    assert not told if clock else before <= int(told[0]) <= time.time()


def test_an_emulator_that_refuses_its_options(tmp_path: Path, emulated: Emulated) -> None:
    with (
        pytest.raises(CommandError, match="qemu-small: ended too early") as caught,
        emulated("sys.exit('no such cpu')"),
    ):
        pytest.fail("it is up")
    assert caught.value.tail == "no such cpu"
    assert str(tmp_path / "a folder, with a comma" / "qemu.log") in caught.value.remedy


def test_a_guest_that_does_not_come_up(emulated: Emulated) -> None:
    with pytest.raises(GuestError, match="console says hello"), emulated(second="sys.exit()"):
        pytest.fail("it is up")
