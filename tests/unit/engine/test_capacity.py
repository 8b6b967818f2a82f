"""Processors and memory are shared: what the kernel grants, who may run, and who goes first."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscourse.engine import capacity
from crosscourse.engine.capacity import Grant, Pool, granted_memory, granted_processors
from crosscourse.run import process


class Crowd:
    """Tasks that hold the pool until they are let go, and a record of the order in which they came in."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.entered: list[str] = []
        self.status: dict[str, str] = {}
        self.grants: dict[str, Grant] = {}
        self._gates: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def start(self, name: str, memory: int = 1, key: str | None = None, seconds: float | None = None) -> None:
        gate = self._gates[name] = threading.Event()

        def work() -> None:
            def status(text: str) -> None:
                self.status[name] = text

            with self.pool.hold(memory, key or name, status, seconds=seconds) as grant:
                self.grants[name] = grant
                self.entered.append(name)
                gate.wait(10)

        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()
        self.settle(lambda: name in self.entered or bool(self.status.get(name)))

    def settle(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 5
        while not condition() and time.monotonic() < end:
            time.sleep(0.005)

    def let_go(self, name: str, expect: int) -> None:
        self._gates[name].set()
        self.settle(lambda: len(self.entered) == expect)

    def finish(self) -> None:
        for gate in self._gates.values():
            gate.set()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()


def test_as_many_as_there_are_slots() -> None:
    crowd = Crowd(Pool(slots=2, memory=100))
    for name in "abc":
        crowd.start(name)
    assert crowd.entered == ["a", "b"]
    assert crowd.status["c"] == "waiting for a processor"
    crowd.let_go("a", 3)
    assert crowd.entered == ["a", "b", "c"]
    crowd.finish()


def test_memory_is_not_exceeded() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("a", 60)
    crowd.start("b", 60)
    crowd.start("c", 40)
    assert crowd.entered == ["a", "c"]
    assert crowd.status["b"] == "waiting for 60 MiB of memory"
    crowd.finish()
    assert crowd.entered[-1] == "b"


def test_more_memory_than_there_is_runs_alone() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("huge", 1000)
    crowd.start("b", 1)
    assert crowd.entered == ["huge"]
    crowd.finish()
    assert crowd.entered == ["huge", "b"]


def test_same_key_one_after_the_other() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("a", key="source")
    crowd.start("b", key="source")
    crowd.start("c", key="other")
    assert crowd.entered == ["a", "c"]
    assert crowd.status["b"] == "waiting for its turn with source"
    crowd.finish()


def test_the_biggest_goes_first() -> None:
    crowd = Crowd(Pool(slots=1, memory=100))
    crowd.start("a")
    crowd.start("small", 10)
    crowd.start("big", 90)
    crowd.start("middle", 50)
    crowd.let_go("a", 2)
    crowd.let_go("big", 3)
    crowd.let_go("middle", 4)
    assert crowd.entered == ["a", "big", "middle", "small"]
    crowd.finish()


def test_the_longest_goes_first() -> None:
    crowd = Crowd(Pool(slots=1, memory=1000))
    crowd.start("a")
    crowd.start("quick", 900, seconds=5)
    crowd.start("long", 10, seconds=80)
    crowd.start("unknown and big", 600)
    crowd.start("unknown and small", 30)
    crowd.start("as long and bigger", 20, seconds=80)
    order = ["a", "as long and bigger", "long", "unknown and big", "quick", "unknown and small"]
    for number, name in enumerate(order[:-1], start=2):
        crowd.let_go(name, number)
    assert crowd.entered == order
    crowd.finish()


def test_equals_in_the_order_of_arrival() -> None:
    crowd = Crowd(Pool(slots=1, memory=100))
    for name in "abcd":
        crowd.start(name)
    for number, name in enumerate("abc", start=2):
        crowd.let_go(name, number)
    assert crowd.entered == list("abcd")
    crowd.finish()


def test_small_ones_do_not_starve_a_big_one() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("a", 50)
    crowd.start("big", 80)
    crowd.start("s1", 15)
    crowd.start("s2", 15)
    # s1 fits beside big, and s1 with s2 doesn't, though there is memory for it now.
    assert crowd.entered == ["a", "s1"]
    assert crowd.status["big"] == "waiting for 80 MiB of memory"
    assert crowd.status["s2"] == "waiting: memory is kept for big"
    crowd.let_go("a", 3)
    assert crowd.entered == ["a", "s1", "big"]
    crowd.finish()
    assert crowd.entered[-1] == "s2"


def test_who_ended_makes_room_to_pass_again() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("a", 50)
    crowd.start("big", 80)
    crowd.start("s1", 15)
    crowd.start("s2", 15)
    crowd.let_go("s1", 3)
    assert crowd.entered == ["a", "s1", "s2"]
    crowd.finish()


def test_nothing_passes_one_that_needs_all() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("a", 10)
    crowd.start("huge", 1000)
    crowd.start("small", 1)
    assert crowd.entered == ["a"]
    crowd.let_go("a", 2)
    assert crowd.entered == ["a", "huge"]
    crowd.finish()


def test_one_of_the_same_key_does_not_pass() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("a", 60)
    crowd.start("big", 60, key="source")
    crowd.start("small", 10, key="source")
    assert crowd.entered == ["a"]
    crowd.let_go("a", 2)
    assert crowd.entered == ["a", "big"]
    crowd.finish()


def test_limits_hold_and_everyone_gets_a_turn() -> None:
    """Many tasks of random sizes: never too many nor too much memory at once, and all of them run."""
    choose = random.Random(8)  # noqa: S311  # no secret
    pool, running, done = Pool(slots=3, memory=100), dict[int, int](), list[int]()
    lock, broken = threading.Lock(), list[str]()

    def work(number: int, memory: int, seconds: float | None) -> None:
        with pool.hold(memory, f"key {number % 7}", lambda _: None, seconds=seconds):
            with lock:
                running[number] = memory
                keys = [other % 7 for other in running]
                alone = len(running) == 1
                if len(running) > 3 or len(set(keys)) < len(keys) or (sum(running.values()) > 100 and not alone):
                    broken.append(str(running))
            time.sleep(0.002)
            with lock:
                del running[number]
                done.append(number)

    threads = [
        threading.Thread(target=work, args=(number, choose.randint(1, 120), choose.choice([None, 1, 9, 30])))
        for number in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert broken == []
    assert sorted(done) == list(range(60))


def test_a_grant_is_the_need_and_a_share_of_what_is_unused() -> None:
    crowd = Crowd(Pool(slots=2, memory=1000, processors=4))
    crowd.start("a", 200)
    assert crowd.grants["a"] == Grant(memory=200 + 800 // 2, processors=4)
    crowd.start("b", 100)
    assert crowd.grants["b"] == Grant(memory=100 + 300 // 2, processors=4)
    crowd.start("c", 800)
    crowd.let_go("a", 3)
    assert crowd.grants["c"].memory == 800
    crowd.finish()


def test_never_less_than_the_need() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("huge", 1000)
    assert crowd.grants["huge"].memory == 1000
    crowd.finish()


def test_a_task_that_fails_gives_back_what_it_held() -> None:
    pool = Pool(slots=1, memory=100)
    with pytest.raises(RuntimeError), pool.hold(1, "a", lambda _: None):
        raise RuntimeError
    with pool.hold(1, "a", lambda _: None):
        pass


def test_a_task_that_can_not_say_what_it_waits_for_is_forgotten() -> None:
    crowd = Crowd(Pool(slots=1, memory=100))
    crowd.start("a")

    def status(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), crowd.pool.hold(90, "b", status):
        pytest.fail("there was no slot")
    crowd.start("c")
    crowd.let_go("a", 2)
    assert crowd.entered == ["a", "c"]
    crowd.finish()


def test_waiting_ends_when_the_run_is_being_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = threading.Event()
    monkeypatch.setattr(process, "stopping", stopping.is_set)
    pool, ended = Pool(slots=1, memory=100), list[str]()

    def work() -> None:
        try:
            with pool.hold(1, "b", lambda _: None):
                ended.append("ran")
        except process.StoppedError:
            ended.append("stopped")

    with pool.hold(1, "a", lambda _: None):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
        stopping.set()
        thread.join(5)
        assert ended == ["stopped"]


def test_ctrl_c_is_not_swallowed() -> None:
    pool = Pool(slots=1, memory=100)
    crowd = Crowd(pool)
    crowd.start("a")
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt), pool.hold(1, "b", lambda _: None):
        pytest.fail("there was no slot")
    timer.join()
    crowd.finish()
    with pool.hold(1, "c", lambda _: None) as grant:
        assert grant.memory == 100


def test_by_default_what_is_granted_and_only_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def processors() -> int:
        asked.append("processors")
        return 3

    def memory() -> int:
        asked.append("memory")
        return 400

    monkeypatch.setattr(capacity, "granted_processors", processors)
    monkeypatch.setattr(capacity, "granted_memory", memory)
    pool = Pool()
    assert asked == []
    with pool.hold(100, "a", lambda _: None) as grant:
        assert grant == Grant(memory=200, processors=3)
    assert pool.slots == 3
    assert Pool(slots=5).slots == 5
    with pool.hold(1, "a", lambda _: None):
        assert sorted(asked) == ["memory", "processors"]


GIB = 1 << 30


class Machine:
    """The files of /proc and /sys that matter, laid out below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8388608 kB\nBuffers: 1 kB\n")

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def version2(self, group: str, *, root: str = "/", place: str = "/sys/fs/cgroup") -> None:
        self.write("proc/self/cgroup", f"0::{group}\n")
        escaped = place.replace(" ", "\\040")
        self.write(
            "proc/self/mountinfo",
            "22 1 8:1 / / rw - ext4 /dev/sda rw\n"
            f"31 22 0:28 {root} {escaped} rw,nosuid shared:4 master:2 - cgroup2 cgroup2 rw,nsdelegate\n",
        )

    def version1(self, group: str, *, root: str = "/") -> None:
        self.write(
            "proc/self/cgroup", f"4:memory:{group}\n3:cpuset:/\n1:cpu,cpuacct:{group}\n1:name=systemd:/x\n0::/\n"
        )
        self.write(
            "proc/self/mountinfo",
            f"32 31 0:29 {root} /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
            f"35 31 0:32 {root} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
            "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
        )

    def processors(self, affinity: int = 8) -> int:
        return granted_processors(self.root, affinity=affinity)

    def memory(self) -> int:
        return granted_memory(self.root)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_control_groups(machine: Machine) -> None:
    assert machine.processors() == 8
    assert machine.memory() == 8192


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 3),
        ("1000 100000", 1),
        ("0 100000", 1),
        ("9900000 100000", 8),
        ("50000 0", 8),
        ("nonsense", 8),
        ("", 8),
    ],
)
def test_processors_of_a_group(machine: Machine, text: str, expected: int) -> None:
    machine.version2("/user/build")
    machine.write("sys/fs/cgroup/user/build/cpu.max", f"{text}\n")
    assert machine.processors() == expected


def test_the_least_of_a_group_and_its_parents(machine: Machine) -> None:
    machine.version2("/user/build")
    machine.write("sys/fs/cgroup/user/build/cpu.max", "600000 100000")
    machine.write("sys/fs/cgroup/user/cpu.max", "300000 100000")
    machine.write("sys/fs/cgroup/other/cpu.max", "100000 100000")
    assert machine.processors() == 3
    assert machine.processors(affinity=2) == 2
    machine.write("sys/fs/cgroup/cpu.max", "200000 100000")
    assert machine.processors() == 2


def test_a_container_sees_its_group_at_the_root_of_the_mount(machine: Machine) -> None:
    machine.version2("/docker/abc/inner", root="/docker/abc", place="/with space/cgroup")
    machine.write("with space/cgroup/inner/cpu.max", "300000 100000")
    assert machine.processors() == 3
    machine.write("with space/cgroup/cpu.max", "200000 100000")
    assert machine.processors() == 2


def test_a_group_outside_of_what_is_mounted(machine: Machine) -> None:
    machine.version2("/", root="/docker/abc")
    machine.write("sys/fs/cgroup/cpu.max", "200000 100000")
    machine.write("sys/cpu.max", "100000 100000")
    assert machine.processors() == 2


def test_processors_of_version_1(machine: Machine) -> None:
    machine.version1("/build")
    machine.write("sys/fs/cgroup/cpu/build/cpu.cfs_quota_us", "-1\n")
    machine.write("sys/fs/cgroup/cpu/build/cpu.cfs_period_us", "100000\n")
    assert machine.processors() == 8
    machine.write("sys/fs/cgroup/cpu/build/cpu.cfs_quota_us", "150000\n")
    assert machine.processors() == 2


def test_memory_of_a_group(machine: Machine) -> None:
    machine.version2("/user/build")
    group = "sys/fs/cgroup/user/build"
    machine.write(f"{group}/memory.max", "max\n")
    machine.write(f"{group}/memory.current", f"{GIB}\n")
    assert machine.memory() == 8192
    machine.write(f"{group}/memory.max", f"{4 * GIB}\n")
    assert machine.memory() == 3072
    machine.write(f"{group}/memory.stat", f"anon 5\nfile {GIB}\ninactive_file {GIB // 2}\nactive_file 7\n")
    assert machine.memory() == 3584
    machine.write("sys/fs/cgroup/user/memory.max", f"{8 * GIB}")
    machine.write("sys/fs/cgroup/user/memory.current", f"{6 * GIB}")
    assert machine.memory() == 2048
    machine.write(f"{group}/memory.high", f"{2 * GIB}")
    assert machine.memory() == 1536


def test_a_group_that_is_full_has_nothing_left(machine: Machine) -> None:
    machine.version2("/build")
    machine.write("sys/fs/cgroup/build/memory.max", str(GIB))
    machine.write("sys/fs/cgroup/build/memory.current", str(GIB + 4096))
    assert machine.memory() == 0


def test_memory_of_version_1(machine: Machine) -> None:
    machine.version1("/docker/abc", root="/docker/abc")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    machine.write("sys/fs/cgroup/memory/memory.usage_in_bytes", f"{2 * GIB}\n")
    assert machine.memory() == 8192
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{4 * GIB}\n")
    machine.write("sys/fs/cgroup/memory/memory.stat", f"inactive_file 1\ntotal_inactive_file {GIB}\n")
    assert machine.memory() == 3072


def test_this_machine() -> None:
    assert 1 <= granted_processors() <= len(os.sched_getaffinity(0))
    assert 16 < granted_memory() < 1 << 24
