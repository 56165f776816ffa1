"""Deleting and restoring an image of 2 GiB against boto3's managed copy and delete: `python -m bench.moves`.

The alternative is what a script would do: for each object `s3.copy`, which copies in parallel parts, then
`delete_object`; and back. Ours are the steps of the flows soft-delete and undelete, with records, journal and checks,
and without Prefect. Both in turn, each on an image of its own (boto3's copies have other etags, which ours refuses), on
the embedded server and on a Ceph: the one that IMS_TEST_S3_… names, or one that is started here. The small form moves
17 MiB on the embedded server.
"""

import os
import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.report import AtLeast, Figure, Option, run, show
from config.quantities import MiB
from config.settings import settings
from storage.models.kinds import RecordKind
from storage.models.layout import artifact_key
from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link, new_id
from storage.records.catalogue import catalogue
from storage.s3.addresses import uri_of
from storage.s3.object_info import MD5SUM
from storage.s3.objects import object_store
from tests.ceph import Ceph
from tests.s3_server import S3Server, embedded_server, named_server, remove_bucket
from tests.tasks.deleting import delete, forget, restore

OPTIONS = [
    Option("rounds", 3, 1, "how often both ways run; the median counts"),
    Option("rootfs", 2048, 16, "size of the image's rootfs, MiB"),
]
# How many times as long boto3 takes at the least. Ceph moves no bytes for a CopyObject, and boto3 copies in parts.
WANTED = {"SeaweedFS": 1.0, "Ceph": 8.0}
# The rootfs repeats a random block of this size: neither server deduplicates it.
BLOCK_BYTES = 64 * MiB
TYPES = {"rootfs": ArtifactType.ROOTFS, "initrd": ArtifactType.INITRD, "kernel": ArtifactType.KERNEL}
# The initrd's and the kernel's sizes are shares of the rootfs', as of an image of 2 GiB: 64 and 12 MiB.
SHARES = {"rootfs": 1.0, "initrd": 1 / 32, "kernel": 3 / 512}
# They are removed at the end.
BUCKETS = {"IMS_BUCKET": "ims-bench", "IMS_BOOT_IMAGES_BUCKET": "boot-images-bench"}


def measure(asked: Namespace) -> list[Figure]:
    """Measure on each server."""
    figures = []
    servers = {"SeaweedFS": _seaweedfs} if asked.small else {"SeaweedFS": _seaweedfs, "Ceph": _ceph}
    for name, server in servers.items():
        with server() as s3, _site(s3):
            ours, alternative = _measured(name, _image(asked.rootfs), _image(asked.rootfs), asked.rounds)
        what = f"{name}: delete and restore, boto3's time / ours"
        figures.append(Figure(what, alternative / ours, AtLeast(WANTED[name])))
    return figures


def _measured(server: str, image: Image, other: Image, rounds: int) -> tuple[float, float]:
    """Return the median seconds of both ways; they run in turn, so that the host's other work falls on both alike."""
    keys = [artifact_key(other.id, name) for name in (*SHARES, "manifest.json")]
    ours, alternative = [], []
    for number in range(1, rounds + 1):
        ours.append(_seconds(lambda: delete(RecordKind.IMAGE, image.id), lambda: restore(RecordKind.IMAGE, image.id)))
        alternative.append(_seconds(lambda: _rename(keys, "", "deleted/"), lambda: _rename(keys, "deleted/", "")))
        show(f"{server}, round {number}: ours {ours[-1]:.2f} s, boto3 {alternative[-1]:.2f} s")
    return statistics.median(ours), statistics.median(alternative)


def _seconds(*actions: Callable[[], None]) -> float:
    started = time.monotonic()
    for action in actions:
        action()
    return time.monotonic() - started


def _rename(keys: list[str], source: str, target: str) -> None:
    client, bucket = object_store().client, settings().boot_images_bucket
    for key in keys:
        client.copy({"Bucket": bucket, "Key": source + key}, bucket, target + key)
        client.delete_object(Bucket=bucket, Key=source + key)


def _image(rootfs_mebibytes: int) -> Image:
    """Store an image, and return its record."""
    image_id, bucket, artifacts = new_id(), settings().boot_images_bucket, []
    with tempfile.TemporaryDirectory() as folder:
        for name, share in SHARES.items():
            file = Path(folder) / name
            size = int(rootfs_mebibytes * MiB * share)
            block = os.urandom(min(BLOCK_BYTES, size))
            with file.open("wb") as out:
                for _ in range(size // len(block)):
                    out.write(block)
            info = object_store().write_file(bucket, artifact_key(image_id, name), file)
            link = Link(path=info.uri, etag=info.etag)
            artifacts.append(Artifact(link=link, type=TYPES[name], md5=info.metadata[MD5SUM]))
    manifest = Manifest(artifacts=artifacts).model_dump_json().encode()
    key = artifact_key(image_id, "manifest.json")
    link = Link(path=uri_of(bucket, key), etag=object_store().write(bucket, key, manifest))
    return catalogue().images.create(Image(id=image_id, name="bench", link=link))


@contextmanager
def _site(server: S3Server) -> Iterator[None]:
    """Let the tasks find a server, with buckets that go afterwards."""
    os.environ |= {**server.environment, **BUCKETS}
    forget()
    for bucket in BUCKETS.values():
        object_store().ensure_bucket(bucket)
    yield
    for bucket in BUCKETS.values():
        remove_bucket(object_store(), bucket)


@contextmanager
def _seaweedfs() -> Iterator[S3Server]:
    with tempfile.TemporaryDirectory() as folder, embedded_server(Path(folder) / "s3") as server:
        yield server


@contextmanager
def _ceph() -> Iterator[S3Server]:
    if named := named_server():
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="ceph-") as folder, Ceph(Path(folder)) as ceph:
        yield ceph.server


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
