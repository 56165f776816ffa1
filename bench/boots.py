"""The samples' images booted again and again beside a busy host: `python -m bench.boots`.

Each sample of recipes/ becomes an image, those of RPM distributions from the test distribution. Three machines boot at
a time, and as many processes as the host has processors do nothing but use them. Run as root; an image takes one to two
minutes, and twenty boots about a quarter of an hour on two processors. The small form boots the test distribution's
kernel once, with an initrd that only says that it was started.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bench.report import AtMost, Figure, Option, run, show
from bench.samples import SAMPLES, mirror_of, register, register_key
from bench.services import services
from bench.smallest_machine import smallest_machine
from builder.image import ensure_builder_image
from storage.models.records import new_id
from storage.s3.objects import object_store
from tests.host_load import HostLoad
from tests.qemu import Boot, boot
from tests.tiny_image import downloaded

OPTIONS = [
    Option("samples", "debian-minimal,opensuse-leap,rocky-minimal", "", "the samples to boot, with commas between"),
    Option("times", 20, 1, "how often each is booted"),
]
AT_ONCE = 3
# It ends when the benchmark has ended, also by a kill.
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    pass"


def measure(asked: Namespace) -> list[Figure]:
    """Build the images and boot them."""
    names = [name for name in asked.samples.split(",") if name]
    if unknown := set(names) - SAMPLES.keys():
        sys.exit(f"no such sample: {', '.join(sorted(unknown))}; there are {', '.join(SAMPLES)}")
    with tempfile.TemporaryDirectory(prefix="ims-boots-", dir="/var/tmp") as scratch:
        if names:
            build(names, Path(scratch))
        else:
            names = [smallest_machine(Path(scratch))]
        loaded = nullcontext() if asked.small else _busy_processors()
        with loaded:
            return [failures(name, Path(scratch) / name, asked.times) for name in names]


def build(names: Sequence[str], folder: Path) -> None:
    """Make an image of each sample, and put its artifacts into a folder of its name."""
    ensure_builder_image()
    samples = [SAMPLES[name] for name in names]
    with services() as scratch, mirror_of(samples, scratch) as address:
        # Imported when the environment is complete.
        from flows.create_image import create_image

        key = register_key()
        for name, sample in zip(names, samples, strict=True):
            image = create_image(register(sample, address).id, key.id, name, build_env_size=4, job_id=new_id())
            (folder / name).mkdir()
            downloaded(object_store(), image, folder / name)


def failures(name: str, files: Path, times: int) -> Figure:
    """Boot an image so many times, print how that went, and return how often it failed."""
    before = HostLoad.now()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        booted = list(pool.map(lambda _: _booted(name, files), range(times)))
    seconds = [each.took.total_seconds() for each in booted]
    processor = [each.processor.total_seconds() for each in booted]
    failed = [each for each in booted if not each.ok]
    if failed:
        show(failed[0].report)
    show(f"{name}: median {statistics.median(seconds):.0f} s, slowest {max(seconds):.0f} s")
    show(f"  of which on a processor {statistics.median(processor):.1f} s, at most {max(processor):.1f} s")
    show(f"  the host: {before.until_now()}")
    return Figure(f"{name}: boots of {times} that failed", len(failed), AtMost(0), at_any_size=True)


def _booted(name: str, files: Path) -> Boot:
    booted = boot(files / "kernel", files / "initrd", files / "rootfs")
    show(f"{name}: {booted.ending} after {booted.took.total_seconds():.0f} s")
    return booted


@contextmanager
def _busy_processors() -> Iterator[None]:
    """Keep every processor of the host busy, at the same priority as the machines."""
    # They stay in this session: the kernel gives each session the same share of the processors (autogroup).
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
