"""Restoring the records of a backup: what is missing comes back as it was, and what is here stays as it is.

Safe to repeat: cut off, the same call goes on.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from storage.models.kinds import RecordKind
from storage.models.layout import SHARDS
from storage.moving.adoption import AT_A_TIME, Adoption, Verdict, shown
from storage.moving.objects import Saved, verdict_of
from storage.moving.objects import restore as restore_object
from storage.moving.records import links_of
from storage.records.catalogue import Catalogue
from storage.records.documents import Document, Entry
from storage.records.kept_documents import KeptDocuments
from storage.records.store import Records, same
from storage.s3.objects import ObjectStore

_DIFFERS = "the record of its id is another one: it has been changed since the backup"


class ObjectRestoration(BaseModel):
    """An object of a backup and what becomes of it; `id` is its address."""

    kind: Literal["object"] = "object"
    id: str
    name: str = ""
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Planned:
    """A document of a backup, and what becomes of each of its records."""

    kind: RecordKind
    shard: str
    document: Document
    adoptions: list[Adoption]


def plan(backup: Sequence[tuple[RecordKind, str, Document]], store: ObjectStore, bucket: str) -> list[Planned]:
    """Decide what becomes of each record of a backup; nothing is written."""
    present = {
        (kind, shard): kept.document.records
        for kind in RecordKind
        for shard, kept in zip(SHARDS, KeptDocuments(store, bucket, kind).read(), strict=True)
    }
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return [
            Planned(kind, shard, document, list(pool.map(_Decision(kind, present[kind, shard], store), entries)))
            for kind, shard, document in backup
            for entries in [document.records.items()]
        ]


def restore(planned: Sequence[Planned], catalogue: Catalogue) -> list[Adoption]:
    """Store the records that are missing, and return what became of each."""
    adoptions = []
    for each in planned:
        records: Records[Any] = catalogue.of(each.kind)
        differ = records.restore(each.shard, each.document)
        adoptions += [
            adoption.model_copy(update={"verdict": Verdict.CONFLICT, "why": _DIFFERS})
            if adoption.id in differ
            else adoption
            for adoption in each.adoptions
        ]
    return adoptions


def objects_restored(
    store: ObjectStore, saved: Sequence[tuple[Saved, Path]], *, dry_run: bool
) -> list[ObjectRestoration]:
    """Put the objects of a backup back that are missing, and return what became of each.

    Raises:
        Corrupt: A file is not what was written; the objects before it are back.
    """
    found = []
    for each, file in saved:
        verdict, why = verdict_of(store, each, file) if dry_run else restore_object(store, each, file)
        found.append(ObjectRestoration(id=each.uri, verdict=verdict, why=why))
    return found


@dataclass(frozen=True)
class _Decision:
    """Decides what becomes of a record, given those that are here."""

    kind: RecordKind
    present: Mapping[str, Entry]
    store: ObjectStore

    def __call__(self, item: tuple[str, Entry]) -> Adoption:
        record_id, entry = item
        value = entry.value
        name = value.get("name") if isinstance(value, dict) else None
        known = self.present.get(record_id)
        verdict, why = self._compared(entry, known) if known else (Verdict.TAKEN, self._remark(entry))
        return Adoption(kind=self.kind, id=record_id, name=shown(name), verdict=verdict, why=why)

    def _compared(self, entry: Entry, known: Entry) -> tuple[Verdict, str]:
        return (Verdict.PRESENT, "") if same(entry, known) else (Verdict.CONFLICT, _DIFFERS)

    def _remark(self, entry: Entry) -> str:
        try:
            record = self.kind.model.model_validate_json(entry.text)
        except ValueError:
            return "this release cannot read it; it is kept as it is"
        gone = [link.path for link in links_of(record) if self.store.find(link.path) is None]
        return f"{gone[0]} is not there" if gone else ""
