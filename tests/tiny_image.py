"""The smallest image that can be customized: busybox, and one of everything that must survive. It does not boot."""

import hashlib
from pathlib import Path

import pytest

from storage.models.layout import artifact_key
from storage.models.manifest import MANIFEST_NAME, Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link, new_id
from storage.records.images import read_manifest
from storage.s3.objects import ObjectStore
from tests.builder_pod import run_in_builder

PARAMETERS = b"console=ttyS0 quiet\n"

_MAKE = r"""
set -e
cd /workspace
mkdir -p root && cd root
mkdir -p boot dev etc home/user mnt opt proc root run srv sys tmp usr/bin usr/sbin var/lib var/tmp
for merged in bin sbin; do ln -s usr/$merged $merged; done
chmod 700 root; chmod 1777 tmp var/tmp
echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
echo 'root:x:0:' > etc/group
(umask 077; echo 'root:*:19000::::::' > etc/shadow)
ln -s ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf
cp /workspace/busybox usr/bin/busybox
usr/bin/busybox --list | grep -v '^busybox$' | while read -r applet; do ln -s busybox usr/bin/$applet; done
head -c 300000 /dev/zero | tr '\0' 'k' > boot/vmlinuz-6.1.0-tiny
head -c 200000 /dev/zero | tr '\0' 'i' > boot/initrd-6.1.0-tiny
ln -s vmlinuz-6.1.0-tiny boot/vmlinuz
ln -s /boot/initrd-6.1.0-tiny boot/initrd
echo first > srv/one && ln srv/one srv/two && ln srv/one opt/three
echo changed > srv/link-a && ln srv/link-a srv/link-b
mknod srv/null c 1 3; mknod srv/block b 7 200; mkfifo srv/pipe
echo owned > home/user/file && chown -R 1234:567 home/user && chmod 640 home/user/file
cp usr/bin/busybox srv/capable && chmod 4755 srv/capable
mkdir -p srv/folder/inner && touch -d 2001-02-03T04:05:06Z srv/folder/inner/old
printf '\303\244 with blank' > 'srv/\303\244 with blank'; echo x > "srv/$(printf 'line\nbreak')"
python3 - <<'END'
import os
os.setxattr("srv/one", "user.note", b"kept\0whole")
os.setxattr("srv/folder", "trusted.note", b"of the root alone")
os.setxattr("srv/capable", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
END
mksquashfs . /workspace/rootfs -noappend -quiet -no-progress -comp zstd -Xcompression-level 1
cp boot/vmlinuz-6.1.0-tiny /workspace/kernel; cp boot/initrd-6.1.0-tiny /workspace/initrd
cd .. && rm -rf root
"""


@pytest.fixture(scope="session")
def tiny_rootfs(tiny_distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the image's rootfs, kernel and initrd."""
    folder = tmp_path_factory.mktemp("tiny-image")
    (folder / "busybox").write_bytes((tiny_distribution.parent / "busybox").read_bytes())
    return make_image(folder)


def make_image(folder: Path) -> Path:
    """Make the image's rootfs, kernel and initrd in a folder that holds a static busybox."""
    (folder / "busybox").chmod(0o755)
    made = run_in_builder(["sh", "-c", _MAKE], workspace=folder)
    assert made.returncode == 0, made.stdout
    return folder


def register(store: ObjectStore, bucket: str, folder: Path) -> Image:
    """Upload the artifacts and their manifest, and return the image's record, which is still to be made."""
    image_id = new_id()
    artifacts = [
        _upload(store, bucket, image_id, name, (folder / name).read_bytes(), kind)
        for name, kind in (
            ("rootfs", ArtifactType.ROOTFS),
            ("kernel", ArtifactType.KERNEL),
            ("initrd", ArtifactType.INITRD),
        )
    ]
    artifacts.append(
        _upload(store, bucket, image_id, "boot_parameters", PARAMETERS, ArtifactType.BOOT_PARAMETERS),
    )
    return Image(id=image_id, name="tiny", link=write_manifest(store, bucket, image_id, artifacts))


def write_manifest(store: ObjectStore, bucket: str, image_id: str, artifacts: list[Artifact]) -> Link:
    """Write a manifest of these artifacts, and return the link to it."""
    key = artifact_key(image_id, MANIFEST_NAME)
    etag = store.write(bucket, key, Manifest(artifacts=artifacts).model_dump_json().encode())
    return Link(path=f"s3://{bucket}/{key}", etag=etag)


def downloaded(store: ObjectStore, image: Image, folder: Path) -> dict[str, Path]:
    """Download an image's artifacts, and return their files by their names."""
    manifest, _ = read_manifest(store, image)
    files = {}
    for artifact in manifest.artifacts:
        name = artifact.link.key.rpartition("/")[2]
        files[name] = folder / name
        store.download(artifact.link.bucket, artifact.link.key, files[name], etag=artifact.link.etag)
    return files


def _upload(store: ObjectStore, bucket: str, image_id: str, name: str, body: bytes, kind: ArtifactType) -> Artifact:
    key = artifact_key(image_id, name)
    etag = store.write(bucket, key, body)
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return Artifact(link=Link(path=f"s3://{bucket}/{key}", etag=etag), type=kind, md5=md5)
