"""The whole create job against the way IMS builds the same recipe, on recipes/opensuse-leap and the test distribution.

IMS's way: `kiwi-ng --type tbz system build`, whose tar.xz nobody uses, then a gzip squashfs of its image root, then one
artifact after the other uploaded in one stream. It runs in one container of the builder image, with all it needs made
beforehand. Run as root, `python -m bench.create`; it takes about four minutes.
"""

import io
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from bench.services import services
from builder.image import ensure_builder_image
from config.settings import settings
from ingest.packing import pack
from storage.models.records import Link, PublicKey, Recipe, new_id
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tests.builder_pod import run_in_builder
from tests.distribution import serve
from tests.rpm_distribution import ensure_rpm_distribution

RECIPE = Path(__file__).parent.parent / "recipes" / "opensuse-leap"
PATHS = ("distribution/leap/15.6/repo/oss", "update/leap/15.6/oss", "update/leap/15.6/sle")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv bench"
WANTED = 0.35

# What the containers of an IMS create job run, one after the other.
IMS = r"""
set -e
kiwi-ng --type tbz system build --description /workspace/description --target-dir /workspace/target >/workspace/log
root=/workspace/target/build/image-root
mksquashfs $root /workspace/rootfs -quiet -no-progress
cp -L $root/boot/vmlinuz /workspace/kernel
cp -L $root/boot/initrd /workspace/initrd
for artifact in rootfs kernel initrd; do
    md5sum /workspace/$artifact
    curl -sSf -H Content-Type: --upload-file /workspace/$artifact "$(cat /workspace/$artifact.url)"
done
"""


def main() -> None:
    """Build the recipe both ways and print the times and their ratio."""
    ensure_builder_image()
    with services() as folder, mirror(folder) as address:
        # Each way's first download would warm the host's page cache for the other.
        subprocess.run(["sh", "-c", f"cat {ensure_rpm_distribution()}/*.rpm >/dev/null"], check=True)
        ours = by_flow(address)
        print(f"create-image: {ours:.1f} s", flush=True)
        theirs = by_ims(address)
        print(f"as IMS does it: {theirs:.1f} s", flush=True)
    print(f"create-image / IMS: {ours / theirs:.3f} (wanted: at most {WANTED})")


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """Serve the test distribution where the recipe looks for its own."""
    top = folder / "mirror"
    for path in PATHS:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).symlink_to(ensure_rpm_distribution())
    with serve(top) as address:
        yield address.rstrip("/")


def by_flow(address: str) -> float:
    """Run the flow and return its wall time, seconds."""
    # Imported when the environment is complete.
    from flows.create_image import create_image

    archive = io.BytesIO()
    pack(RECIPE, archive)
    path = f"s3://{settings().bucket}/recipes/bench/opensuse-leap.tgz"
    etag = object_store().write(settings().bucket, "recipes/bench/opensuse-leap.tgz", archive.getvalue())
    recipe = catalogue().recipes.create(
        Recipe(
            name="opensuse-leap",
            linux_distribution="sles15",
            link=Link(path=path, etag=etag),
            template_dictionary=[{"key": "mirror", "value": address}],
        )
    )
    key = catalogue().public_keys.create(PublicKey(name="bench", public_key=KEY))
    started = time.monotonic()
    create_image(recipe.id, key.id, "bench", build_env_size=10, job_id=new_id())
    return time.monotonic() - started


def by_ims(address: str) -> float:
    """Run IMS's commands and return their wall time, seconds."""
    store, bucket = object_store(), settings().boot_images_bucket
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch)
        subprocess.run(["cp", "-a", str(RECIPE), str(workspace / "description")], check=True)
        config = workspace / "description" / "config.xml"
        text = config.read_text().replace("{{ mirror }}", address)
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
    main()
