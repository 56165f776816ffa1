"""Which record a user means: by its id, by the first letters of it, or by its name. Nothing is guessed.

Several records that fit are an error which lists them: a deletion must not choose.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from cli.door import door
from cli.output import moment
from errors import BadInput, NotFound
from storage.models.kinds import DeletableKind, RecordKind
from storage.models.records import Collection

# More candidates are no help.
_LISTED = 10


def record_id(kind: RecordKind, given: str) -> str:
    """Return the id of a record that is not deleted.

    Raises:
        NotFound: No record has this id or name, or an id that begins so.
        BadInput: Several do.
    """
    return chosen(kind, given, lambda: door().list(kind))


def id_to_delete(kind: DeletableKind, given: str) -> str:
    """Return the id of a record that can be deleted, also of one whose deletion was interrupted."""

    def candidates() -> list[Any]:
        halfway = [each for each in door().list_deleted(kind) if each.collection is Collection.DELETING]
        return [*door().list(kind), *halfway]

    return chosen(kind, given, candidates)


def deleted_id(kind: DeletableKind, given: str) -> str:
    """Return the id of a deleted record."""
    return chosen(kind, given, lambda: door().list_deleted(kind), f"ims deleted {kind.documents} list")


def chosen(kind: RecordKind, given: str, candidates: Callable[[], Iterable[Any]], listing: str = "") -> str:
    """Return the id of the one record that a user means; a whole id is taken as it is.

    Args:
        kind: The kind of the records.
        given: An id, the beginning of one, or a name.
        candidates: Returns the records to choose from; called only when it is not a whole id.
        listing: The command that lists them.
    """
    wanted = given.strip()
    try:
        return str(UUID(wanted))
    except ValueError:
        found = fitting(candidates(), wanted)
    listing = listing or f"ims {kind.documents} list"
    if not found:
        raise NotFound(
            f"no {kind.noun} has the name {given!r}, or an id that begins with it", resolution=f"see `{listing}`"
        )
    if len(found) > 1:
        raise BadInput(
            f"{given!r} is {len(found)} {kind.noun}s:\n{_listed(found)}",
            resolution="give the id, or more of its beginning",
        )
    return str(found[0].id)


def fitting(records: Iterable[Any], wanted: str) -> list[Any]:
    """Return the records that have a name, or an id that begins so."""
    beginning = wanted.casefold()
    return [each for each in records if name_of(each) == wanted or (beginning and each.id.startswith(beginning))]


def name_of(record: Any) -> str:
    """Return the name of a record; a job is called as the image that it makes."""
    return str(getattr(record, "name", "") or getattr(record, "image_root_archive_name", ""))


def _listed(found: Sequence[Any]) -> str:
    lines = [f"  {each.id}  {moment(each.created)}  {name_of(each)}" for each in found[:_LISTED]]
    if len(found) > _LISTED:
        lines.append(f"  and {len(found) - _LISTED} more")
    return "\n".join(lines)
