"""The samples' images booted again and again beside a busy host: `python -m bench.boots [SAMPLE …] [--times 20]`.

Each sample of recipes/ becomes an image, those of RPM distributions from the test distribution. Three machines boot at
a time, and as many processes as the host has processors do nothing but use them. Wanted is that no boot fails. Run as
root; an image takes one to two minutes, and twenty boots about a quarter of an hour on two processors.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.services import services
from builder.image import ensure_builder_image
from builder.mirror import host_mirror
from config.settings import settings
from ingest.packing import pack
from storage.models.records import Link, PublicKey, Recipe, new_id
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tests.distribution import serve
from tests.host_load import HostLoad
from tests.qemu import Boot, boot
from tests.rpm_distribution import ensure_rpm_distribution
from tests.tiny_image import downloaded

RECIPES = Path(__file__).parent.parent / "recipes"
# What each is, and where it looks for its packages below its mirror; nowhere is Debian's own mirror.
SAMPLES = {
    "debian-minimal": ("debian12", ()),
    "opensuse-leap": ("sles15", ("distribution/leap/15.6/repo/oss", "update/leap/15.6/oss", "update/leap/15.6/sle")),
    "rocky-minimal": ("centos7", ("9/BaseOS/x86_64/os", "9/AppStream/x86_64/os")),
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv bench"
AT_ONCE = 3
# Ends by itself, should the benchmark be killed.
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    pass"


def main(arguments: Sequence[str]) -> int:
    """Build, boot, print what was wanted and measured, and judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.boots", description="Boot the samples beside a busy host.")
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help=f"{', '.join(SAMPLES)}; all unless told otherwise")
    parser.add_argument("--times", type=int, default=20, help="how often each is booted (20)")
    asked = parser.parse_args(arguments)
    names = asked.samples or list(SAMPLES)
    if unknown := set(names) - SAMPLES.keys():
        parser.error(f"no such sample: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="ims-boots-") as scratch:
        build(names, Path(scratch))
        failed = [name for name in names if not boots_always(name, Path(scratch) / name, asked.times)]
    print("good" if not failed else "NOT good")
    return 1 if failed else 0


def build(names: Sequence[str], folder: Path) -> None:
    """Make an image of each sample, and put its artifacts into a folder of its name."""
    ensure_builder_image()
    with services() as scratch, _mirror(scratch, names) as address:
        # Imported when the environment is complete.
        from flows.create_image import create_image

        key = catalogue().public_keys.create(PublicKey(name="bench", public_key=KEY))
        for name in names:
            image = create_image(_recipe(name, address).id, key.id, name, build_env_size=4, job_id=new_id())
            (folder / name).mkdir()
            downloaded(object_store(), image, folder / name)


def boots_always(name: str, files: Path, times: int) -> bool:
    """Boot an image so many times, and print how that went."""
    before = HostLoad.now()
    with _busy_processors(), ThreadPoolExecutor(AT_ONCE) as pool:
        booted = list(pool.map(lambda _: _booted(name, files), range(times)))
    seconds = [each.took.total_seconds() for each in booted]
    processor = [each.processor.total_seconds() for each in booted]
    failed = [each for each in booted if not each.ok]
    if failed:
        print(failed[0].report)
    print(f"{name}: {len(failed)} of {times} boots failed (wanted: 0)")
    print(f"  median {statistics.median(seconds):.0f} s, slowest {max(seconds):.0f} s")
    print(f"  of which on a processor {statistics.median(processor):.1f} s, at most {max(processor):.1f} s")
    print(f"  the host: {before.until_now()}", flush=True)
    return not failed


def _booted(name: str, files: Path) -> Boot:
    booted = boot(files / "kernel", files / "initrd", files / "rootfs")
    print(f"{name}: {booted.ending} after {booted.took.total_seconds():.0f} s", flush=True)
    return booted


def _recipe(name: str, address: str) -> Recipe:
    """Register a sample, with its mirror."""
    distribution, paths = SAMPLES[name]
    archive = io.BytesIO()
    pack(RECIPES / name, archive)
    key = f"recipes/bench/{name}.tgz"
    etag = object_store().write(settings().bucket, key, archive.getvalue())
    return catalogue().recipes.create(
        Recipe(
            name=name,
            linux_distribution=distribution,
            link=Link(path=f"s3://{settings().bucket}/{key}", etag=etag),
            template_dictionary=[{"key": "mirror", "value": address if paths else host_mirror()}],
        )
    )


@contextmanager
def _mirror(scratch: Path, names: Sequence[str]) -> Iterator[str]:
    """Serve the test distribution where the samples look for their own."""
    top = scratch / "mirror"
    top.mkdir()
    for path in (path for name in names for path in SAMPLES[name][1]):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).symlink_to(ensure_rpm_distribution())
    with serve(top) as address:
        yield address.rstrip("/")


@contextmanager
def _busy_processors() -> Iterator[None]:
    """Keep every processor of the host busy, at the same priority as the machines."""
    # Not sessions of their own: the kernel gives each session the same share of the processors (autogroup).
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
