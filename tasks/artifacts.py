"""Artifacts: kernel, initrd and rootfs, packed in one pod and uploaded by another.

An artifact is in S3 whole or not at all: the pods upload parts by presigned URLs, and the upload is completed here,
after the parts' sizes and checksums were compared with what was packed.
"""

import logging

from builder.contract.inputs import PackageInput, UploadInput
from builder.contract.package import Package, PackedArtifact
from builder.contract.unreadable import Unreadable
from builder.contract.upload_plan import PlannedArtifact, PlannedPart, UploadPlan
from config.settings import settings
from errors import Corrupt, NotFound
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import artifact_key, job_key
from storage.models.manifest import Artifact, ArtifactType
from storage.models.records import Link
from storage.reconcile.ownership import image_marks
from storage.records import jobs
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import object_store
from storage.s3.uploads import PartSum, Upload, complete_upload, missing_parts, open_upload, presigned_parts
from tasks.inspections import inspection_key, keep_inspection
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


@retryable
def package_artifacts(job: Job) -> Package:
    """Inspect the image root, find kernel and initrd in it, pack it as squashfs, and take checksums of all.

    Safe to repeat: a pod that has packed is not run again; what it said is read from S3.

    Raises:
        StepFailed: The inspection has found an error, for instance no kernel, or several that could be meant.
        Corrupt: The pod's result cannot be read.
    """
    report(job, status=JobStatus.PACKAGING_ARTIFACTS)
    limit = settings().limits.package
    bucket, key = settings().bucket, job_key(job.id, "package.json")
    result_url = object_store().presigned_put(bucket, key, limit)
    # The root of an image that is customized may be one that the pod has to mount.
    mounts = job.job_type is JobType.CUSTOMIZE
    inspection_url = object_store().presigned_put(bucket, inspection_key(job), limit)
    told = PackageInput(result_url=result_url, inspection_url=inspection_url)
    try:
        run_step(job, "package", "package", told, deadline=limit, privileged=mounts)
    finally:
        keep_inspection(job)
    body, _ = object_store().read(bucket, key)
    try:
        package = Package.from_json(body)
    except Unreadable as error:
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
    if plan.artifacts:
        limit = settings().limits.upload
        bucket, key = settings().bucket, job_key(job.id, "upload-plan.json")
        object_store().write(bucket, key, plan.to_json(), content_type="application/json")
        plan_url = object_store().presigned_get(bucket, key, limit)
        run_step(job, "upload", "upload", UploadInput(plan_url=plan_url), deadline=limit, root=False)
    for packed in package.artifacts:
        if packed.name in missing:
            complete_upload(object_store(), missing[packed.name], _sums(packed))
    return [_artifact(packed, job) for packed in package.artifacts]


def _plan(artifacts: list[PackedArtifact], uploads: dict[str, Upload]) -> UploadPlan:
    """Return which parts are still to be sent, and where to; empty when all are there."""
    planned = [_planned(packed, uploads[packed.name]) for packed in artifacts]
    return UploadPlan(tuple(artifact for artifact in planned if artifact.parts))


def _planned(packed: PackedArtifact, upload: Upload) -> PlannedArtifact:
    wanted = missing_parts(object_store(), upload, _sums(packed))
    urls = presigned_parts(object_store(), upload, [part.number for part in wanted], settings().limits.upload)
    parts = tuple(PlannedPart(part.number, part.size, part.md5, urls[part.number]) for part in wanted)
    return PlannedArtifact(packed.name, packed.part_size, parts)


def _sums(packed: PackedArtifact) -> list[PartSum]:
    return [PartSum(part.number, part.size, part.md5) for part in packed.parts]


def _open(packed: PackedArtifact, job: Job) -> Upload:
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


def _published(packed: PackedArtifact, job: Job) -> ObjectInfo | None:
    """Return the artifact's object when it is in S3 already, whole and of this content."""
    key = artifact_key(jobs.image_id_of(job.id), packed.name)
    try:
        known = object_store().head(settings().boot_images_bucket, key)
    except NotFound:
        return None
    same = (known.size, known.metadata.get("sha256sum")) == (packed.size, packed.sha256)
    return known if same else None


def _artifact(packed: PackedArtifact, job: Job) -> Artifact:
    known = _published(packed, job)
    if known is None:
        raise Corrupt(f"{packed.name} of job {job.id} is not in S3 as it was uploaded")
    path = f"s3://{known.bucket}/{known.key}"
    return Artifact(link=Link(path=path, etag=known.etag), type=TYPES[packed.name], md5=packed.md5)
