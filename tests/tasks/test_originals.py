"""tasks/originals.py: which images can be customized; all others are refused before a pod starts."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from builder.pod.transfer.ranges import Replaced, Source, read_range
from config.settings import Settings
from errors import BadInput, Conflict, Corrupt, ImsError, NotFound
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.manifest import Artifact, ArtifactType
from storage.models.records import Collection, Image, Link, PublicKey
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tasks.contexts import Context
from tasks.originals import fetch_manifest, root_input
from tests.tiny_image import write_manifest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv me"
ROOTFS = b"hsqs and more"
MD5 = hashlib.md5(ROOTFS).hexdigest()


class Lab:
    """An image, and the job that customizes it."""

    def __init__(self, store: ObjectStore, bucket: str, catalogue: Catalogue) -> None:
        self.store, self.bucket, self.catalogue = store, bucket, catalogue
        self.metadata: dict[str, str] = {}
        self.image = catalogue.images.create(Image(name="image"))
        key = catalogue.public_keys.create(PublicKey(name="me", public_key=KEY))
        self.job = catalogue.jobs.create(
            Job(
                job_type=JobType.CUSTOMIZE,
                artifact_id=self.image.id,
                public_key_id=key.id,
                image_root_archive_name="new",
            )
        )

    def artifact(
        self, name: str, kind: ArtifactType = ArtifactType.ROOTFS, body: bytes = ROOTFS, md5: str = MD5
    ) -> Artifact:
        """Upload an artifact."""
        key = f"{self.image.id}/{name}"
        etag = self.store.write(self.bucket, key, body, metadata=self.metadata)
        return Artifact(link=Link(path=f"s3://{self.bucket}/{key}", etag=etag), type=kind, md5=md5)

    def link(self, *artifacts: Artifact) -> None:
        """Give the image a manifest of these artifacts."""
        self.change(link=write_manifest(self.store, self.bucket, self.image.id, list(artifacts)))

    def change(self, **fields: object) -> None:
        self.catalogue.images.change(self.image.id, lambda known: known.model_copy(update=fields))

    def refused(self, kind: type[ImsError]) -> str:
        """Return why the image is refused."""
        with pytest.raises(kind) as refused:
            fetch_manifest.fn(self.job)
        return str(refused.value)


@pytest.fixture
def lab(own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings) -> Lab:
    return Lab(store, s3_settings.boot_images_bucket, own_catalogue)


def test_an_image_of_a_squashfs_and_kernel_parameters(lab: Lab) -> None:
    parameters = lab.artifact("boot_parameters", ArtifactType.BOOT_PARAMETERS, b"quiet")
    lab.link(lab.artifact("rootfs"), parameters)
    original = fetch_manifest.fn(lab.job)
    assert (original.rootfs.size, original.checksum) == (len(ROOTFS), f"md5:{MD5}")
    assert original.files == {"boot_parameters": b"quiet"}
    assert lab.catalogue.jobs.get(lab.job.id).status is JobStatus.FETCHING_IMAGE


def test_a_pod_reads_parts_of_the_rootfs_and_of_no_other(lab: Lab, tmp_path: Path) -> None:
    """What it is told is enough; a rootfs that is replaced while the pod is at work is refused."""
    lab.link(lab.artifact("rootfs"))
    original = fetch_manifest.fn(lab.job)
    told = root_input(original, Context("jobs/1/context.tgz", "0123"), timedelta(minutes=5))
    source = Source(told.rootfs.url, told.rootfs.size, told.rootfs.etag)
    file = tmp_path / "rootfs"
    file.write_bytes(bytes(len(ROOTFS)))
    read_range(source, file, 5, 8)
    assert file.read_bytes() == bytes(5) + ROOTFS[5:]
    lab.artifact("rootfs", body=b"hsqs or other")
    with pytest.raises(Replaced, match=f"has another etag than {original.rootfs.etag} by now"):
        read_range(source, file, 0, 5)
    assert file.read_bytes() == bytes(5) + ROOTFS[5:]


@pytest.mark.parametrize(
    ("metadata", "md5", "linked", "checksum"),
    [
        ({"sha256sum": "abc"}, MD5, True, "sha256:abc"),
        ({"sha256sum": "abc"}, MD5, False, f"md5:{MD5}"),
        ({"md5sum": "def"}, "", True, "md5:def"),
        ({"md5sum": "DEF"}, "", True, "md5:def"),
        ({}, "", True, f"md5:{MD5}"),
    ],
    ids=["our own", "of an unknown object", "of the object alone", "in capitals", "the etag"],
)
def test_the_checksum_is_one_that_belongs_to_the_object(
    lab: Lab, metadata: dict[str, str], md5: str, linked: bool, checksum: str
) -> None:
    lab.metadata = metadata
    rootfs = lab.artifact("rootfs", md5=md5)
    lab.link(rootfs if linked else rootfs.model_copy(update={"link": Link(path=rootfs.link.path)}))
    assert fetch_manifest.fn(lab.job).checksum == checksum


def test_a_key_that_the_shell_would_not_take_is_refused_before_it_opens(lab: Lab) -> None:
    lab.link(lab.artifact("rootfs"))
    old = {"public_key": "ssh-dss AAAAB3NzaC1kc3M= old\n"}
    lab.catalogue.public_keys.change(lab.job.public_key_id, lambda known: known.model_copy(update=old))
    assert "takes: OpenSSH has given up its type, ssh-dss" in lab.refused(BadInput)


def test_an_unknown_image(lab: Lab) -> None:
    lab.catalogue.images.remove(lab.image.id)
    assert lab.image.id in lab.refused(NotFound)


@pytest.mark.parametrize("collection", [Collection.DELETING, Collection.DELETED])
def test_an_image_that_is_being_deleted(lab: Lab, collection: Collection) -> None:
    lab.link(lab.artifact("rootfs"))
    lab.change(collection=collection)
    assert lab.image.id in lab.refused(NotFound)


def test_an_image_without_a_manifest(lab: Lab) -> None:
    assert "has no manifest" in lab.refused(NotFound)


def test_an_image_whose_manifest_was_replaced(lab: Lab) -> None:
    lab.link(lab.artifact("rootfs"))
    write_manifest(lab.store, lab.bucket, lab.image.id, [])
    assert "find out what replaced the manifest" in lab.refused(Conflict)


def test_a_manifest_that_is_none(lab: Lab) -> None:
    etag = lab.store.write(lab.bucket, "manifest", b"{}")
    lab.change(link=Link(path=f"s3://{lab.bucket}/manifest", etag=etag))
    assert "is not the manifest of an image" in lab.refused(Corrupt)


def test_an_image_without_a_rootfs(lab: Lab) -> None:
    lab.link(lab.artifact("kernel", ArtifactType.KERNEL))
    assert "its manifest lists 0 rootfs, and not one" in lab.refused(BadInput)


def test_an_image_with_several_rootfs(lab: Lab) -> None:
    lab.link(lab.artifact("rootfs"), lab.artifact("other"))
    assert "its manifest lists 2 rootfs, and not one" in lab.refused(BadInput)


@pytest.mark.parametrize("body", [b"", b"hs", b"PK\3\4 no squashfs"], ids=["empty", "short", "zip"])
def test_a_rootfs_that_is_no_squashfs(lab: Lab, body: bytes) -> None:
    lab.link(lab.artifact("rootfs", body=body))
    assert "is not a squashfs" in lab.refused(BadInput)


def test_a_rootfs_that_was_replaced(lab: Lab) -> None:
    rootfs = lab.artifact("rootfs")
    lab.link(rootfs)
    lab.artifact("rootfs", body=b"hsqs of somebody else")
    refused = lab.refused(Conflict)
    assert rootfs.link.path in refused
    assert rootfs.link.etag in refused


def test_a_rootfs_that_is_gone(lab: Lab) -> None:
    rootfs = lab.artifact("rootfs")
    lab.link(rootfs)
    lab.store.delete(rootfs.link.bucket, rootfs.link.key)
    assert rootfs.link.path in lab.refused(NotFound)


def test_several_files_of_kernel_parameters(lab: Lab) -> None:
    both = [lab.artifact(name, ArtifactType.BOOT_PARAMETERS, b"quiet") for name in ("one", "two")]
    lab.link(lab.artifact("rootfs"), *both)
    assert "several files of kernel parameters" in lab.refused(Corrupt)


def test_an_unknown_public_key(lab: Lab) -> None:
    lab.link(lab.artifact("rootfs"))
    lab.catalogue.public_keys.remove(lab.job.public_key_id)
    assert lab.job.public_key_id in lab.refused(NotFound)
