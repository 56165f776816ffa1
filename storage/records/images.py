"""The manifest that an image's record points at."""

from pydantic import ValidationError

from config.refusals import refusals_of
from errors import BadInput, Conflict, Corrupt, NotFound
from storage.models.manifest import LARGEST_MANIFEST_BYTES, Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link
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
        raise NotFound(
            f"image {image.id} has no manifest, so it has no artifacts",
            resolution=f"link one with `ims images update {image.id} --link-path s3://BUCKET/KEY`",
        )
    manifest, body, _ = manifest_at(store, image.link)
    return manifest, body


def manifest_at(store: ObjectStore, link: Link) -> tuple[Manifest, bytes, str]:
    """Return the manifest that a link leads to, the object it was read from, byte for byte, and its etag.

    Raises:
        NotFound, Conflict, Corrupt, BadInput: As `read_manifest`.
    """
    body, known = store.read(link.bucket, link.key, limit=LARGEST_MANIFEST_BYTES)
    if link.etag and link.etag != known.etag:
        raise Conflict(
            f"{link.path} has the etag {known.etag}, not {link.etag} as it was linked",
            resolution="find out what replaced the manifest",
        )
    try:
        return Manifest.parse(body), body, known.etag
    except ValidationError as error:
        problems = "; ".join(refusals_of(error, "the whole"))
        raise Corrupt(f"{link.path} is not the manifest of an image: {problems}") from error


def rootfs_of(manifest: Manifest, image: Image) -> Artifact:
    """Return the one rootfs of an image.

    Raises:
        BadInput: Its manifest lists none, or several.
    """
    found = [each for each in manifest.artifacts if each.type is ArtifactType.ROOTFS]
    if len(found) != 1:
        raise BadInput(
            f"image {image.id} ({image.name}) cannot be customized: its manifest lists {len(found)} rootfs, and not one"
        )
    return found[0]
