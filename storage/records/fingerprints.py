"""The fingerprints of images: an object beside the manifest, whose digest is in the image's record.

An image whose object is gone or another one has no fingerprint: it is only built once more.
"""

import hashlib
import logging
from collections.abc import Mapping

from pydantic import ValidationError

from errors import BadInput, Conflict, Corrupt, NotFound
from storage.models.fingerprint import LARGEST_FINGERPRINT_BYTES, Fingerprint
from storage.models.layout import deleted_key, fingerprint_key
from storage.models.records import Image, Link
from storage.records.images import read_manifest
from storage.s3.addresses import split_uri, uri_of
from storage.s3.objects import ObjectStore

logger = logging.getLogger(__name__)


def write_fingerprint(
    store: ObjectStore, bucket: str, image_id: str, fingerprint: Fingerprint | None, marks: Mapping[str, str]
) -> str:
    """Write the fingerprint of an image, and return what goes into its record. Safe to repeat.

    Args:
        store: The object store.
        bucket: The bucket of the images.
        image_id: The image.
        fingerprint: Its fingerprint; none is written when there is none.
        marks: What marks objects of the image.
    """
    if fingerprint is None:
        return ""
    if len(fingerprint.body) > LARGEST_FINGERPRINT_BYTES:
        logger.warning("image %s gets no fingerprint: its inputs have too many or too long names", image_id)
        return ""
    key = fingerprint_key(image_id)
    store.write(bucket, key, fingerprint.body, content_type="application/json", metadata=marks)
    return fingerprint.digest


def read_fingerprint(store: ObjectStore, image: Image) -> Fingerprint | None:
    """Return the fingerprint of an image; None when it has none, or not the one that its record names."""
    link = fingerprint_link(image)
    if link is None:
        return None
    try:
        body, _ = store.read(link.bucket, link.key, limit=LARGEST_FINGERPRINT_BYTES)
        if hashlib.sha256(body).hexdigest() == image.inputs_digest:
            return Fingerprint.model_validate_json(body)
    except (NotFound, BadInput, ValidationError):
        return None
    return None


def fingerprint_link(image: Image) -> Link | None:
    """Return where the fingerprint of an image is while the image is not deleted; None when it has none."""
    if not image.inputs_digest or image.link is None:
        return None
    return Link(path=uri_of(image.link.bucket, fingerprint_key(image.id)))


def is_fingerprint_of(record_id: str, path: str) -> bool:
    """Return whether an address is that of the fingerprint of an image, deleted or not."""
    key = fingerprint_key(record_id)
    return split_uri(path)[1] in {key, deleted_key(key)}


def is_whole(store: ObjectStore, image: Image) -> bool:
    """Return whether an image's manifest and all artifacts that it lists are there, as they were linked."""
    try:
        manifest, _ = read_manifest(store, image)
    except (NotFound, Conflict, Corrupt, BadInput):
        return False
    links = [artifact.link for artifact in manifest.artifacts]
    found = [store.find(link.path) for link in links]
    return bool(links) and all(
        known is not None and link.etag in {"", known.etag} for link, known in zip(links, found, strict=True)
    )
