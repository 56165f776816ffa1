"""What a record holds in S3: the objects that go with it when it is deleted."""

from collections.abc import Iterable
from uuid import UUID

from errors import BadInput, Conflict, NotFound
from storage.models.layout import DELETED_PREFIX, PE_PREFIX, deleted_key, fingerprint_key, image_prefix
from storage.models.manifest import Artifact
from storage.models.records import Image, Link, Move, PublicKey, Recipe
from storage.records.catalogue import Catalogue
from storage.records.fingerprints import fingerprint_link, is_fingerprint_of
from storage.records.images import read_manifest
from storage.s3.addresses import uri_of
from storage.s3.object_info import MD5SUM, ObjectInfo
from storage.s3.objects import ObjectStore

Deletable = Image | Recipe | PublicKey


def links_of(store: ObjectStore, record: Deletable) -> list[Link]:
    """Return the objects that a record holds: an image's artifacts, fingerprint and manifest, a recipe's archive.

    A fingerprint that is gone is no loss: it is not among them.

    Raises:
        NotFound, Conflict, Corrupt, BadInput: The manifest is gone, replaced, not valid, too large, or names what no
            manifest of this image can name.
    """
    if isinstance(record, PublicKey) or record.link is None:
        return []
    if isinstance(record, Recipe):
        return [record.link]
    manifest, _ = read_manifest(store, record)
    _check_artifacts(manifest.artifacts, record)
    link = fingerprint_link(record)
    fingerprints = [link] if link and store.find(link.path) else []
    return [*(artifact.link for artifact in manifest.artifacts), *fingerprints, record.link]


def nothing_left(store: ObjectStore, bucket: str, record: Deletable) -> bool:
    """Return whether all objects of a linked record are gone: of an image also those that its manifest has named.

    Args:
        store: The object store.
        bucket: The bucket of the images.
        record: The record.
    """
    if isinstance(record, PublicKey) or record.link is None or store.find(record.link.path) is not None:
        return False
    if isinstance(record, Recipe):
        return True
    return all(key == fingerprint_key(record.id) for key in store.keys(bucket, image_prefix(record.id)))


def moves_of(
    store: ObjectStore, catalogue: Catalogue, buckets: Iterable[str], record: Deletable, links: list[Link]
) -> tuple[list[Move], list[str]]:
    """Plan how a record's objects move when it is deleted; nothing is changed.

    Args:
        store: The object store.
        catalogue: The catalogue.
        buckets: The buckets whose objects are ours to move.
        record: The record.
        links: The objects it holds.

    Returns:
        The moves, and the URIs of objects that are not there.

    Raises:
        BadInput: An object lies elsewhere, or belongs to a deleted record or to another image.
        Conflict: An object is another one than was linked, another record holds it too, or its place is taken.
    """
    ours = set(buckets)
    for link in links:
        _check_link(link, record, ours, catalogue)
    _refuse_shared(catalogue, record)
    moves, missing = [], []
    for link in links:
        found = store.find(link.path)
        if found is None:
            missing.append(link.path)
            continue
        _check_etag(link, found)
        moves.append(_move(found))
    for move in moves:
        if store.find(move.target) is not None:
            raise Conflict(
                f"{move.target}, where {move.source} would go, is taken",
                resolution="it belongs to an earlier deletion from the same place: hard delete that record first",
            )
    return moves, missing


def movable(store: ObjectStore, record: Deletable) -> list[Move]:
    """Return the moves of a record's journal, without that of a fingerprint that is gone: it keeps nothing from moving.

    Args:
        store: The object store.
        record: The record, in transition or deleted.
    """
    moves = record.journal.moves if record.journal else []
    return [
        move
        for move in moves
        if not is_fingerprint_of(record.id, move.source) or store.find(move.source) or store.find(move.target)
    ]


def left_behind(store: ObjectStore, bucket: str, image: Image) -> list[str]:
    """Return what a deletion has left where it was, because the image's manifest could not be read.

    Args:
        store: The object store.
        bucket: The bucket of the images.
        image: The deleted image.

    Returns:
        The URIs of the objects below the image's own prefix, and of its manifest.
    """
    journal = image.journal
    if journal is None or journal.link is None:
        return []
    link = journal.link
    if link.path in journal.missing or any(move.source == link.path for move in journal.moves):
        return []
    left = {uri_of(bucket, key) for key in store.keys(bucket, f"{image.id}/")}
    if link.bucket != bucket or store.find(link.path):
        left.add(link.path)
    return sorted(left)


def _check_artifacts(artifacts: list[Artifact], image: Image) -> None:
    where = f"the manifest of image {image.id}"
    if not artifacts:
        raise BadInput(f"{where} lists no artifacts")
    paths = [artifact.link.path for artifact in artifacts]
    if image.link is not None:
        paths.append(image.link.path)
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise BadInput(f"{where} lists {', '.join(twice)} twice")


def _check_link(link: Link, record: Deletable, buckets: set[str], catalogue: Catalogue) -> None:
    if link.bucket not in buckets:
        raise BadInput(f"{link.path} lies in none of our buckets ({', '.join(sorted(buckets))})")
    if link.key.startswith(DELETED_PREFIX):
        raise BadInput(f"{link.path} belongs to something that was deleted")
    if isinstance(record, Image) and link.key.startswith(PE_PREFIX):
        raise BadInput(f"{link.path} is no artifact of one image: what lies below {PE_PREFIX} is left alone")
    owner = link.key.partition("/")[0]
    if isinstance(record, Image) and owner != record.id and _is_uuid(owner) and _exists(catalogue, owner):
        raise BadInput(f"{link.path} is an artifact of image {owner}")


def _refuse_shared(catalogue: Catalogue, record: Deletable) -> None:
    if isinstance(record, PublicKey) or record.link is None:
        return
    records = catalogue.images.list(None) if isinstance(record, Image) else catalogue.recipes.list(None)
    for other in records:
        if other.id != record.id and other.link is not None and other.link.path == record.link.path:
            raise Conflict(f"{record.link.path} is also that of {other.id} ({other.name})")


def _check_etag(link: Link, found: ObjectInfo) -> None:
    if link.etag and link.etag != found.etag:
        raise Conflict(
            f"{link.path} has the etag {found.etag}, not {link.etag} as it was linked",
            resolution="find out what replaced it",
        )


def _move(found: ObjectInfo) -> Move:
    return Move(
        source=found.uri,
        target=uri_of(found.bucket, deleted_key(found.key)),
        etag=found.etag,
        size=found.size,
        md5=found.metadata.get(MD5SUM, ""),
    )


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _exists(catalogue: Catalogue, image_id: str) -> bool:
    try:
        catalogue.images.get(image_id)
    except NotFound:
        return False
    return True
