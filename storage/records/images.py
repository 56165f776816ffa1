"""The manifest that an image's record points at."""

from pydantic import ValidationError

from errors import Conflict, Corrupt, NotFound
from storage.models.manifest import LARGEST_MANIFEST_BYTES, Manifest
from storage.models.records import Image
from storage.s3.objects import ObjectStore


def read_manifest(store: ObjectStore, image: Image) -> tuple[Manifest, bytes]:
    """Return an image's manifest, and the object it was read from, byte for byte.

    Raises:
        NotFound: The image has no manifest, or its object is gone.
        Conflict: The object is another one than was linked.
        Corrupt: It is not a manifest.
        BadInput: It is larger than boot services read.
    """
    if image.link is None:
        raise NotFound(f"image {image.id} has no manifest, so it has no artifacts")
    body, known = store.read(image.link.bucket, image.link.key, limit=LARGEST_MANIFEST_BYTES)
    if image.link.etag and image.link.etag != known.etag:
        raise Conflict(
            f"{image.link.path} has the etag {known.etag}, not {image.link.etag} as image {image.id} says",
            resolution="find out what replaced the manifest",
        )
    try:
        return Manifest.model_validate_json(body), body
    except ValidationError as error:
        raise Corrupt(f"{image.link.path} is not the manifest of an image: {error}") from error
