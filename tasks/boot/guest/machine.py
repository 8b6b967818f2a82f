"""The emulated machine: qemu with the guest's disks, and a line to the agent that runs in the guest, which ends in a
socket of ours.
"""

from __future__ import annotations

import base64
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crosscourse.errors import CrosscourseError
from crosscourse.run import process
from crosscourse.run.environment import base_environment
from crosscourse.run.service import Service, serving
from tasks.boot.guest import devices
from tasks.boot.guest.devices import Disk
from toolchains.machines import Machine

# More processors than the host has would slow each other down.
PROCESSORS = min(os.cpu_count() or 1, 4)

# Seconds between two looks at whether the guest still runs.
_POLL = 1.0


class GuestError(CrosscourseError):
    """A guest that does not start, or no longer answers."""


@dataclass(frozen=True, kw_only=True)
class System:
    """What the machine boots. ``dtb``: what describes a board to the kernel."""

    kernel: Path
    initramfs: Path
    dtb: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Forward:
    """A TCP port of the guest that this machine's loopback has, too: ``guest`` is reached at ``host``."""

    host: int
    guest: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a script in the guest printed (both streams), and its exit status (137 if its time was over)."""

    status: int
    text: str


@dataclass(kw_only=True)
class Guest:
    """The running guest."""

    service: Service
    line: socket.socket
    console: Path
    buffer: bytearray = field(default_factory=bytearray)
    number: int = 0

    def run(self, script: str, *, seconds: int = 60) -> Answer:
        """Run a shell script in the guest. Raises GuestError if the guest does not answer."""
        self.number += 1
        text = base64.b64encode(script.encode()).decode()
        try:
            self.line.settimeout(30)  # a busy guest reads slowly, and half a line would be lost
            self.line.sendall(f"{self.number} {seconds} {text}\n".encode())
        except OSError as error:
            raise self._silent(f"takes no more commands ({error})") from None
        finally:
            self.line.settimeout(_POLL)
        return self.wait(str(self.number), seconds + 30)

    def wait(self, mark: str, seconds: float) -> Answer:
        """The agent's next line that begins with ``mark``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            head, newline, rest = self.buffer.partition(b"\n")
            if newline:
                self.buffer = bytearray(rest)
                words = head.decode(errors="replace").split(" ")
                if words[0] == mark:
                    return Answer(status=int(words[1]), text=base64.b64decode(words[2]).decode(errors="replace"))
                continue
            try:
                received = self.line.recv(1 << 16)
            except TimeoutError:
                received = None
            except ConnectionError:
                received = b""
            if received:
                self.buffer += received
            elif received == b"" or not self.service.alive():
                raise self._silent("has ended")
            if process.stopping():
                raise process.StoppedError
        raise self._silent(f"gave no answer for {seconds:.0f} s")

    def _silent(self, found: str) -> GuestError:
        return GuestError("the guest", found, f"The end of its console:\n{process.tail_of(self.console)}")


def command(
    machine: Machine,
    system: System,
    disks: list[Disk],
    *,
    memory: int,
    arguments: str,
    line: str,
    console: str,
    log: str,
    forward: Forward | None = None,
) -> list[str | Path]:
    """qemu's command line. ``line``: the agent's socket; ``console``, ``log``: files. No port is opened but that of
    ``forward``.
    """
    opened = f",hostfwd=tcp:127.0.0.1:{forward.host}-:{forward.guest}" if forward else ""
    found = devices.words(machine, disks, line=line, log=log, opened=opened)
    told = [f"console={machine.console} panic=-1 loglevel=4", machine.arguments, *found.arguments, arguments]
    words: list[str | Path] = [machine.emulator, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    words += ["-machine", machine.type, "-cpu", machine.cpu, "-smp", str(machine.processors or PROCESSORS)]
    words += ["-m", str(memory), "-accel", "tcg", *machine.options]
    words += ["-kernel", system.kernel, "-initrd", system.initramfs]
    words += ["-dtb", system.dtb] if system.dtb else []
    return [*words, "-append", " ".join(filter(None, told)), "-serial", f"file:{console}", *found.options]


@contextmanager
def running(
    machine: Machine,
    system: System,
    disks: list[Disk],
    *,
    memory: int,
    arguments: str,
    folder: Path,
    logs: Path,
    seconds: int,
    forward: Forward | None = None,
) -> Iterator[Guest]:
    """The guest for the time of the block: it is up and its agent has answered.

    ``folder``: for the socket, with a short path. ``logs``: where console.log, worker.log and qemu.log go.
    ``seconds``: how long the start may take. ``forward``: a port of it. Raises GuestError, CommandError.
    """
    console = logs / "console.log"
    if not machine.clock:
        arguments = f"crosscourse.time={int(time.time())} {arguments}"
    link = folder / "logs"
    link.symlink_to(logs)  # qemu's options can't have any path: a comma, say
    words = command(
        machine,
        system,
        disks,
        memory=memory,
        arguments=arguments,
        line="agent",
        console="logs/console.log",
        log="logs/worker.log",
        forward=forward,
    )
    env = base_environment(TMPDIR=str(folder))
    with serving(words, log=logs / "qemu.log", env=env, folder=folder) as service:
        line = connect(service, folder / "agent")
        with line:
            guest = Guest(service=service, line=line, console=console)
            guest.wait("ready", seconds)
            yield guest


def connect(service: Service, path: Path) -> socket.socket:
    """A line to the guest, by the socket that ``service`` makes. Raises GuestError, CommandError (it has ended)."""
    end = time.monotonic() + 20
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(str(path))
        except OSError:
            line.close()
            service.check()
            if time.monotonic() > end:
                raise GuestError(service.name, "opened no line to the guest", f"Its log: {service.log}") from None
            time.sleep(0.05)
        else:
            line.settimeout(_POLL)
            return line
