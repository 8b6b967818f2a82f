"""Compiling all Go artifacts of a target with empty caches, against bare ``go build`` calls one after the other.

    .venv/bin/python -m benchmarks.cold [release=printer] [--target armv7]

Both use the same sources, modules, flags and tools, which are there before the clock starts (fetching aside), and each
an empty Go build cache. Ours also compiles the C artifacts in that time. Run in a copy of this project, in a
temporary folder beside it, so that nothing of the user's is touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from crosscourse.manifest.model import GoBinary
from crosscourse.project import Project, open_project
from tasks.compile import go as compile_go
from toolchains.targets import get_target

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("dodo.py", "crosscourse", "tasks", "toolchains", "releases", "vendor-patches", "examples", "crosscourse.toml")
# What is fetched, not compiled: shared with the user's own cache. zig's holds the C library of each target.
SHARED = ("tools", "git", "go-mod", "zig")


def copy_project(folder: Path) -> None:
    """This project without what was built."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / part).exists():
            shutil.copy2(ROOT / part, folder / part)


def empty_cache(project: Project, folder: Path) -> Path:
    """A cache folder in which nothing is compiled yet, but everything is fetched."""
    folder.mkdir()
    for name in SHARED:
        (project.cache / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(project.cache / name)
    return folder


def doit(folder: Path, *words: str) -> float:
    """Run doit in a copy; returns seconds."""
    started = time.perf_counter()
    env = {**os.environ, "PYTHONPATH": str(folder), "CROSSCOURSE_PROGRESS": "plain"}
    subprocess.run([sys.executable, "-m", "doit", *words], cwd=folder, env=env, check=True)
    return time.perf_counter() - started


def floor(project: Project, target_name: str, output: Path) -> float:
    """Seconds of bare ``go build`` calls, in the manifest's order."""
    target = get_target(target_name)
    total = 0.0
    for name, artifact in project.manifest.artifact.items():
        if not isinstance(artifact, GoBinary):
            continue
        command = [str(word) for word in compile_go.build_command(project, artifact, output / name)]
        env = compile_go.build_environment(project, target, artifact)
        command[0] = str(Path(env["GOROOT"]) / "bin" / "go")
        started = time.perf_counter()
        subprocess.run(command, cwd=project.checkout(artifact.source) / artifact.directory, env=env, check=True)
        took = time.perf_counter() - started
        print(f"  go build {name}: {took:.1f} s", flush=True)
        total += took
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("variables", nargs="*", help="such as release=printer")
    parser.add_argument("--target", default="armv7")
    options = parser.parse_args()
    variables = dict(variable.split("=", 1) for variable in options.variables)
    with tempfile.TemporaryDirectory(dir=ROOT.parent, prefix="crosscourse-cold-") as name:
        folder = Path(name) / "crosscourse"
        folder.mkdir()
        copy_project(folder)
        user = open_project(ROOT, variables)
        caches = {who: empty_cache(user, Path(name) / who) for who in ("ours", "floor", "warm")}
        stage = f"compile:{options.target}"
        words = [*options.variables]
        # Sources, modules and the C runtime of the target are made ready, and what was compiled is removed again.
        doit(folder, *words, f"cache={caches['warm']}", "toolchain", "patch", f"modules:{options.target}")
        ours = doit(folder, *words, f"cache={caches['ours']}", stage)
        project = open_project(folder, variables)
        settings = msgspec.structs.replace(project.settings, cache=str(caches["floor"]))
        bare = floor(replace(project, settings=settings), options.target, Path(name))
    print(f"ours {ours:.1f} s, bare go build calls one after the other {bare:.1f} s, ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main()
