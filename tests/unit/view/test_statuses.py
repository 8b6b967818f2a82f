"""What tasks do, as they put it, from many threads."""

from __future__ import annotations

import threading
import time

from crosscourse.view.statuses import Statuses


def test_a_status_is_kept_until_it_is_replaced_or_cleared() -> None:
    statuses = Statuses()
    statuses.set("compile:armv7:runc", "waiting for memory: 1200 MB")
    statuses.set("compile:armv7:fly", "other")
    assert statuses.get("compile:armv7:runc") == "waiting for memory: 1200 MB"
    statuses.set("compile:armv7:runc", "linking")
    assert statuses.get("compile:armv7:runc") == "linking"
    statuses.clear("compile:armv7:runc")
    statuses.clear("compile:armv7:runc")  # nothing left to clear: no error
    assert statuses.get("compile:armv7:runc") is None
    assert statuses.get("compile:armv7:fly") == "other"


def test_a_run_knows_nothing_of_another() -> None:
    Statuses().set("compile:armv7:runc", "linking")
    assert Statuses().get("compile:armv7:runc") is None


def test_many_threads_may_set_theirs_at_once() -> None:
    def work(name: str) -> None:
        for number in range(500):
            statuses.set(name, str(number))
            if statuses.get(name) != str(number):
                wrong.append(name)
        statuses.clear(name)

    statuses, wrong = Statuses(), list[str]()
    threads = [threading.Thread(target=work, args=(f"task{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_time_at_work_leaves_out_the_wait() -> None:
    statuses = Statuses()
    assert statuses.at_work_since("task", 1) == 1
    statuses.set("task", "waiting for a processor")
    assert statuses.at_work_since("task", 1) == 1
    before = time.monotonic()
    statuses.set("task", "compiling")
    after = time.monotonic()
    assert before <= statuses.at_work_since("task", 1) <= after
    statuses.set("task", "linking")
    statuses.clear("task")
    assert before <= statuses.at_work_since("task", 1) <= after
