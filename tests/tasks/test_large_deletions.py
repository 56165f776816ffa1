"""Deleting and restoring an image whose rootfs is larger than what some servers copy by one call (5 GiB)."""

from typing import TYPE_CHECKING

import pytest

from config.quantities import GiB_BYTES, MiB
from config.settings import Settings
from storage.models.kinds import RecordKind
from storage.models.layout import artifact_key, deleted_key
from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link, new_id
from storage.records.catalogue import Catalogue, catalogue
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import ObjectStore
from tests.objects_of_parts import write_parts
from tests.tasks.deleting import delete, restore

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import TagTypeDef

PART_BYTES = 256 * MiB
SIZE_BYTES = 6 * GiB_BYTES
TAGS: "list[TagTypeDef]" = [{"Key": "owner", "Value": "me"}]
MD5 = "0123456789abcdef0123456789abcdef"
# 2 KB of names and values: as much as S3 takes.
METADATA = {"md5sum": MD5, "name": "n" * (2048 - len("md5sum" + MD5 + "name"))}


@pytest.fixture
def rootfs(own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings) -> ObjectInfo:
    """The artifact; the record of its image is there as well."""
    image_id, bucket = new_id(), s3_settings.boot_images_bucket
    key = artifact_key(image_id, "rootfs")
    info = write_parts(store, bucket, key, [PART_BYTES] * (SIZE_BYTES // PART_BYTES), metadata=METADATA)
    store.client.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": TAGS})
    artifact = Artifact(link=Link(path=info.uri, etag=info.etag), type=ArtifactType.ROOTFS, md5=MD5)
    manifest = Manifest(artifacts=[artifact]).model_dump_json().encode()
    key = artifact_key(image_id, "manifest.json")
    etag = store.write(bucket, key, manifest, content_type="application/json")
    link = Link(path=f"s3://{bucket}/{key}", etag=etag)
    own_catalogue.images.create(Image(id=image_id, name="large", link=link))
    return info


# A Ceph in memory would need as much of it: the embedded server keeps zeros compressed.
@pytest.mark.embedded
@pytest.mark.slow
def test_six_gibibytes_go_and_come_back_unchanged(store: ObjectStore, rootfs: ObjectInfo) -> None:
    (image,) = catalogue().images.list()
    assert image.link is not None
    manifest, _ = store.read(image.link.bucket, image.link.key)
    samples = samples_of(store, rootfs)
    delete(RecordKind.IMAGE, image.id)
    assert list(store.keys(rootfs.bucket, "deleted/")) == [
        deleted_key(artifact_key(image.id, name)) for name in ("deleted_manifest.json", "manifest.json", "rootfs")
    ]
    assert samples_of(store, store.head(rootfs.bucket, deleted_key(rootfs.key))) == samples
    restore(RecordKind.IMAGE, image.id)
    assert store.head(rootfs.bucket, rootfs.key) == rootfs
    assert samples_of(store, rootfs) == samples
    assert store.read(image.link.bucket, image.link.key)[0] == manifest
    assert catalogue().images.list() == [image]


def samples_of(store: ObjectStore, of: ObjectInfo) -> list[object]:
    """Return what an object has besides its content, and of this two mebibytes around each of its parts' ends."""
    tags = store.client.get_object_tagging(Bucket=of.bucket, Key=of.key)["TagSet"]
    samples: list[object] = [of.size, of.etag, of.metadata, of.content_type, tags]
    for begin in range(0, of.size, PART_BYTES):
        window = f"bytes={max(begin - MiB, 0)}-{begin + MiB - 1}"
        samples.append(store.client.get_object(Bucket=of.bucket, Key=of.key, Range=window)["Body"].read())
    end = f"bytes={of.size - MiB}-"
    samples.append(store.client.get_object(Bucket=of.bucket, Key=of.key, Range=end)["Body"].read())
    return samples
