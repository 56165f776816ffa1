"""Customizing an image, against the way IMS does it: how soon its user is in the shell, and how long it all takes.

IMS's way: download the rootfs, `unsquashfs`, the shell, then a gzip squashfs of the root, and one artifact after the
other uploaded in one stream. Here it is one container of the builder image: no pods, no records, no sshd to start.
Both change the same root, a Debian with the compilers, MPI and applications of a compute node, some 4 GB, out of a
rootfs as each way packs it. Run as root, `python -m bench.customize`; it takes about twenty minutes. The small form
changes a root that holds little more than a busybox.
"""

import shutil
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.report import AtLeast, Figure, run, show
from bench.roots import BOOTABLE, debian_root
from bench.services import services
from builder.image import ensure_builder_image
from config.settings import settings
from storage.models.records import Image, PublicKey, new_id
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tests.builder_pod import run_in_builder
from tests.distribution import fetch_busybox
from tests.ssh import SshFailed, new_key, ssh
from tests.tiny_image import make_image, register

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
boot_file() { [ ! -L root/boot/$1 ] || set -- $(basename $(readlink root/boot/$1)); echo root/boot/$1; }
cp $(boot_file vmlinuz) kernel
cp $(boot_file initrd) initrd
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


def measure(asked: Namespace) -> list[Figure]:
    """Customize the image both ways."""
    ensure_builder_image()
    with services(), tempfile.TemporaryDirectory(prefix="ims-bench-", dir="/var/tmp") as scratch:
        folder = Path(scratch)
        root_bytes = tiny_image(folder) if asked.small else compute_node(folder)
        image = catalogue().images.create(register(object_store(), settings().boot_images_bucket, folder))
        sizes = [(folder / name).stat().st_size / 1e6 for name in ("rootfs", "rootfs.gzip")]
        show(f"image root: {root_bytes / 1e6:.0f} MB; rootfs: {sizes[0]:.0f} MB, {sizes[1]:.0f} MB by gzip")
        ours = by_flow(image, folder)
        theirs = by_ims(folder)
    for title, seconds in (("as IMS does it", theirs), ("customize-image", ours)):
        show(f"{title}: {seconds.to_shell:.1f} s to the shell, {seconds.overall:.1f} s overall")
    return [
        Figure("image root, MB", root_bytes / 1e6, AtLeast(SMALLEST_ROOT_BYTES / 1e6)),
        Figure("time to the shell, IMS's way / ours", theirs.to_shell / ours.to_shell, AtLeast(WANTED_TO_SHELL)),
        Figure("time overall, IMS's way / ours", theirs.overall / ours.overall, AtLeast(WANTED_OVERALL)),
    ]


def compute_node(folder: Path) -> int:
    """Make the rootfs of a compute node, packed as each way does, kernel and initrd; return the size of its root."""
    debian_root(folder, [*_PACKAGES, *BOOTABLE])
    for name in ("vmlinuz", "initrd"):
        (folder / "root/boot" / name).symlink_to(next((folder / "root/boot").glob(f"{name}*-amd64")).name)
    return int(_in_builder(_PACK, folder).splitlines()[-1].split()[0])


def tiny_image(folder: Path) -> int:
    """Make the same of the tests' smallest image, whose rootfs both ways take as it is packed."""
    fetch_busybox(folder)
    make_image(folder)
    shutil.copyfile(folder / "rootfs", folder / "rootfs.gzip")
    unpacked = _in_builder("unsquashfs -quiet -no-progress -dest root rootfs; du -sb root; rm -rf root", folder)
    return int(unpacked.split()[-2])


def _in_builder(script: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    command, limit = ["sh", "-c", f"cd /workspace; {script}"], int(LIMIT.total_seconds())
    ran = run_in_builder(command, workspace=folder, environment=environment, limit_seconds=limit)
    if ran.returncode:
        sys.exit(ran.stdout)
    return ran.stdout


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
                # sshd does not answer yet.
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
    said = _in_builder(_IMS, workspace, environment)
    shutil.rmtree(workspace)
    began, shell, ended = (float(line) for line in said.splitlines() if line.replace(".", "").isdigit())
    return Seconds(shell - began, ended - began)


if __name__ == "__main__":
    sys.exit(run(measure, __doc__))
