"""The links of records: set once, and only to what exists.

A record never points at something that does not exist, nor at what another record points at: two records of one object
could not both be deleted.
"""

from errors import BadInput, Conflict, Corrupt, NotFound
from storage.models.layout import DELETED_PREFIX
from storage.models.records import Image, Link, Recipe
from storage.records.catalogue import Catalogue
from storage.records.images import manifest_at
from storage.s3.objects import ObjectStore


class BadLink(BadInput):
    """A link that no record may have: its object is missing or not what it must be, or is linked already."""


def archive_link(store: ObjectStore, catalogue: Catalogue, link: Link, recipe_id: str) -> Link:
    """Check the link of a recipe, and return it with the etag that its archive has now.

    Raises:
        BadLink: There is no such object, or another recipe links it.
        Conflict: The object has another etag than the link.
    """
    _refuse_deleted(link)
    try:
        known = store.head(link.bucket, link.key)
    except NotFound as error:
        raise BadLink(f"{link.path} does not exist", resolution="upload the archive first, or use --file") from error
    if link.etag and link.etag != known.etag:
        raise Conflict(
            f"{link.path} has the etag {known.etag}, not {link.etag}",
            resolution="check which archive is meant; leave the etag out to take the present one",
        )
    _refuse_linked(catalogue.recipes.list(None), link, recipe_id)
    return Link(path=link.path, etag=known.etag)


def manifest_link(store: ObjectStore, catalogue: Catalogue, link: Link, image_id: str) -> Link:
    """Check the link of an image, and return it with the etag that its manifest has now.

    Raises:
        BadLink: There is no such object, it is not a manifest, or another image links it.
        Conflict: The object has another etag than the link.
    """
    _refuse_deleted(link)
    try:
        _, _, etag = manifest_at(store, link)
    except NotFound as error:
        raise BadLink(
            f"{link.path} does not exist", resolution="upload the artifacts and their manifest first"
        ) from error
    except (Corrupt, BadInput) as error:
        raise BadLink(error.message, resolution="link the manifest.json that lists the image's artifacts") from error
    _refuse_linked(catalogue.images.list(None), link, image_id)
    return Link(path=link.path, etag=etag)


def is_new_link(record: Image | Recipe, wanted: Link | None) -> bool:
    """Return whether a change would give a record a link that it does not have.

    Raises:
        Conflict: It has another link: what it points at never changes.
    """
    known = record.link
    if wanted is None or (known and known.path == wanted.path and wanted.etag in {"", known.etag}):
        return False
    if known is not None:
        raise Conflict(
            f"{record.id} ({record.name}) is linked to {known.path} with the etag {known.etag or '(none)'} already",
            resolution="a link is set once: register a new record for other objects",
        )
    return True


def _refuse_deleted(link: Link) -> None:
    if link.key.startswith(DELETED_PREFIX):
        raise BadLink(
            f"{link.path} belongs to something that was deleted",
            resolution="restore that record, or copy the object and link the copy",
        )


def _refuse_linked(records: "list[Image] | list[Recipe]", link: Link, own_id: str) -> None:
    for other in records:
        if other.id != own_id and other.link is not None and other.link.path == link.path:
            raise BadLink(
                f"{link.path} is the link of {other.id} ({other.name}) already",
                resolution="use that record, or copy the object and link the copy",
            )
