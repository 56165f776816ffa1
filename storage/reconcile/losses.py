"""Losses: records whose objects are gone. They are reported, never repaired: a user may have a copy."""

from errors import NotFound, PermanentError
from storage.models.kinds import RecordKind
from storage.reconcile.findings import Finding, Kind, Outcome
from storage.reconcile.references import Held
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore

REMEDIES = {
    RecordKind.IMAGE: "put them back, or delete the image with --force",
    RecordKind.RECIPE: "put it back, or delete the recipe with --force",
    RecordKind.JOB: "its logs are lost; delete the job, or leave it",
}


def losses(store: ObjectStore, catalogue: Catalogue, held: list[Held], present: set[str]) -> list[Finding]:
    """Return the records whose objects are not there.

    Args:
        store: The object store.
        catalogue: The catalogue.
        held: The records and what they hold.
        present: The URIs of the objects that are known to be there.
    """
    found = []
    for each in held:
        lost = [why for path in each.paths if path not in present and (why := _why_lost(store, path))]
        # A record that has changed since has moved its objects, and is no loss.
        if lost and _stands(catalogue, each):
            why = f"{'; '.join(lost)}; {REMEDIES[each.kind]}"
            what = f"{each.kind} {each.record.id}"
            found.append(Finding(kind=Kind.RECORD, what=what, why=why, outcome=Outcome.NEEDS_YOU))
    return found


def _why_lost(store: ObjectStore, path: str) -> str:
    """Return why an object cannot be read; empty when it is there."""
    try:
        return "" if store.find(path) else f"{path} is gone"
    except PermanentError as error:
        # For example: it lies in a bucket of another owner.
        return error.message


def _stands(catalogue: Catalogue, held: Held) -> bool:
    try:
        return bool(catalogue.of(held.kind).get(held.record.id) == held.record)
    except NotFound:
        return False
