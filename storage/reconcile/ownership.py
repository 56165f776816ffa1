"""The owner of an object: by its key, and by the marks in its metadata.

Only an object whose key and marks prove that this system made it may be an orphan. Objects of other systems may be in
the same buckets, for example those of an IMS whose records are elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from config.settings import Settings
from storage.models.kinds import RecordKind
from storage.models.layout import DELETED_PREFIX, SCRIPTS_PREFIX, SHARDS
from storage.records.jobs import image_id_of

# The names of Cray's IMS, and one more for recipes.
IMAGE_NAME_MARK = "x-shasta-ims-image-name"
IMAGE_MARK = "x-shasta-ims-image-id"
JOB_MARK = "x-shasta-ims-job-id"
RECIPE_MARK = "x-shasta-ims-recipe-id"

_UUID = r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_DOCUMENTS = "|".join(kind.documents for kind in RecordKind)
_DELETED = rf"(?:{DELETED_PREFIX})?"


class Noun(StrEnum):
    """What an object belongs to."""

    RECORDS = "records"
    CA_RPM = "ca-rpm"
    SCRIPT = "script"
    RECIPE = "recipe"
    JOB = "job"
    IMAGE = "image"


IMS_KEYS = {
    Noun.RECORDS: re.compile(rf"records/(?P<id>{_DOCUMENTS})/(?P<name>[{SHARDS}]\.json)"),
    Noun.CA_RPM: re.compile(r"ca-rpm/(?P<id>[0-9a-f]{64})(?P<name>\.tgz)"),
    Noun.SCRIPT: re.compile(rf"{SCRIPTS_PREFIX}(?P<id>[0-9a-f]{{64}})/(?P<name>[^/]+)"),
    Noun.RECIPE: re.compile(rf"{_DELETED}recipes/{_UUID}/(?P<name>[^/]+)"),
    Noun.JOB: re.compile(rf"jobs/{_UUID}/(?P<name>(?:context|ca-rpm|script)\.tgz|[a-z-]+\.json|[a-z-]+\.log)"),
}
BOOT_IMAGES_KEYS = {
    Noun.IMAGE: re.compile(
        rf"{_DELETED}{_UUID}/(?P<name>rootfs|kernel|initrd|boot_parameters|debug_kernel|fingerprint\.json|"
        r"(?:deleted_)?manifest\.json)"
    ),
}


@dataclass(frozen=True)
class Owner:
    """The record that an object belongs to by its key, and the object's name there."""

    noun: Noun
    id: str
    name: str


def owner_of(settings: Settings, bucket: str, key: str) -> Owner | None:
    """Return the owner of an object by its key; None when this system makes no such keys (storage/models/layout.py)."""
    keys = IMS_KEYS if bucket == settings.bucket else {}
    if bucket == settings.boot_images_bucket:
        keys = keys | BOOT_IMAGES_KEYS
    for noun, pattern in keys.items():
        if found := pattern.fullmatch(key):
            return Owner(noun, found["id"], found["name"])
    return None


def image_marks(image_id: str, job_id: str, name: str) -> dict[str, str]:
    """Return the metadata that marks an object as that of an image which a job has made."""
    return {IMAGE_NAME_MARK: name, IMAGE_MARK: image_id, JOB_MARK: job_id}


def recipe_marks(recipe_id: str) -> dict[str, str]:
    """Return the metadata that marks an object as the archive of a recipe."""
    return {RECIPE_MARK: recipe_id}


def is_marked(owner: Owner, metadata: Mapping[str, str]) -> bool:
    """Return whether an object's marks prove that this system made it for its owner.

    An IMS marks its artifacts alike, but its image ids do not follow from its jobs'. What lies below `jobs/` is marked
    by its key: no other system writes there.
    """
    if owner.noun is Noun.RECIPE:
        return metadata.get(RECIPE_MARK) == owner.id
    if owner.noun is Noun.IMAGE:
        job_id = job_of(metadata)
        return bool(job_id) and metadata.get(IMAGE_MARK) == owner.id == image_id_of(job_id)
    return owner.noun is Noun.JOB


def job_of(metadata: Mapping[str, str]) -> str:
    """Return the job that an object is marked with; empty when it is with none."""
    try:
        return str(UUID(metadata.get(JOB_MARK, "")))
    except ValueError:
        return ""
