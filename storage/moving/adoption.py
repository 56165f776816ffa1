"""Adopting the records of an IMS: over the objects where they lie, so that nothing but records is written.

Safe to repeat: what is there already stays as it is. Cut off, it is continued by running it again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from errors import BadInput
from storage.models.kinds import RecordKind
from storage.models.records import Record
from storage.moving.collections import FIELDS, Foreign
from storage.moving.records import is_at_work, links_of, record_of
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore

# Each asks S3 whether the objects of one record are there.
AT_A_TIME = 16


class Verdict(StrEnum):
    """What becomes of a record of an IMS."""

    TAKEN = "taken"
    PRESENT = "already there"
    LEFT = "left"
    CONFLICT = "in conflict"
    BROKEN = "broken"


class Adoption(BaseModel):
    """A record of an IMS and what becomes of it.

    Args:
        why: Why it is not taken, or what is wrong with one that is.
    """

    kind: RecordKind
    id: str
    name: str
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True)
class Planned:
    """What becomes of a record; the record as it is stored, if it is."""

    adoption: Adoption
    record: Record | None = None


def plan(found: Sequence[Foreign], catalogue: Catalogue, store: ObjectStore) -> list[Planned]:
    """Decide what becomes of each record; nothing is written."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        read = list(pool.map(lambda foreign: _read(foreign, store), found))
    known = {kind: {each.id: each for each in catalogue.of(kind).all()[0]} for kind in RecordKind}
    broken = {kind: {each.id for each in catalogue.of(kind).broken()} for kind in RecordKind}
    ids = Counter((kind, each.id) for kind, each in _records(read))
    paths = _by_path([*_records(read), *((kind, each) for kind, of in known.items() for each in of.values())])
    decided = []
    for planned in read:
        record = planned.record
        if record is None:
            decided.append(planned)
            continue
        kind = planned.adoption.kind
        present = known[kind].get(record.id)
        others = sorted({other for link in links_of(record) for other in paths[kind, link.path]} - {record.id})
        if ids[kind, record.id] > 1:
            decided.append(_refused(planned, Verdict.CONFLICT, "its id is that of another record, too"))
        elif record.id in broken[kind]:
            decided.append(_refused(planned, Verdict.CONFLICT, "a record of its id is here, and cannot be read"))
        elif present is not None:
            decided.append(_compared(planned, record, present))
        elif others:
            decided.append(_refused(planned, Verdict.CONFLICT, f"its link is that of {', '.join(others)}, too"))
        elif is_at_work(record):
            decided.append(_refused(planned, Verdict.LEFT, "IMS works on this job: import again when it has ended"))
        else:
            decided.append(planned)
    return decided


def adopt(planned: Iterable[Planned], catalogue: Catalogue) -> list[Adoption]:
    """Store what is to be taken, and return what became of each record.

    A record that another process has made in between stays as it is, and is in conflict.
    """
    planned = list(planned)
    wanted: dict[RecordKind, list[Record]] = defaultdict(list)
    for each in planned:
        if each.record is not None and each.adoption.verdict is Verdict.TAKEN:
            wanted[each.adoption.kind].append(each.record)
    existed = {(kind, record_id) for kind, records in wanted.items() for record_id in catalogue.of(kind).adopt(records)}
    return [
        _refused(each, Verdict.CONFLICT, "a record of its id was made meanwhile").adoption
        if (each.adoption.kind, each.adoption.id) in existed and each.adoption.verdict is Verdict.TAKEN
        else each.adoption
        for each in planned
    ]


def _read(foreign: Foreign, store: ObjectStore) -> Planned:
    kind = foreign.place.kind
    try:
        record = record_of(foreign, store)
    except BadInput as error:
        fields = foreign.fields if isinstance(foreign.fields, dict) else {}
        readable = {name: shown(fields.get(name)) for name in ("id", "name")}
        why = f"{error.message} ({foreign.where})"
        return Planned(Adoption(kind=kind, verdict=Verdict.BROKEN, why=why, **readable))
    gone = [link.path for link in links_of(record) if store.find(link.path) is None]
    why = f"{gone[0]} is not there" if gone else ""
    name = next((getattr(record, field) for field in _NAMES if hasattr(record, field)), "")
    return Planned(Adoption(kind=kind, id=record.id, name=name, verdict=Verdict.TAKEN, why=why), record)


_NAMES = ("name", "image_root_archive_name", "xname")
_LONGEST_SHOWN = 80


def shown(value: object) -> str:
    """Return a value of a record that was not checked, as a table can show it."""
    text = "" if value is None else str(value)[:_LONGEST_SHOWN]
    return "".join(character if character.isprintable() else "?" for character in text)


def _compared(planned: Planned, record: Record, present: Record) -> Planned:
    names = [*FIELDS[planned.adoption.kind], "deleted"]
    differ = [name for name in names if getattr(record, name, None) != getattr(present, name, None)]
    if differ:
        return _refused(planned, Verdict.CONFLICT, f"the record of its id has another {', '.join(differ)}")
    return _refused(planned, Verdict.PRESENT, planned.adoption.why)


def _refused(planned: Planned, verdict: Verdict, why: str) -> Planned:
    return Planned(planned.adoption.model_copy(update={"verdict": verdict, "why": why}))


def _records(planned: Iterable[Planned]) -> Iterable[tuple[RecordKind, Record]]:
    return ((each.adoption.kind, each.record) for each in planned if each.record is not None)


def _by_path(records: Iterable[tuple[RecordKind, Record]]) -> dict[tuple[RecordKind, str], set[str]]:
    found: dict[tuple[RecordKind, str], set[str]] = defaultdict(set)
    for kind, record in records:
        for link in links_of(record):
            found[kind, link.path].add(record.id)
    return found
