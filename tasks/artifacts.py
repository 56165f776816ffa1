"""Artifacts: kernel, initrd and rootfs, packed in one pod and uploaded by another.

An artifact is in S3 whole or not at all: the pods upload parts by presigned URLs, and the upload is completed here,
after the parts' sizes and checksums were compared with what was packed.
"""

import json
import logging

from pydantic import BaseModel, ConfigDict, ValidationError

from config.settings import settings
from errors import Corrupt, NotFound
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import artifact_key, job_key
from storage.models.manifest import Artifact, ArtifactType
from storage.models.records import Link
from storage.reconcile.ownership import image_marks
from storage.records import jobs
from storage.s3.objects import ObjectInfo, object_store
from storage.s3.uploads import PartSum, Upload, complete_upload, missing_parts, open_upload, presigned_parts
from tasks.jobs import report
from tasks.pods import run_step
from tasks.retries import retryable

logger = logging.getLogger(__name__)

TYPES = {
    "rootfs": ArtifactType.ROOTFS,
    "kernel": ArtifactType.KERNEL,
    "initrd": ArtifactType.INITRD,
    "boot_parameters": ArtifactType.BOOT_PARAMETERS,
}


class Packed(BaseModel):
    """An artifact as the pod packed it: its size in bytes, and checksums of the whole and of each part."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    md5: str
    sha256: str
    part_size: int
    parts: list[PartSum]


class Package(BaseModel):
    """What the pod says it packed."""

    model_config = ConfigDict(frozen=True)

    artifacts: list[Packed]
    notes: list[str] = []


@retryable
def package_artifacts(job: Job) -> Package:
    """Find kernel and initrd in the image root, pack the root as squashfs, and take checksums of all.

    Safe to repeat: a pod that has packed is not run again; what it said is read from S3.

    Raises:
        StepFailed: There is no kernel or initrd of that name, or several that could be meant.
        Corrupt: The pod's result is not one.
    """
    report(job, status=JobStatus.PACKAGING_ARTIFACTS)
    limit = settings().limits.package
    bucket, key = settings().bucket, job_key(job.id, "package.json")
    result_url = object_store().presigned_put(bucket, key, limit)
    # The root of an image that is customized may be one that the pod has to mount.
    mounts = job.job_type is JobType.CUSTOMIZE
    run_step(job, "package", "package", {"IMS_RESULT_URL": result_url}, deadline=limit, privileged=mounts)
    body, _ = object_store().read(bucket, key)
    try:
        package = Package.model_validate_json(body)
    except ValidationError as error:
        raise Corrupt(f"s3://{bucket}/{key} is not the result of packing: {error}") from error
    for note in package.notes:
        logger.info("%s", note)
    return package


@retryable
def upload_artifacts(package: Package, job: Job) -> list[Artifact]:
    """Upload what was packed, and complete each upload once all its parts are there and right.

    Safe to repeat: an artifact that is there is left alone, and of the others only missing parts are sent.

    Raises:
        StepFailed: The pod could not read what it was to send.
        Corrupt: A part is not what was packed.
    """
    missing = {packed.name: _open(packed, job) for packed in package.artifacts if _published(packed, job) is None}
    plan = _plan([packed for packed in package.artifacts if packed.name in missing], missing)
    if plan:
        limit = settings().limits.upload
        bucket, key = settings().bucket, job_key(job.id, "upload-plan.json")
        object_store().write(bucket, key, json.dumps({"artifacts": plan}).encode(), content_type="application/json")
        plan_url = object_store().presigned_get(bucket, key, limit)
        run_step(job, "upload", "upload", {"IMS_PLAN_URL": plan_url}, deadline=limit, root=False)
    for packed in package.artifacts:
        if packed.name in missing:
            complete_upload(object_store(), missing[packed.name], packed.parts)
    return [_artifact(packed, job) for packed in package.artifacts]


def _plan(artifacts: list[Packed], uploads: dict[str, Upload]) -> list[dict[str, object]]:
    """Say which parts are still to be sent, and where to; empty when all are there."""
    plan: list[dict[str, object]] = []
    for packed in artifacts:
        upload = uploads[packed.name]
        wanted = missing_parts(object_store(), upload, packed.parts)
        urls = presigned_parts(object_store(), upload, [part.number for part in wanted], settings().limits.upload)
        parts = [
            {"number": part.number, "size": part.size, "md5": part.md5, "url": urls[part.number]} for part in wanted
        ]
        if parts:
            plan.append({"name": packed.name, "part_size": packed.part_size, "parts": parts})
    return plan


def _open(packed: Packed, job: Job) -> Upload:
    image_id = jobs.image_id_of(job.id)
    return open_upload(
        object_store(),
        settings().boot_images_bucket,
        artifact_key(image_id, packed.name),
        content_type=TYPES[packed.name],
        metadata={
            "md5sum": packed.md5,
            "sha256sum": packed.sha256,
            **image_marks(image_id, job.id, job.image_root_archive_name),
        },
    )


def _published(packed: Packed, job: Job) -> ObjectInfo | None:
    """Return the artifact's object when it is in S3 already, whole and of this content."""
    key = artifact_key(jobs.image_id_of(job.id), packed.name)
    try:
        known = object_store().head(settings().boot_images_bucket, key)
    except NotFound:
        return None
    same = (known.size, known.metadata.get("sha256sum")) == (packed.size, packed.sha256)
    return known if same else None


def _artifact(packed: Packed, job: Job) -> Artifact:
    known = _published(packed, job)
    if known is None:
        raise Corrupt(f"{packed.name} of job {job.id} is not in S3 as it was uploaded")
    path = f"s3://{known.bucket}/{known.key}"
    return Artifact(link=Link(path=path, etag=known.etag), type=TYPES[packed.name], md5=packed.md5)
