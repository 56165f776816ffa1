"""The whole create job against the way IMS builds the same recipe, on recipes/opensuse-leap and the test distribution.

IMS's way: `kiwi-ng --type tbz system build`, whose tar.xz is not used, then a gzip squashfs of its image root, then one
artifact after the other uploaded in one stream. It runs in one container of the builder image, with all it needs made
beforehand. Run as root, `python -m bench.create`; it takes about four minutes. The small form builds the tests'
smallest recipe, whose build takes two seconds.
"""

import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from datetime import timedelta
from pathlib import Path

from bench.report import AtMost, Figure, run, show
from bench.samples import LEAP, TINY, Sample, mirror_of, register, register_key
from bench.services import services
from builder.image import ensure_builder_image
from config.settings import settings
from storage.models.records import new_id
from storage.s3.objects import object_store
from tests.builder_pod import run_in_builder
from tests.rpm_distribution import ensure_rpm_distribution

WANTED = 0.35

# What the containers of an IMS create job run, one after the other.
IMS = r"""
set -e
kiwi-ng --type tbz system build --description /workspace/description --target-dir /workspace/target >/workspace/log
root=/workspace/target/build/image-root
mksquashfs $root /workspace/rootfs -quiet -no-progress
boot_file() { [ ! -L $root/boot/$1 ] || set -- $(basename $(readlink $root/boot/$1)); echo $root/boot/$1; }
cp $(boot_file vmlinuz) /workspace/kernel
cp $(boot_file initrd) /workspace/initrd
for artifact in rootfs kernel initrd; do
    md5sum /workspace/$artifact
    curl -sSf -H Content-Type: --upload-file /workspace/$artifact "$(cat /workspace/$artifact.url)"
done
"""


def measure(asked: Namespace) -> list[Figure]:
    """Build the recipe both ways."""
    ensure_builder_image()
    sample = TINY if asked.small else LEAP
    with services() as folder, mirror_of([sample], folder) as address:
        if not asked.small:
            # Each way's first download would warm the host's page cache for the other.
            subprocess.run(["sh", "-c", f"cat {ensure_rpm_distribution()}/*.rpm >/dev/null"], check=True)
        ours = by_flow(sample, address)
        show(f"create-image: {ours:.1f} s")
        theirs = by_ims(sample, address)
        show(f"as IMS does it: {theirs:.1f} s")
    return [Figure("time of create-image / of IMS's way", ours / theirs, AtMost(WANTED))]


def by_flow(sample: Sample, address: str) -> float:
    """Run the flow and return its wall time, seconds."""
    # Imported when the environment is complete.
    from flows.create_image import create_image

    recipe, key = register(sample, address), register_key()
    started = time.monotonic()
    create_image(recipe.id, key.id, "bench", build_env_size=10, job_id=new_id())
    return time.monotonic() - started


def by_ims(sample: Sample, address: str) -> float:
    """Run IMS's commands and return their wall time, seconds."""
    store, bucket = object_store(), settings().boot_images_bucket
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch)
        subprocess.run(["cp", "-a", str(sample.folder), str(workspace / "description")], check=True)
        config = workspace / "description" / "config.xml"
        text = config.read_text().replace(f"{{{{ {sample.variable} }}}}", address)
        config.write_text(text.replace('<type image="squashfs" primary="true"/>', '<type image="tbz" primary="true"/>'))
        for artifact in ("rootfs", "kernel", "initrd"):
            url = store.presigned_put(bucket, f"bench/{artifact}", timedelta(hours=1))
            (workspace / f"{artifact}.url").write_text(url)
        started = time.monotonic()
        ran = run_in_builder(["sh", "-c", IMS], workspace=workspace)
        seconds = time.monotonic() - started
    if ran.returncode:
        raise SystemExit(ran.stdout)
    return seconds


if __name__ == "__main__":
    sys.exit(run(measure, __doc__))
