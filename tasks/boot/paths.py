"""Where the parts of a boot are. Light, because every run of doit reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crosscourse.project import Project
from toolchains.targets import Target

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"


@dataclass(frozen=True, kw_only=True)
class System:
    """The parts of a guest's system."""

    kernel: Path
    initramfs: Path
    root: Path


def system(project: Project, target: Target) -> System:
    """The guest's system of one target."""
    folder = project.build / target.name / "guest"
    return System(kernel=folder / "vmlinuz", initramfs=folder / "initramfs.cpio", root=folder / "root.ext4")


def image_folder(project: Project, target: Target) -> Path:
    """Where the layers of the image for tasks are."""
    return project.build / target.name / "guest" / "image"


def report_folder(project: Project, target: Target, name: str) -> Path:
    """Where the report and the logs of a boot are kept."""
    return project.build / target.name / "boot" / name


def code(*names: str) -> list[str]:
    """Files of this stage and of the one that reads packages, by name, for a step's inputs."""
    return [str(HERE / name) if not name.startswith("../") else str(HERE.parent.parent / name[3:]) for name in names]
