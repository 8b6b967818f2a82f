"""The guest's system: which file of Debian's packages is the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.boot.guest.system import KernelError, _kernel
from tests.unit.debian.test_tree import deb, folder, member


@pytest.mark.parametrize("name", ["vmlinuz-6.1.0-50-armmp", "vmlinux-6.12.117+deb13-riscv64"])
def test_a_kernel_is_compressed_or_not(tmp_path: Path, name: str) -> None:
    package = deb(tmp_path / "x.deb", folder("./"), folder("./boot"), member(f"./boot/{name}", b"an image"))
    assert _kernel([package], None).image == b"an image"


@pytest.mark.parametrize("names", [[], ["vmlinuz-1", "vmlinux-2"]])
def test_there_is_one_kernel(tmp_path: Path, names: list[str]) -> None:
    files = [member(f"./boot/{name}", b"an image") for name in names]
    package = deb(tmp_path / "x.deb", folder("./"), folder("./boot"), *files)
    with pytest.raises(KernelError, match=f"has {len(names)} kernels"):
        _kernel([package], None)
