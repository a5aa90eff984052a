"""Which machine this is, as far as figures depend on it; nothing that names one machine among its like."""

import platform
from pathlib import Path

CPUINFO = "/proc/cpuinfo"
DETAILS = ("cpu family", "model", "CPU implementer", "CPU part")
"""The name that a virtual machine gives its processor hides them, and ARM has no name."""


def field_of(path: str, name: str) -> str | None:
    """The first value of a field in one of Linux's tables, such as `/proc/meminfo`; None where it has none."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def processor() -> str:
    """The processor, such as `AMD EPYC, cpu family 26, model 2`."""
    details = [f"{name} {value}" for name in DETAILS if (value := field_of(CPUINFO, name))]
    return ", ".join([field_of(CPUINFO, "model name") or platform.machine(), *details])
