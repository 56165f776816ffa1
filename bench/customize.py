"""Customizing an image, against the way IMS does it: how soon its user is in the shell, and how long it all takes.

IMS's way: download the rootfs, `unsquashfs`, the shell, then a gzip squashfs of the root, and one artifact after the
other uploaded in one stream. Here it is one container of the builder image: no pods, no records, no sshd to start.
Both change the same root, a Debian with the compilers, MPI and applications of a compute node, some 4 GB, out of a
rootfs as each way packs it. Run as root, `python -m bench.customize`; it takes about twenty minutes.
"""

import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.roots import BOOTABLE, debian_root
from bench.services import services
from builder.image import ensure_builder_image
from config.settings import settings
from storage.models.records import Image, PublicKey, new_id
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tests.builder_pod import run_in_builder
from tests.ssh import SshFailed, new_key, ssh
from tests.tiny_image import register

WANTED_TO_SHELL = 4.0
WANTED_OVERALL = 5.0
SMALLEST_ROOT_BYTES = 1 << 30
LIMIT = timedelta(hours=1)
_PACKAGES = (
    *("linux-image-amd64", "build-essential", "gfortran", "gdb", "git", "vim"),
    *("openmpi-bin", "libopenmpi-dev", "libboost-dev", "python3-scipy"),
    *("clang", "llvm-dev", "golang-go", "rustc", "cargo", "r-base-dev", "default-jdk-headless", "gromacs", "lammps"),
)

_PACK = """
set -e
mksquashfs root rootfs -quiet -no-progress -comp zstd -Xcompression-level 3
mksquashfs root rootfs.gzip -quiet -no-progress
cp -L root/boot/vmlinuz kernel
cp -L root/boot/initrd initrd
du -sb root
rm -rf root
"""

# What the containers of an IMS customize job run, one after the other, and when.
_IMS = """
set -e
date +%s.%N
curl -sSf -o rootfs.old "$ROOTFS"
md5sum rootfs.old
unsquashfs -quiet -no-progress -dest root rootfs.old
date +%s.%N
echo changed > root/etc/motd
mksquashfs root rootfs -quiet -no-progress
cp -L root/boot/vmlinuz kernel
cp -L root/boot/initrd initrd
for artifact in rootfs kernel initrd; do
    md5sum $artifact
    curl -sSf -H Content-Type: --upload-file $artifact "$(cat $artifact.url)"
done
date +%s.%N
"""


@dataclass(frozen=True)
class Seconds:
    """How long a way took, from its start."""

    to_shell: float
    overall: float


def main() -> int:
    """Customize the image both ways, print the times and their ratios, and judge."""
    ensure_builder_image()
    with services(), tempfile.TemporaryDirectory(prefix="ims-bench-", dir="/var/tmp") as scratch:
        folder = Path(scratch)
        image, root_bytes = published(folder)
        sizes = [(folder / name).stat().st_size / 1e6 for name in ("rootfs", "rootfs.gzip")]
        print(
            f"image root: {root_bytes / 1e6:.0f} MB; rootfs: {sizes[0]:.0f} MB, {sizes[1]:.0f} MB by gzip", flush=True
        )
        ours = by_flow(image, folder)
        theirs = by_ims(folder)
    print("| | to the shell, s | overall, s |\n|---|---|---|")
    for title, seconds in (("as IMS does it", theirs), ("customize-image", ours)):
        print(f"| {title} | {seconds.to_shell:.1f} | {seconds.overall:.1f} |")
    sooner, faster = theirs.to_shell / ours.to_shell, theirs.overall / ours.overall
    print(f"\n{sooner:.1f} times sooner in the shell (at least {WANTED_TO_SHELL})")
    print(f"{faster:.1f} times as fast overall (at least {WANTED_OVERALL})")
    good = root_bytes >= SMALLEST_ROOT_BYTES and sooner >= WANTED_TO_SHELL and faster >= WANTED_OVERALL
    print("good" if good else "NOT good")
    return 0 if good else 1


def published(folder: Path) -> tuple[Image, int]:
    """Make the image and register it; return its record, and the size of its root."""
    debian_root(folder, [*_PACKAGES, *BOOTABLE])
    for name in ("vmlinuz", "initrd"):
        (folder / "root/boot" / name).symlink_to(next((folder / "root/boot").glob(f"{name}*-amd64")).name)
    limit = int(LIMIT.total_seconds())
    packed = run_in_builder(["sh", "-c", f"cd /workspace; {_PACK}"], workspace=folder, limit_seconds=limit)
    if packed.returncode:
        sys.exit(packed.stdout)
    image = catalogue().images.create(register(object_store(), settings().boot_images_bucket, folder))
    return image, int(packed.stdout.splitlines()[-1].split()[0])


def by_flow(image: Image, folder: Path) -> Seconds:
    """Run the flow, with a user in its shell, and return the times."""
    # Imported when the environment is complete.
    from flows.customize_image import customize_image

    secret = new_key(folder / "key")
    key = catalogue().public_keys.create(PublicKey(name="bench", public_key=secret.with_suffix(".pub").read_text()))
    entered: list[float] = []
    started = time.monotonic()
    user = threading.Thread(target=lambda: entered.append(enter(secret)), daemon=True)
    user.start()
    customize_image(image.id, key.id, "bench", build_env_size=10, job_id=new_id())
    ended = time.monotonic()
    user.join()
    return Seconds(entered[0] - started, ended - started)


def enter(secret: Path) -> float:
    """Wait for the shell, change the root and complete it; return when the first command had been run there."""
    while True:
        open_shells = [shell for job in catalogue().jobs.list() for shell in job.ssh_containers if shell.command]
        for shell in open_shells:
            try:
                ssh(shell, secret, "echo changed > /mnt/image/image-root/etc/motd")
            except SshFailed:
                # Nobody answers yet.
                continue
            entered = time.monotonic()
            ssh(shell, secret, "touch /mnt/image/complete")
            return entered
        time.sleep(0.1)


def by_ims(folder: Path) -> Seconds:
    """Run IMS's commands and return the times."""
    store, bucket = object_store(), settings().boot_images_bucket
    workspace = folder / "ims"
    workspace.mkdir()
    for artifact in ("rootfs", "kernel", "initrd"):
        (workspace / f"{artifact}.url").write_text(store.presigned_put(bucket, f"bench/{artifact}", LIMIT))
    store.write_file(bucket, "bench/rootfs.old", folder / "rootfs.gzip")
    environment = {"ROOTFS": store.presigned_get(bucket, "bench/rootfs.old", LIMIT)}
    command = ["sh", "-c", f"cd /workspace; {_IMS}"]
    limit = int(LIMIT.total_seconds())
    ran = run_in_builder(command, workspace=workspace, environment=environment, limit_seconds=limit)
    shutil.rmtree(workspace)
    if ran.returncode:
        sys.exit(ran.stdout)
    began, shell, ended = (float(line) for line in ran.stdout.splitlines() if line.replace(".", "").isdigit())
    return Seconds(shell - began, ended - began)


if __name__ == "__main__":
    sys.exit(main())
