"""The operations of the deletion flows, as their tests run them, and what lies in S3 before and after."""

import hashlib
import os
import signal
from collections.abc import Callable

from config.settings import Settings, settings
from storage.models.kinds import DeletableKind
from storage.models.layout import artifact_key, deleted_key
from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link, new_id
from storage.records.catalogue import Catalogue, catalogue
from storage.s3.objects import ObjectStore, object_store
from tasks.deletions import (
    begin_deletion,
    begin_erasure,
    begin_restoration,
    erase,
    finish_deletion,
    finish_restoration,
    move_away,
    move_back,
)
from tests.faults import Call, Faults, Hook
from tests.memory_s3.faults import MemoryFaults

# Objects by bucket and key: body, content type, user metadata.
Content = dict[str, tuple[bytes, str, dict[str, str]]]


ARTIFACTS = {
    "rootfs": ArtifactType.ROOTFS,
    "kernel": ArtifactType.KERNEL,
    "initrd": ArtifactType.INITRD,
    "boot_parameters": ArtifactType.BOOT_PARAMETERS,
    "debug_kernel": ArtifactType.DEBUG_KERNEL,
}


def make_image(store: ObjectStore, records: Catalogue, bucket: str, count: int = len(ARTIFACTS)) -> Image:
    """Store an image of so many artifacts, with its manifest and its record."""
    image_id = new_id()
    artifacts = []
    for number, (name, type_) in enumerate(list(ARTIFACTS.items())[:count]):
        body = bytes([number]) * (1000 + number)
        md5 = hashlib.md5(body).hexdigest()
        key = artifact_key(image_id, name)
        metadata = {"md5sum": md5, "x-shasta-ims-image-name": "näme" * 100}
        etag = store.write(bucket, key, body, content_type="x/y", metadata=metadata)
        artifacts.append(Artifact(link=Link(path=f"s3://{bucket}/{key}", etag=etag), type=type_, md5=md5))
    manifest = Manifest(artifacts=artifacts).model_dump_json(indent=3).encode()
    key = artifact_key(image_id, "manifest.json")
    etag = store.write(bucket, key, manifest, content_type="application/json")
    link = Link(path=f"s3://{bucket}/{key}", etag=etag)
    return records.images.create(
        Image(id=image_id, name="image", link=link, arch="aarch64", metadata={"ims_job_id": "x"})
    )


def delete(kind: DeletableKind, record_id: str, *, force: bool = False) -> None:
    """The steps of flows/soft_delete.py."""
    record = begin_deletion.fn(kind, record_id, force)
    move_away.fn(record)
    finish_deletion.fn(kind, record)


def restore(kind: DeletableKind, record_id: str) -> None:
    """The steps of flows/undelete.py."""
    record = begin_restoration.fn(kind, record_id)
    move_back.fn(record)
    finish_restoration.fn(kind, record)


def remove(kind: DeletableKind, record_id: str, *, force: bool = False) -> None:
    """The steps of flows/hard_delete.py."""
    record = begin_erasure.fn(kind, record_id, force)
    erase.fn(kind, record)


def objects(store: ObjectStore, where: Settings) -> Content:
    """Return every object of a record's, with its type and its metadata."""
    found: Content = {}
    for bucket in (where.bucket, where.boot_images_bucket):
        for key in store.keys(bucket, ""):
            if not key.startswith("records/"):
                body, info = store.read(bucket, key)
                found[f"{bucket}/{key}"] = (body, info.content_type, info.metadata)
    return found


def moved(content: Content) -> Content:
    """Return what the objects become when they are deleted."""
    places = (name.partition("/") for name in content)
    return {f"{bucket}/{deleted_key(key)}": content[f"{bucket}/{key}"] for bucket, _, key in places}


def forget() -> None:
    """Have the tasks read their settings anew."""
    for cached in (settings, object_store, catalogue):
        cached.cache_clear()


def killed(proxy: Faults, number: int, moment: str, act: Callable[[], object]) -> bool:
    """Act in a process that is killed at its nth write; tell whether it came so far."""
    writes = 0
    forget()

    def is_its_turn(call: Call) -> bool:
        nonlocal writes
        writes += call.is_write
        return call.is_write and writes == number + 1

    def plan(kill: Hook) -> None:
        proxy.plan(
            when=is_its_turn, before=kill if moment == "before" else None, after=kill if moment == "after" else None
        )

    if isinstance(proxy, MemoryFaults):
        plan(proxy.kill)
        return proxy.ends_by_kill(act)

    def kill(_: Call) -> None:
        os.kill(child, signal.SIGKILL)

    child = os.fork()
    if not child:
        forget()
        try:
            act()
        finally:
            os._exit(0)
    plan(kill)
    _, status = os.waitpid(child, 0)
    proxy.settle()
    return os.WIFSIGNALED(status)
