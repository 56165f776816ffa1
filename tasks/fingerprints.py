"""Fingerprints: everything that an image is made of, and whether an image of the same is there already.

The rule: an image is unchanged only when each of its inputs is known, and is the same as that of the newest image of
its name, which is whole. What was installed is what counts: an input that may have changed while a job used it is
unknown from then on.
"""

import logging

from pydantic import ValidationError

from config.settings import settings
from errors import NotFound
from storage.models.fingerprint import LARGEST_FINGERPRINT_BYTES, Fingerprint, shortened, without_folders
from storage.models.jobs import Job
from storage.models.layout import job_key
from storage.models.records import Collection, Image
from storage.records.catalogue import catalogue
from storage.records.fingerprints import is_whole, read_fingerprint
from storage.records.jobs import image_id_of
from storage.s3.objects import object_store
from tasks.builder_images import builder_image
from tasks.ca_rpm import CaRpm
from tasks.fingerprint_inputs import of_build, of_change
from tasks.jobs import report
from tasks.kiwi_config import KiwiConfig
from tasks.originals import Original
from tasks.repositories import Metadata, ask_repositories
from tasks.retries import retryable
from tasks.scripts import Script

logger = logging.getLogger(__name__)


@retryable
def fingerprint_build(
    configuration: KiwiConfig, ca_rpm: CaRpm | None, metadata: Metadata, builder: str, job: Job
) -> Fingerprint:
    """Return the fingerprint of the image that a job builds from a recipe, and keep it for the job's next run.

    Safe to repeat: what has changed since the job's last run, which may have built with it, is unknown. The arguments
    are those of of_build.
    """
    return _kept(of_build(configuration, ca_rpm, metadata, builder, job), job)


@retryable
def fingerprint_change(original: Original, script: Script | None, job: Job) -> Fingerprint | None:
    """Return the fingerprint of the image that a script makes of another one, and keep it as fingerprint_build does.

    Returns:
        None when a user changes the image: nobody knows to what.
    """
    return _kept(of_change(original, script, builder_image(), job), job) if script else None


@retryable
def unchanged_image(fingerprint: Fingerprint | None, job: Job) -> Image | None:
    """Return the newest image of the job's name when it is made of the same, whole and not deleted.

    Otherwise the log and the job's record say what has changed. Safe to repeat.
    """
    if fingerprint is None:
        return None
    image = _newest(job)
    if image is None:
        logger.info("there is no image %s yet: it is built", job.image_root_archive_name)
        return None
    changes = _changes(fingerprint, image)
    if changes:
        logger.info("changed since image %s (%s): %s", image.id, image.name, ", ".join(changes))
        report(job, changed_inputs=changes)
        return None
    report(job, resultant_image_id=image.id, changed_inputs=[])
    logger.info("unchanged: image %s (%s) is made of the same", image.id, image.name)
    return image


@retryable
def confirm_repositories(fingerprint: Fingerprint, configuration: KiwiConfig, job: Job) -> Fingerprint:
    """Ask the repositories again after the build: of one that has changed it is unknown what was installed."""
    later = Fingerprint.of(ask_repositories(configuration, job))
    confirmed = fingerprint.confirmed_by(Fingerprint(inputs=fingerprint.inputs | later.inputs))
    if lost := [name for name in confirmed.inputs if confirmed.is_unknown(name)]:
        logger.info("not known in which state it was read, so the next rebuild builds: %s", ", ".join(shortened(lost)))
    return _kept(confirmed, job)


def outcome_of(image: Image, *job_ids: str) -> str:
    """Return in one line what came of a rebuild.

    Args:
        image: The image in the end.
        job_ids: The jobs of the rebuild, in their order.
    """
    if image.id not in map(image_id_of, job_ids):
        return f"unchanged: image {image.id} ({image.name})"
    changes = dict.fromkeys(name for job_id in job_ids for name in catalogue().jobs.get(job_id).changed_inputs)
    because = f"; changed: {', '.join(changes)}" if changes else ""
    return f"built image {image.id} ({image.name}){because}"


def _newest(job: Job) -> Image | None:
    found = [
        image
        for image in catalogue().images.list(Collection.AVAILABLE)
        if (image.name, image.arch) == (job.image_root_archive_name, job.arch)
    ]
    return max(found, key=lambda image: image.created.timestamp(), default=None)


def _changes(fingerprint: Fingerprint, image: Image) -> list[str]:
    known = read_fingerprint(object_store(), image)
    if known is None:
        return ["all of it may have (the image has no fingerprint)"]
    if not is_whole(object_store(), image):
        return ["the image itself (objects of it are gone)"]
    unknown = {name for name in fingerprint.inputs if fingerprint.is_unknown(name) or known.is_unknown(name)}
    changes = without_folders(fingerprint.changes_since(known))
    return shortened([f"{name} (it is not known)" if name in unknown else name for name in changes])


def _kept(fingerprint: Fingerprint, job: Job) -> Fingerprint:
    """Return the fingerprint without what is not as in the job's earlier run: pods of that run are not run again."""
    store, bucket, key = object_store(), settings().bucket, job_key(job.id, "fingerprint.json")
    try:
        body, _ = store.read(bucket, key, limit=LARGEST_FINGERPRINT_BYTES)
        fingerprint = fingerprint.confirmed_by(Fingerprint.model_validate_json(body))
    except NotFound:
        pass
    except ValidationError:
        fingerprint = fingerprint.confirmed_by(Fingerprint(inputs={}))
    if len(fingerprint.body) <= LARGEST_FINGERPRINT_BYTES:
        store.write(bucket, key, fingerprint.body, content_type="application/json")
    return fingerprint
