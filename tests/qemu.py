"""Boots an image's artifacts in qemu, in software, until it says a marker on its console.

The guest's clock counts the guest's instructions: while a busy host gives qemu no processor, no time passes for the
guest, and none of its limits is reached. So a boot that fails is the image's fault, and how long it may take is a
matter of the processor's time that qemu has had.
"""

import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.host_load import HostLoad

MARKER = "IMS-BOOT-OK"
# The samples take 25 s of one processor.
PROCESSOR_LIMIT = timedelta(minutes=3)
# They are silent for 3 s of a processor at most. A guest that waits for something needs no processor.
SILENCE_LIMIT = timedelta(minutes=4)

_ROOT = "root=live:/dev/vda rd.live.image rd.live.overlay.overlayfs=1"
_KERNEL_COMMAND_LINE = (
    "console=ttyS0 panic=-1 ims.boot-test mitigations=off "
    "systemd.mask=systemd-firstboot.service systemd.mask=systemd-journal-flush.service "
    "systemd.mask=serial-getty@ttyS0.service "
    # All words of the kernel, of dracut and of every unit are on the console, once, and without colours.
    "systemd.journald.forward_to_console=1 systemd.show_status=0 TERM=dumb "
    # An initrd that cannot go on ends the machine; the root's device is there within seconds, or never.
    "rd.shell=0 rd.emergency=poweroff rd.retry=20 "
    # qemu translates the code of every process anew when each has its own addresses: half of a boot's time. Worse, when
    # the pages of the initrd's programs are used again, each write to them searches all of that: a guest is stuck in
    # clear_page for minutes (seen with 7.2: 7 of 20 boots, beside a busy host).
    "norandmaps "
)
# What an image's own systemd says when it waits for somebody, and the kernel when dracut's die() has halted it.
_GIVEN_UP = re.compile(r"emergency mode|reboot: System halted", re.IGNORECASE)
_TELLING = re.compile(
    r"\bfail|panic|\bBUG\b|\bOops|lockup|stall|warning|emergency|timed out|cannot |can't |does not exist", re.IGNORECASE
)


@dataclass(frozen=True)
class Boot:
    """How a boot went.

    Attributes:
        ok: Whether the marker came.
        ending: Why it was over.
        took: From the start of qemu.
        processor: The processor's time that qemu had of that.
        host: How busy the host was.
        console: All that stood on the console.
    """

    ok: bool
    ending: str
    took: timedelta
    processor: timedelta
    host: str
    console: str

    @property
    def report(self) -> str:
        """What somebody needs to know who asks why it failed."""
        lines = (line for line in self.console.splitlines() if "ommand line" not in line)
        telling = "\n".join(line for line in lines if _TELLING.search(line))
        took, processor = self.took.total_seconds(), self.processor.total_seconds()
        return (
            f"{self.ending}; after {took:.1f} s, of which {processor:.1f} s on a processor\nthe host: {self.host}\n"
            f"lines of the console that may tell why:\n{telling}\nthe console:\n{self.console}"
        )


def boot(
    kernel: Path,
    initrd: Path,
    rootfs: Path,
    *,
    marker: str = MARKER,
    root: str = _ROOT,
    processor_limit: timedelta = PROCESSOR_LIMIT,
    silence_limit: timedelta = SILENCE_LIMIT,
) -> Boot:
    """Boot the artifacts until the marker comes, or until it cannot come any more.

    Args:
        kernel: The kernel.
        initrd: The initrd.
        rootfs: What becomes /dev/vda.
        marker: What the guest says when all is well.
        root: The kernel's parameters that say where the root is, and further ones.
        processor_limit: The processor's time that qemu may use.
        silence_limit: How long nothing may come on the console.
    """
    before, started = HostLoad.now(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ims-qemu-") as folder:
        console = Path(folder) / "console"
        console.touch()
        machine = subprocess.Popen(
            _command(kernel, initrd, rootfs, console, root), stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        said, heard, ending, processor = "", started, "", timedelta()
        try:
            while not ending:
                time.sleep(0.5)
                # Before it is known that it has ended: what it had is forgotten then.
                processor = _processor_time(machine.pid)
                ended = machine.poll()
                now = console.read_text(errors="replace")
                if now != said:
                    said, heard = now, time.monotonic()
                ending = _ending(said, marker, ended, processor, processor_limit, heard, silence_limit)
        finally:
            machine.kill()
            machine.wait()
    took = timedelta(seconds=time.monotonic() - started)
    return Boot(marker in said, ending, took, processor, before.until_now(), said)


def _command(kernel: Path, initrd: Path, rootfs: Path, console: Path, root: str) -> list[str]:
    return [
        *("qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "qemu64", "-smp", "1", "-m", "1024"),
        # An instruction takes 2 ns: about what one takes on this host, too.
        *("-icount", "shift=1"),
        *("-display", "none", "-no-reboot", "-nodefaults", "-serial", f"file:{console}"),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-append", f"{_KERNEL_COMMAND_LINE}{root}"),
        *("-drive", f"file={rootfs},format=raw,if=virtio,readonly=on"),
    ]


def _ending(
    console: str,
    marker: str,
    exit_code: int | None,
    processor: timedelta,
    processor_limit: timedelta,
    heard: float,
    silence_limit: timedelta,
) -> str:
    """Say why a boot is over; nothing while it is not."""
    if marker in console:
        return "the marker came"
    if exit_code is not None:
        return f"the machine ended (qemu's exit code {exit_code}) without the marker"
    if _GIVEN_UP.search(console):
        return "the system has given up: it is halted, or in emergency mode"
    if processor > processor_limit:
        return f"no marker after {processor_limit.total_seconds():.0f} s of a processor"
    if time.monotonic() - heard > silence_limit.total_seconds():
        return f"nothing came on the console for {silence_limit.total_seconds():.0f} s"
    return ""


def _processor_time(pid: int) -> timedelta:
    """Return the processor's time that a process of ours has had, with all its threads."""
    # The name of the program is in brackets, and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return timedelta(seconds=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
