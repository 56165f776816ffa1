"""What the records refer to: the URIs of all objects that may still be needed.

A record or manifest that cannot be read may refer to any object: while there is one, no object is an orphan.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from errors import NotFound, PermanentError
from storage.models.jobs import Job
from storage.models.kinds import RecordKind
from storage.models.records import Collection, Image, Journal, Link, Record
from storage.reconcile.findings import Finding, Kind, Outcome
from storage.records.catalogue import Catalogue
from storage.records.fingerprints import fingerprint_link, is_fingerprint_of
from storage.records.images import read_manifest
from storage.records.jobs import image_id_of
from storage.records.store import Records
from storage.s3.objects import ObjectStore

READS_AT_A_TIME = 16


@dataclass(frozen=True)
class Held:
    """A record, and the URIs where its objects must be."""

    kind: RecordKind
    record: Record
    paths: list[str]


@dataclass
class References:
    """What the records refer to.

    Args:
        addresses: Of all objects that a record links, a manifest lists or a journal moves.
        moving: Of those, the objects of moves that are not finished.
        owners: The ids of all recipes and images.
        jobs: All jobs by id.
        makers: All jobs by the id of the image that they make.
        held: What each record holds that is in no transition.
        unreadable: The records and manifests that cannot be read. What they refer to is not known.
    """

    addresses: set[str] = field(default_factory=set)
    moving: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    jobs: dict[str, Job] = field(default_factory=dict)
    makers: dict[str, Job] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    unreadable: list[Finding] = field(default_factory=list)


def read_references(store: ObjectStore, catalogue: Catalogue) -> References:
    """Read what all records refer to.

    Raises:
        Unreachable: S3 does not answer.
        Corrupt: A whole document of records cannot be read.
    """
    found = References()
    # A public key has no objects.
    for kind in (RecordKind.RECIPE, RecordKind.IMAGE, RecordKind.JOB):
        readable, broken = catalogue.of(kind).all()
        found.unreadable += [_unreadable(kind, each.id, each.reason) for each in broken]
        for record in readable:
            _note(found, kind, record)
    _note_manifests(found, store, catalogue.images)
    return found


def _note(found: References, kind: RecordKind, record: Any) -> None:
    paths = [link.path for link in _links_of(record)]
    found.addresses.update(paths, _paths_of(record.journal))
    if isinstance(record, Image) and (fingerprint := fingerprint_link(record)):
        # It is no loss when it is gone.
        found.addresses.add(fingerprint.path)
    if record.collection.is_transition:
        found.moving.update(_paths_of(record.journal))
    if isinstance(record, Job):
        found.jobs[record.id] = record
        found.makers[image_id_of(record.id)] = record
    else:
        found.owners.add(record.id)
    if record.collection is Collection.DELETED and record.journal is not None:
        moved = [move.target for move in record.journal.moves if not is_fingerprint_of(record.id, move.target)]
        paths += [path for path in moved if path not in paths]
    if not record.collection.is_transition:
        let_go = record.journal.missing if record.journal else []
        found.held.append(Held(kind, record, [path for path in paths if path not in let_go]))


def _note_manifests(found: References, store: ObjectStore, records: Records[Image]) -> None:
    images = [held for held in found.held if isinstance(held.record, Image) and held.record.link]
    with ThreadPoolExecutor(READS_AT_A_TIME) as pool:
        all_listed = list(pool.map(lambda held: _listed(store, records, held.record), images))
    for held, listed in zip(images, all_listed, strict=True):
        if isinstance(listed, PermanentError):
            found.held.remove(held)
            found.unreadable.append(
                _unreadable(RecordKind.IMAGE, held.record.id, f"what it holds is not known: {listed}")
            )
        else:
            found.addresses.update(listed)
            held.paths.extend(path for path in listed if path not in held.paths)


def _listed(store: ObjectStore, records: Records[Image], image: Any) -> list[str] | PermanentError:
    """Return what an image's manifest lists, or why that is not known."""
    while True:
        try:
            manifest, _ = read_manifest(store, image)
        except PermanentError as error:
            latest = _latest(records, image)
            if latest == image:
                return error
            if latest is None or latest.collection.is_transition:
                # It has begun to move since: its journal names all that the manifest did.
                return _paths_of(latest.journal) if latest else []
            image = latest
        else:
            return [artifact.link.path for artifact in manifest.artifacts]


def _latest(records: Records[Image], image: Image) -> Image | None:
    try:
        return records.get(image.id)
    except NotFound:
        return None


def _paths_of(journal: Journal | None) -> list[str]:
    if journal is None:
        return []
    links = [journal.link.path] if journal.link else []
    moving = [path for move in journal.moves for path in (move.source, move.target)]
    # A user may have put back what was missing once.
    return [*links, *moving, *journal.missing]


def _unreadable(kind: RecordKind, record_id: str, why: str) -> Finding:
    return Finding(kind=Kind.RECORD, what=f"{kind} {record_id}", why=why, outcome=Outcome.NEEDS_YOU)


def _links_of(record: Any) -> Iterator[Link]:
    if isinstance(record, Job):
        yield from record.logs
    elif record.link is not None:
        yield record.link
