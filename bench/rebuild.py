"""What makes the same recipe quick to build again. So far: building an image root without waiting for the disk.

`kiwi-ng system prepare` of the samples of zypper, dnf and APT, with each file synced as the package managers ask for,
against builder/pod/unsynced.py and one sync at the end. All packages are there beforehand. It also counts the flushes
that the disk was asked for: each takes 5 to 20 ms on usual disks, and 0.1 ms on the fastest. Run as root,
`python -m bench.rebuild`; it takes about eight minutes. The small form builds the tests' smallest recipe.
"""

import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from bench.report import AtMost, Figure, run, show
from bench.samples import DEBIAN, LEAP, ROCKY, TINY, Sample, mirror_of
from builder.image import ensure_builder_image
from builder.mirror import host_mirror
from tests.builder_pod import run_in_builder

# What builder/programs/prepare.py does around kiwi counts on neither side.
_PREPARE = """
set -e
cache=/workspace/cache
kiwi-ng --shared-cache-dir $cache --help >/dev/null 2>&1 && options="--shared-cache-dir $cache" || options=
rm -rf /workspace/root
$* kiwi-ng $options system prepare --description /workspace/description --root /workspace/root >/workspace/log 2>&1 ||
    { tail -n 20 /workspace/log; exit 1; }
sync --file-system /workspace
"""
# Where a flush takes no time there is nothing to gain; two builds differ by a tenth.
NO_SLOWER = 1.15
_UNSYNCED = ("python3", "-m", "builder.pod.unsynced")


@dataclass(frozen=True)
class Built:
    """One build: its wall time, and the flushes that all disks of the host got meanwhile."""

    seconds: float
    flushes: int

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s with {self.flushes} flushes"


def measure(asked: Namespace) -> list[Figure]:
    """Build each sample with the syncs of its package manager and without."""
    ensure_builder_image()
    samples = [TINY] if asked.small else [LEAP, ROCKY, DEBIAN]
    return [figure for sample in samples for figure in _of_sample(sample)]


def _of_sample(sample: Sample) -> list[Figure]:
    name = sample.folder.name
    with tempfile.TemporaryDirectory() as scratch, mirror_of([sample], Path(scratch)) as address:
        workspace = Path(scratch) / "workspace"
        workspace.mkdir()
        _describe(sample, address, workspace)
        _build(workspace)
        synced, unsynced = _build(workspace), _build(workspace, *_UNSYNCED)
    show(f"{name}: synced {synced}, unsynced {unsynced}")
    return [
        Figure(f"{name}: time without syncs / with", unsynced.seconds / synced.seconds, AtMost(NO_SLOWER)),
        Figure(f"{name}: flushes without syncs / with", unsynced.flushes / max(synced.flushes, 1), AtMost(0.1)),
    ]


def _describe(sample: Sample, address: str, workspace: Path) -> None:
    subprocess.run(["cp", "-a", str(sample.folder), str(workspace / "description")], check=True)
    mirror = address if sample.paths else host_mirror()
    for file in (workspace / "description").rglob("*"):
        if file.is_file() and "{{" in file.read_text(errors="replace"):
            file.write_text(file.read_text().replace(f"{{{{ {sample.variable} }}}}", mirror))


def _build(workspace: Path, *before: str) -> Built:
    flushes, started = _flushes(), time.monotonic()
    ran = run_in_builder(["sh", "-c", _PREPARE, "prepare", *before], workspace=workspace)
    if ran.returncode:
        raise SystemExit(ran.stdout)
    return Built(time.monotonic() - started, _flushes() - flushes)


def _flushes() -> int:
    """Return the flush requests that disks have completed: field 19 (Documentation/admin-guide/iostats.rst)."""
    lines = (line.split() for line in Path("/proc/diskstats").read_text().splitlines())
    return sum(int(fields[18]) for fields in lines if len(fields) > 18)


if __name__ == "__main__":
    sys.exit(run(measure, __doc__))
