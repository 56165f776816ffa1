"""Packing an image root: this project's default against plain `mksquashfs ROOT OUT`, which IMS uses.

`python -m bench.packaging` makes a Debian root with a kernel from the host's APT sources, packs it both ways in the
builder image. The small form packs the Python packages of the builder image.
"""

import json
import statistics
import sys
import tempfile
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from bench.report import AtLeast, AtMost, Figure, Option, run, show
from bench.roots import BOOTABLE, debian_root
from tests.builder_pod import run_in_builder

TIMES_AS_FAST = 15
TIMES_THE_SIZE = 1.06
SMALLEST_ROOT_BYTES = 300 * 10**6
# On a busy host plain mksquashfs takes minutes.
LIMIT_SECONDS = 1800
OPTIONS = [Option("rounds", 3, 1, "how often the default packs the root; the median counts")]

_KERNEL = "linux-image-cloud-amd64"

# Runs in the builder image, so that both are packed by the same mksquashfs; the first reading fills the page cache.
_MEASURE = """
import contextlib, json, os, subprocess, sys, time
from pathlib import Path
from builder.contract.options import Squashfs
from builder.pod.image_root.squashfs import pack
root, out = Path("/workspace/root"), Path("/workspace/rootfs")
def default():
    with contextlib.redirect_stdout(sys.stderr):
        pack(root, out, Squashfs(), 1, root_is="the benchmark's")
def plain():
    subprocess.run(["mksquashfs", root, out], check=True, stdout=subprocess.DEVNULL)
size = int(subprocess.run(["du", "-sb", root], check=True, capture_output=True, text=True).stdout.split()[0])
subprocess.run(["tar", "-C", root, "-cf", "/workspace/warm-up", "."], check=True)
os.remove("/workspace/warm-up")
seconds, packed = {}, {}
for name, how, rounds in (("default", default, ROUNDS), ("plain", plain, 1)):
    seconds[name] = []
    for _ in range(rounds):
        for left in Path("/workspace").glob("rootfs*"):
            left.unlink()
        began = time.monotonic()
        how()
        seconds[name].append(time.monotonic() - began)
    packed[name] = out.stat().st_size
print(json.dumps([size, seconds, packed]))
"""


@dataclass(frozen=True)
class Measured:
    """How large the root is, and how long each way took and what it came to."""

    root_bytes: int
    seconds: dict[str, float]
    packed_bytes: dict[str, int]

    @property
    def times_as_fast(self) -> float:
        """How many times as fast the default is."""
        return self.seconds["plain"] / self.seconds["default"]

    @property
    def times_the_size(self) -> float:
        """How many times as large what the default packs is."""
        return self.packed_bytes["default"] / self.packed_bytes["plain"]


def measure(asked: Namespace) -> list[Figure]:
    """Make a root and pack it both ways."""
    # Not /tmp, which may be memory: the root is as large as one.
    with tempfile.TemporaryDirectory(prefix="ims-bench-", dir="/var/tmp") as folder:
        if asked.small:
            _in_builder(["cp", "-a", "/usr/lib/python3", "/workspace/root"], Path(folder))
        else:
            debian_root(Path(folder), [_KERNEL, *BOOTABLE])
        measured = packed_both_ways(Path(folder), asked.rounds)
    for name, title in (("plain", "plain mksquashfs"), ("default", "this project's default")):
        show(f"{title}: {measured.seconds[name]:.1f} s, {measured.packed_bytes[name] / 1e6:.1f} MB")
    return [
        Figure("image root, MB", measured.root_bytes / 1e6, AtLeast(SMALLEST_ROOT_BYTES / 1e6)),
        Figure("speed, the default / plain mksquashfs", measured.times_as_fast, AtLeast(TIMES_AS_FAST)),
        Figure("size, the default / plain mksquashfs", measured.times_the_size, AtMost(TIMES_THE_SIZE)),
    ]


def packed_both_ways(folder: Path, rounds: int) -> Measured:
    """Pack the folder's root both ways."""
    said = _in_builder(["python3", "-c", _MEASURE.replace("ROUNDS", str(rounds))], folder)
    root_bytes, seconds, packed_bytes = json.loads(said.splitlines()[-1])
    return Measured(root_bytes, {name: statistics.median(each) for name, each in seconds.items()}, packed_bytes)


def _in_builder(command: list[str], folder: Path) -> str:
    ran = run_in_builder(command, workspace=folder, limit_seconds=LIMIT_SECONDS)
    if ran.returncode:
        sys.exit(f"the measurement failed: {ran.stdout}")
    return ran.stdout


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
