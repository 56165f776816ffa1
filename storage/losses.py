"""Losses: records whose objects are gone. They are told, and nothing is done about them: somebody may have a copy."""

from errors import NotFound
from storage.catalogue import Catalogue
from storage.findings import Finding, Kind, Outcome
from storage.models import Record
from storage.moves import find
from storage.objects import ObjectStore
from storage.references import Held

REMEDIES = {
    "image": "put them back, or delete the image with --force",
    "recipe": "put it back, or delete the recipe with --force",
    "job": "its logs are lost; delete the job, or leave it",
}


def losses(store: ObjectStore, catalogue: Catalogue, held: list[Held], present: set[str]) -> list[Finding]:
    """Return the records whose objects are not there.

    Args:
        store: The object store.
        catalogue: The catalogue.
        held: The records and what they hold.
        present: The addresses of objects that are known to be there.
    """
    found = []
    for each in held:
        gone = [path for path in each.paths if path not in present and find(store, path) is None]
        # A record that changed in between has moved its objects, and is no loss.
        if gone and _stands(catalogue, each):
            why = f"{', '.join(gone)} is gone; {REMEDIES[each.kind]}"
            what = f"{each.kind} {each.record.id}"
            found.append(Finding(kind=Kind.RECORD, what=what, why=why, outcome=Outcome.NEEDS_YOU))
    return found


def _stands(catalogue: Catalogue, held: Held) -> bool:
    records = {"image": catalogue.images, "recipe": catalogue.recipes, "job": catalogue.jobs}[held.kind]
    try:
        latest: Record = records.get(held.record.id)  # type: ignore[attr-defined]
    except NotFound:
        return False
    return latest == held.record
