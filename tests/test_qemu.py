"""tests/qemu.py: how a boot ends, seen on the test distribution's kernel with an initrd of a few lines."""

import os
import re
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builder_pod import run_in_builder
from tests.distribution import fetch_busybox
from tests.host_load import HostLoad
from tests.qemu import PROCESSOR_LIMIT, SILENCE_LIMIT, Boot, boot

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

_SECONDS = timedelta(seconds=1)


@pytest.fixture(scope="module")
def folder(rpm_distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a kernel, and with a busybox for initrds."""
    folder = tmp_path_factory.mktemp("qemu")
    [package] = rpm_distribution.glob("linux-image-6*.rpm")
    shutil.copyfile(package, folder / "package.rpm")
    unpacked = run_in_builder(
        ["sh", "-c", "cd /workspace && rpm2cpio package.rpm | cpio -id './boot/*' && mv boot/vmlinuz-* kernel"],
        workspace=folder,
    )
    assert unpacked.returncode == 0, unpacked.stdout
    fetch_busybox(folder)
    return folder


def ended(
    folder: Path,
    script: str,
    *,
    processor_limit: timedelta = PROCESSOR_LIMIT,
    silence_limit: timedelta = SILENCE_LIMIT,
) -> Boot:
    """Boot the kernel with an initrd that runs a script, and say how that ended."""
    root = folder / "root"
    (root / "dev").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "busybox", root / "busybox")
    (root / "init").write_text(f"#!/busybox sh\n/busybox mount -t devtmpfs none /dev\n{script}\n")
    for program in ("busybox", "init"):
        (root / program).chmod(0o755)
    packed = run_in_builder(
        ["sh", "-c", "cd /workspace/root && find . | cpio -o -H newc --quiet > ../initrd"], workspace=folder
    )
    assert packed.returncode == 0, packed.stdout
    return boot(
        folder / "kernel",
        folder / "initrd",
        folder / "kernel",
        root="",
        processor_limit=processor_limit,
        silence_limit=silence_limit,
    )


def stop_for(seconds: float, word: str) -> None:
    """Stop the qemu of this process once a word is on its console, and let it go on after that time."""
    while not (found := machine()):
        time.sleep(0.1)
    pid, console = found
    while word not in console.read_text(errors="replace"):
        time.sleep(0.1)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def machine() -> tuple[int, Path] | None:
    """Find the qemu that this process has started, and the file of its console."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            words = (process / "cmdline").read_text().split("\0")
            if parent == os.getpid() and words[0] == "qemu-system-x86_64":
                [console] = [word.removeprefix("file:") for word in words if word.startswith("file:")]
                return int(process.name), Path(console)
    return None


def test_a_guest_that_says_the_marker_has_booted(folder: Path) -> None:
    booted = ended(folder, "echo IMS-BOOT-OK; /busybox sleep 1000")
    assert (booted.ok, booted.ending) == (True, "the marker came")
    assert timedelta() < booted.processor < booted.took


@pytest.mark.parametrize(
    ("script", "ending", "word"),
    [
        ("/busybox poweroff -f", "the machine ended", "reboot: Power down"),
        ("exit 1", "the machine ended", "Kernel panic - not syncing: Attempted to kill init!"),
        ("echo You are in emergency mode.; /busybox sleep 1000", "emergency mode", "Linux version"),
        ("/busybox halt -f", "it is halted", "reboot: System halted"),
    ],
    ids=["powered-off", "panic", "emergency", "halted"],
)
def test_a_guest_that_cannot_say_it_any_more_is_not_waited_for(
    folder: Path, script: str, ending: str, word: str
) -> None:
    booted = ended(folder, script)
    assert not booted.ok
    assert ending in booted.ending
    assert word in booted.report, "the kernel's own words are there"


def test_a_guest_that_computes_for_ever_ends_by_the_processors_time_that_it_had(folder: Path) -> None:
    booted = ended(folder, "while :; do :; done", processor_limit=6 * _SECONDS)
    assert booted.ending == "no marker after 6 s of a processor"
    assert 6 * _SECONDS < booted.processor < 10 * _SECONDS


def test_a_guest_that_waits_for_ever_ends_by_its_silence(folder: Path) -> None:
    booted = ended(folder, "echo waiting; /busybox sleep 1000", silence_limit=20 * _SECONDS)
    assert booted.ending == "nothing came on the console for 20 s"


def test_a_guests_clock_stands_while_the_host_gives_it_no_processor(folder: Path) -> None:
    """A starved guest took that for lost interrupts and for soft lockups."""
    script = "/busybox date +began:%s; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; /busybox date +ended:%s"
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(stop_for, 20, "began:")
        booted = ended(folder, f"{script}; echo IMS-BOOT-OK")
        stopping.result()
    began, end = (int(value) for value in re.findall(r"(?:began|ended):(\d+)", booted.console))
    assert end - began < 20, booted.report


def test_a_report_says_how_busy_the_host_was() -> None:
    before = HostLoad.now()
    began = time.process_time()
    while time.process_time() - began < 0.5:
        pass
    said = before.until_now()
    assert re.search(r"\d+ processors, load [\d.]+ [\d.]+ [\d.]+, busy \d+% of the time, stolen .*", said)
    assert "busy 0%" not in said
