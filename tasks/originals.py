"""The image that a job customizes: found and checked before any pod starts, and made into the job's image root."""

import logging
import re
from dataclasses import dataclass
from datetime import timedelta

from builder.contract.inputs import ContextInput, FetchRootInput, RootfsInput
from config.settings import settings
from errors import BadInput, Conflict, Corrupt
from storage.models.jobs import Job, JobStatus
from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Image
from storage.records.catalogue import catalogue
from storage.records.images import read_manifest, rootfs_of
from storage.records.public_keys import ssh_key_of_job
from storage.s3.object_info import MD5SUM, ObjectInfo
from storage.s3.objects import object_store
from tasks.contexts import Context
from tasks.jobs import report
from tasks.pods import run_step
from tasks.retries import retryable

logger = logging.getLogger(__name__)

# How a squashfs of version 4 begins.
SQUASHFS_MAGIC = b"hsqs"
SHA256SUM = "sha256sum"
# What one upload without parts gets for an etag, unless it is encrypted.
_MD5 = re.compile(r"[0-9a-f]{32}")
LARGEST_PARAMETERS_BYTES = 1 << 20


@dataclass(frozen=True)
class Original:
    """An image to customize.

    Args:
        image: Its record.
        rootfs: Its rootfs in S3.
        checksum: The rootfs's, `sha256:…` or `md5:…`; empty when none is known.
        boot_parameters: Its kernel parameters; empty when it has none.
    """

    image: Image
    rootfs: ObjectInfo
    checksum: str
    boot_parameters: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """The files for the pods besides the rootfs."""
        return {"boot_parameters": self.boot_parameters} if self.boot_parameters else {}


@retryable
def fetch_manifest(job: Job) -> Original:
    """Find the image that a job customizes, and check that it can be customized.

    Raises:
        NotFound: No such image or public key, or an object of the image is gone.
        Conflict: The image is being deleted, or one of its objects is not the one that was linked.
        BadInput: Its manifest lists no rootfs, or several, or the rootfs is not a squashfs.
        Corrupt: Its manifest is not valid.
    """
    report(job, status=JobStatus.FETCHING_IMAGE)
    image = catalogue().images.available(job.artifact_id)
    ssh_key_of_job(catalogue(), job)
    manifest, _ = read_manifest(object_store(), image)
    rootfs = rootfs_of(manifest, image)
    known = _checked(rootfs, image)
    _refuse_no_squashfs(known, image)
    return Original(image, known, _checksum(rootfs, known), _parameters(manifest, image))


@retryable
def fetch_root(original: Original, context: Context, job: Job) -> None:
    """Make the image's rootfs the job's image root: mounted where the pods may mount, unpacked elsewhere.

    Safe to repeat: a pod that has made the root is not run again.

    Raises:
        StepFailed: The workspace is too small, or the rootfs is broken.
    """
    limit = settings().limits.prepare
    run_step(job, "root", "fetch_root", root_input(original, context, limit), deadline=limit, privileged=True)


def root_input(original: Original, context: Context, limit: timedelta) -> FetchRootInput:
    """Return the input of a program that makes the job's image root.

    Args:
        original: The image.
        context: The job's context.
        limit: How long the presigned URLs are valid.
    """
    store, rootfs = object_store(), original.rootfs
    context_url = store.presigned_get(settings().bucket, context.key, limit)
    return FetchRootInput(
        context=ContextInput(url=context_url, sha256=context.sha256),
        rootfs=RootfsInput(
            url=store.presigned_get(rootfs.bucket, rootfs.key, limit),
            size=rootfs.size,
            etag=rootfs.etag,
            checksum=original.checksum,
        ),
        overlay=settings().root_overlay,
    )


def _checked(artifact: Artifact, image: Image) -> ObjectInfo:
    known = object_store().head(artifact.link.bucket, artifact.link.key)
    if artifact.link.etag and artifact.link.etag != known.etag:
        raise Conflict(
            f"{known.uri} has the etag {known.etag}, not {artifact.link.etag} as the manifest of image {image.id} says",
            resolution="see who replaced it",
        )
    return known


def _refuse_no_squashfs(rootfs: ObjectInfo, image: Image) -> None:
    size = min(rootfs.size, len(SQUASHFS_MAGIC))
    beginning = object_store().read_beginning(rootfs.bucket, rootfs.key, size) if size else b""
    if beginning != SQUASHFS_MAGIC:
        raise BadInput(
            f"{rootfs.uri}, the rootfs of image {image.id}, is not a squashfs: it begins with {beginning!r}",
            resolution="only images whose rootfs is a squashfs can be customized",
        )


def _checksum(artifact: Artifact, known: ObjectInfo) -> str:
    # sha256 is computed fastest; it belongs to this object when the etag is the linked one.
    if artifact.link.etag and (sha256 := known.metadata.get(SHA256SUM)):
        return f"sha256:{sha256}"
    etag = known.etag if _MD5.fullmatch(known.etag) else ""
    if md5 := artifact.md5 or known.metadata.get(MD5SUM, "").lower() or etag:
        return f"md5:{md5}"
    logger.warning("no checksum of %s is known: only its size is checked", known.uri)
    return ""


def _parameters(manifest: Manifest, image: Image) -> bytes:
    artifacts = [each for each in manifest.artifacts if each.type is ArtifactType.BOOT_PARAMETERS]
    if len(artifacts) > 1:
        raise Corrupt(f"the manifest of image {image.id} lists several files of kernel parameters")
    if not artifacts:
        return b""
    known = _checked(artifacts[0], image)
    return object_store().read(known.bucket, known.key, limit=LARGEST_PARAMETERS_BYTES)[0]
