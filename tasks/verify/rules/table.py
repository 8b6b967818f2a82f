"""All rules, in the order in which they are reported.

A new one is a function and a ``Rule`` in one of the modules, and a line here.
"""

from __future__ import annotations

from tasks.verify.engine import Rule
from tasks.verify.rules import arm, contents, elf, go, linking, modes, trees

RULES: tuple[Rule, ...] = (
    contents.NOT_EMPTY,
    contents.READABLE,
    contents.EMBEDDED,
    elf.MACHINE,
    elf.CLASS,
    elf.ENDIANNESS,
    elf.TYPE,
    arm.EABI_VERSION,
    arm.FLOAT_ABI,
    arm.CPU_ARCH,
    arm.FP_ARCH,
    arm.NEON,
    go.GO_PLATFORM,
    go.GOARM,
    go.GOAMD64,
    linking.STATIC,
    linking.GLIBC_FLOOR,
    modes.EXECUTABLE,
    trees.LOADER,
    trees.LIBRARIES,
    trees.VERSIONS,
    trees.SCRIPTS,
    trees.LINKS,
    trees.PRIVILEGED,
    trees.WRITABLE,
    trees.OWNER,
    trees.DEVICES,
    trees.HOST,
)
