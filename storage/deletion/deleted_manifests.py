"""The manifest of a deleted image: it names the artifacts where they lie while the image is deleted.

The image's own manifest moves unchanged, so that it comes back byte for byte.
"""

from collections.abc import Mapping

from storage.deletion.holdings import Deletable
from storage.deletion.moves import link_to_target
from storage.models.layout import deleted_manifest_key
from storage.models.manifest import Manifest
from storage.models.records import Image, Link, Move
from storage.s3.addresses import uri_of
from storage.s3.objects import ObjectStore


def write_deleted_manifest(store: ObjectStore, image: Image, moved: Move, moves: Mapping[str, Move]) -> Link:
    """Write the manifest of a deleted image, whose objects have moved, and return its link. Safe to repeat.

    Args:
        store: The object store.
        image: The image.
        moved: The move of its own manifest.
        moves: All moves by their source.
    """
    place = Link(path=moved.target)
    body, info = store.read(place.bucket, place.key)
    manifest = Manifest.parse(body)
    artifacts = [
        artifact.model_copy(update={"link": link_to_target(store, moves[artifact.link.path])})
        for artifact in manifest.artifacts
        if artifact.link.path in moves
    ]
    deleted = manifest.model_copy(update={"artifacts": artifacts}).model_dump_json(indent=2).encode()
    key = deleted_manifest_key(image.id)
    etag = store.write(place.bucket, key, deleted, content_type="application/json", metadata=info.metadata)
    return Link(path=uri_of(place.bucket, key), etag=etag)


def remove_deleted_manifest(store: ObjectStore, record: Deletable) -> None:
    """Remove the manifest of a deleted image; other records have none."""
    if isinstance(record, Image) and record.journal and (link := record.journal.link):
        store.delete(link.bucket, deleted_manifest_key(record.id))
