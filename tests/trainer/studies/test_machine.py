"""What tells processors apart, by tables as Linux writes them."""

import platform

from trainer.studies import machine

X86 = """processor	: 0
cpu family	: 25
model		: 1
model name	: AMD EPYC

processor	: 1
model name	: another
"""
ARM = """processor	: 0
CPU implementer	: 0x41
CPU part	: 0xd08
"""


def test_processors_of_one_name_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPUINFO", str(tmp_path / "cpuinfo"))
    for table, name in (
        (X86, "AMD EPYC, cpu family 25, model 1"),
        (ARM, f"{platform.machine()}, CPU implementer 0x41, CPU part 0xd08"),
        ("", platform.machine()),
    ):
        (tmp_path / "cpuinfo").write_text(table)
        assert machine.processor() == name
