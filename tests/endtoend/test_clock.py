"""The clock that other tests build under: programs believe it, whatever they ask it by."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

AHEAD = 35 * 24 * 60 * 60
# Each of the three calls of the kernel, by C; linked statically, it can't be told a time by a library put before it.
STATIC = """
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
int main(void) {
  struct timespec a; struct timeval b;
  clock_gettime(CLOCK_REALTIME, &a); gettimeofday(&b, NULL);
  printf("%ld %ld %ld\\n", (long)a.tv_sec, (long)b.tv_sec, (long)time(NULL));
}
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="tests/clock is for amd64")
def test_a_program_and_its_children_see_another_month(tmp_path: Path, next_month: tuple[str, ...]) -> None:
    (tmp_path / "ask.c").write_text(STATIC)
    subprocess.run(["cc", "-O2", "-static", "-o", tmp_path / "ask", tmp_path / "ask.c"], check=True)
    program = """
import subprocess, sys, threading, time
print(int(time.time()))
print(subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout)
threading.Event().wait(0.1)
sys.exit(7)
"""
    before = int(time.time())
    words = [*next_month, sys.executable, "-c", program, str(tmp_path / "ask")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    after = int(time.time())
    assert done.returncode == 7, done.stderr
    seen = [int(word) for word in done.stdout.split()]
    assert len(seen) == 4
    assert all(before + AHEAD <= moment <= after + AHEAD for moment in seen), (before, seen, after)
