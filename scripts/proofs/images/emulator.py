"""An image in `qemu-system-aarch64`, whose boot partition was written as a person would, and whose data partition holds
a clip."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from edge.errors import ConfigurationError, EdgewatchError
from proofs.frame.proof import ROOT

IMAGE = ROOT / "edgewatch.img"
"""As scripts/build-image leaves it."""
FIRMWARE = Path("/usr/share/AAVMF/AAVMF_CODE.fd")
FIRMWARE_VARIABLES = Path("/usr/share/AAVMF/AAVMF_VARS.fd")
SECTOR_B = 512
MEMORY_MIB = 1024
BOOT_PARTITION, DATA_PARTITION = 1, 4
HOST = "10.0.2.2"
"""This machine's loopback, as the box sees it."""
GOODBYE_S = 20


def check_image(image: Path) -> None:
    """Refuse an image that is not there.

    Raises:
        ConfigurationError: as said.
    """
    if not image.is_file():
        raise ConfigurationError(f"{image}: no such image; make one by scripts/build-image")


class Emulator:
    """A box. The image stays as it is: what is written goes into a copy."""

    def __init__(self, image: Path, folder: Path) -> None:
        """Copy the image.

        Raises:
            ConfigurationError: it is not there.
        """
        check_image(image)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.disk = folder / "disk.img"
        self.console = folder / "console"
        call("cp", "--sparse=always", image, self.disk)
        self._process: subprocess.Popen[bytes] | None = None

    def start_of(self, partition: int) -> int:
        """Byte at which a partition begins."""
        listed = subprocess.run(
            ["sfdisk", "--dump", self.disk], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        line = next(line for line in listed if line.startswith(f"{self.disk}{partition} "))
        return int(line.partition("start=")[2].partition(",")[0]) * SECTOR_B

    def write_boot(self, files: Mapping[str, str]) -> None:
        """Put files on the boot partition, as on any computer."""
        where = f"{self.disk}@@{self.start_of(BOOT_PARTITION)}"
        for name, content in files.items():
            path = self.folder / name
            path.write_text(content)
            call("mcopy", "-o", "-i", where, path, f"::{name}")

    def read_boot(self) -> set[str]:
        """Names on the boot partition."""
        where = f"{self.disk}@@{self.start_of(BOOT_PARTITION)}"
        listed = subprocess.run(["mdir", "-b", "-i", where, "::"], capture_output=True, text=True, check=True).stdout
        return {line.removeprefix("::/").rstrip("/") for line in listed.splitlines()}

    def write_data(self, path: Path, name: str) -> None:
        """Put a file on the data partition, and let the disk have room for it."""
        start_b = self.start_of(DATA_PARTITION)
        call("truncate", "-s", "+256M", self.disk)
        where = f"{self.disk}?offset={start_b}"
        call("debugfs", "-w", "-R", f"write {path} {name}", where)

    def start(
        self,
        ssh_port: int | None = None,
        *,
        stick: Path | None = None,
        may_reboot: bool = False,
        write_log: Path | None = None,
    ) -> None:
        """Switch it on.

        Args:
            ssh_port: of this machine's loopback, from which SSH reaches the box.
            stick: a file that is a second disk, which cannot be written.
            may_reboot: whether a restart is one; else it ends the box.
            write_log: a file for the log of every write and flush, which is begun anew.
        """
        forward = "" if ssh_port is None else f",hostfwd=tcp:127.0.0.1:{ssh_port}-:22"
        variables = self.folder / "variables.fd"
        shutil.copy(FIRMWARE_VARIABLES, variables)
        command = ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", str(MEMORY_MIB)]
        command += ["-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none"]
        command += [] if may_reboot else ["-no-reboot"]
        command += ["-serial", f"file:{self.console}"]
        command += ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}"]
        command += ["-drive", f"if=pflash,format=raw,file={variables}"]
        command += [*self._drive(write_log), "-device", "virtio-blk-pci,drive=disk"]
        if stick is not None:
            command += ["-drive", f"file={stick},if=virtio,format=raw,readonly=on"]
        command += ["-netdev", f"user,id=net{forward}", "-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-device", "virtio-rng-pci"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def _drive(self, write_log: Path | None) -> list[str]:
        if write_log is None:
            return ["-drive", f"file={self.disk},if=none,id=disk,format=raw"]
        write_log.write_bytes(b"")
        files = f"file.driver=file,file.filename={self.disk},log.driver=file,log.filename={write_log}"
        return ["-blockdev", f"driver=blklogwrites,node-name=disk,{files},log-sector-size=512"]

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Pull the plug."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(GOODBYE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def last_words(self, lines: int = 15) -> str:
        """The end of the console."""
        return (
            "\n".join(self.console.read_text(errors="replace").splitlines()[-lines:]) if self.console.exists() else ""
        )


def call(*command: object, timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; return what it wrote.

    Raises:
        EdgewatchError: it fails.
    """
    words = list(map(str, command))
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout_s)
    if ended.returncode:
        raise EdgewatchError(f"{' '.join(words)} failed: {ended.stderr.strip()[-300:]}")
    return ended
