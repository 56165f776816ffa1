"""The records as the data files of an IMS, so that the way back is open."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from errors import BadInput, Conflict
from storage.models.records import Collection, Record
from storage.moving.collections import FIELDS, PLACES, Place
from storage.records.catalogue import Catalogue


def export(catalogue: Catalogue, folder: Path) -> Mapping[str, int]:
    """Write the data files of an IMS into a new folder, and return how many records each of them has.

    Fields of ours are left out; those that came with an import are written again.

    Raises:
        Conflict: A record is being deleted or restored, or cannot be read: it would be missing.
        BadInput: There is something at that path.
    """
    snapshots = {place.kind: catalogue.of(place.kind).all() for place in PLACES}
    for kind, (records, broken) in snapshots.items():
        if broken:
            raise Conflict(f"{kind.noun} {broken[0].id} cannot be read: {broken[0].reason}")
        if moving := [each for each in records if each.collection.is_transition]:
            raise Conflict(
                f"{kind.noun} {moving[0].id} is {moving[0].collection}", resolution="wait, or `ims reconcile --apply`"
            )
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise BadInput(f"{folder} exists", resolution="name a new folder") from error
    counts = {}
    for place in PLACES:
        wanted = Collection.DELETED if place.deleted else Collection.AVAILABLE
        listed = [exported(each, place) for each in snapshots[place.kind][0] if each.collection is wanted]
        (folder / place.file_name).write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
        counts[place.file_name] = len(listed)
    return counts


def exported(record: Record, place: Place) -> dict[str, Any]:
    """Return a record as an IMS keeps it."""
    names = (*FIELDS[place.kind], *(("deleted",) if place.deleted else ()), *(record.model_extra or {}))
    fields = record.model_dump(mode="json")
    return {name: fields[name] for name in names}
