"""Processors and memory are shared: who may run, and who goes first."""

import threading
import time

from crosscourse.engine.capacity import Pool, available_memory


class Crowd:
    """Tasks that hold the pool until they are let go, and a record of the order in which they came in."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.entered: list[str] = []
        self.notes: dict[str, str] = {}
        self._gates: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def start(self, name: str, memory: int = 1, key: str | None = None) -> None:
        gate = self._gates[name] = threading.Event()

        def work() -> None:
            with self.pool.hold(memory, key or name, lambda text: self.notes.__setitem__(name, text)):
                self.entered.append(name)
                gate.wait(10)

        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()
        self.settle(lambda: name in self.entered or bool(self.notes.get(name)))

    def settle(self, condition: object) -> None:
        end = time.monotonic() + 5
        while not condition() and time.monotonic() < end:  # type: ignore[operator]
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
    assert crowd.notes["c"] == "waiting for a processor"
    crowd.let_go("a", 3)
    assert crowd.entered == ["a", "b", "c"]
    crowd.finish()


def test_memory_is_not_exceeded() -> None:
    crowd = Crowd(Pool(slots=4, memory=100))
    crowd.start("a", 60)
    crowd.start("b", 60)
    crowd.start("c", 40)
    assert crowd.entered == ["a", "c"]
    assert crowd.notes["b"] == "waiting for 60 MiB of memory"
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
    assert crowd.notes["b"] == "waiting for its turn with source"
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


def test_available_memory_is_plausible() -> None:
    assert 16 < available_memory() < 1 << 24
