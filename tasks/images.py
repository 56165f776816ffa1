"""Images: the manifest and the record that make uploaded artifacts an image.

Order of publication: artifacts, fingerprint, manifest, image record, job record. A record never points at what is not
there.
"""

import logging

from config.settings import settings
from errors import Conflict, NotFound
from storage.models.fingerprint import Fingerprint
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import artifact_key
from storage.models.manifest import LARGEST_MANIFEST_BYTES, MANIFEST_NAME, Artifact, Manifest
from storage.models.records import Image, Link
from storage.reconcile.ownership import image_marks
from storage.records import jobs
from storage.records.catalogue import catalogue
from storage.records.fingerprints import write_fingerprint
from storage.s3.objects import object_store
from tasks.jobs import report
from tasks.retries import retryable

logger = logging.getLogger(__name__)

# What an image's metadata says that it was made of.
_SOURCES = {JobType.CREATE: "ims_recipe_id", JobType.CUSTOMIZE: "ims_image_id"}


@retryable
def publish_image(artifacts: list[Artifact], job: Job, fingerprint: Fingerprint | None = None) -> Image:
    """Write the fingerprint, the manifest, then the image's record, and name the image in the job's record.

    Safe to repeat: the image's id and the manifest follow from the job, so the same job publishes one image.
    """
    image_id = jobs.image_id_of(job.id)
    manifest = Manifest(created=job.created, artifacts=artifacts).model_dump_json(indent=2).encode()
    if len(manifest) >= LARGEST_MANIFEST_BYTES:
        raise Conflict(f"the manifest of image {image_id} has {len(manifest)} bytes, more than boot services read")
    bucket, key = settings().boot_images_bucket, artifact_key(image_id, MANIFEST_NAME)
    marks = image_marks(image_id, job.id, job.image_root_archive_name)
    digest = write_fingerprint(object_store(), bucket, image_id, fingerprint, marks)
    etag = object_store().write(bucket, key, manifest, content_type="application/json", metadata=marks)
    image = _register(
        Image(
            id=image_id,
            name=job.image_root_archive_name,
            arch=job.arch,
            link=Link(path=f"s3://{bucket}/{key}", etag=etag),
            metadata={"ims_job_id": job.id, _SOURCES[job.job_type]: job.artifact_id},
            inputs_digest=digest,
        )
    )
    report(job, resultant_image_id=image.id)
    logger.info("published image %s (%s)", image.id, image.name)
    return image


@retryable
def published_image(job: Job) -> Image | None:
    """Return the image that the job has published already, or found unchanged, if it has.

    Raises:
        Conflict: The job has succeeded, but its image is gone.
    """
    try:
        found = job.resultant_image_id if job.status is JobStatus.SUCCESS else None
        image = catalogue().images.get(found or jobs.image_id_of(job.id))
    except NotFound:
        if job.status is JobStatus.SUCCESS:
            raise Conflict(
                f"job {job.id} has succeeded, and its image {job.resultant_image_id} was removed since",
                resolution="start a new job",
            ) from None
        return None
    report(job, resultant_image_id=image.id)
    return image


def _register(image: Image) -> Image:
    try:
        return catalogue().images.create(image)
    except Conflict:
        return catalogue().images.get(image.id)
