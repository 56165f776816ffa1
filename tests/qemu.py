"""Boots an image's artifacts in qemu, in software, until it says a marker on its console."""

import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

MARKER = "IMS-BOOT-OK"
# Without KVM, on a busy machine with 2 cores, a boot takes about 50 s.
LIMIT = timedelta(minutes=5)

_KERNEL_COMMAND_LINE = (
    "console=ttyS0 panic=-1 root=live:/dev/vda rd.live.image rd.live.overlay.overlayfs=1 ims.boot-test "
    "systemd.mask=systemd-firstboot.service systemd.mask=systemd-journal-flush.service "
    "systemd.mask=serial-getty@ttyS0.service quiet mitigations=off"
)


@dataclass(frozen=True)
class Boot:
    """How a boot went: whether the marker came, how long that took, and all that stood on the console."""

    ok: bool
    took: timedelta
    console: str


def boot(kernel: Path, initrd: Path, rootfs: Path, *, marker: str = MARKER, limit: timedelta = LIMIT) -> Boot:
    """Boot the artifacts and wait for the marker, the machine's end or the limit, whichever comes first."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ims-qemu-") as folder:
        console = Path(folder) / "console"
        console.touch()
        machine = subprocess.Popen(
            _command(kernel, initrd, rootfs, console), stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        try:
            while not _says(console, marker) and machine.poll() is None and _passed(started) < limit:
                time.sleep(0.5)
        finally:
            machine.kill()
            machine.wait()
        text = console.read_text(errors="replace")
    return Boot(marker in text, _passed(started), text)


def _command(kernel: Path, initrd: Path, rootfs: Path, console: Path) -> list[str]:
    return [
        *("qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "qemu64", "-smp", "2", "-m", "1024"),
        *("-display", "none", "-no-reboot", "-nodefaults", "-serial", f"file:{console}"),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-append", _KERNEL_COMMAND_LINE),
        *("-drive", f"file={rootfs},format=raw,if=virtio,readonly=on"),
    ]


def _says(console: Path, marker: str) -> bool:
    return marker in console.read_text(errors="replace")


def _passed(started: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - started)
