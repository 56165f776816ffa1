"""The record store: sixteen JSON documents a kind, each changed by a conditional write.

A record is written only on condition that its document was not changed in between, so no update is ever lost. When the
answer to a write was lost or unclear, the record is read again: each record carries the tokens of its last writers.
"""

import builtins
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError

from config.refusals import refusals_of
from errors import BadInput, Conflict, Corrupt, NotFound, Unreachable
from storage.models.kinds import RecordKind
from storage.models.layout import SHARDS, shard_of
from storage.models.records import Collection, Record
from storage.records.attempts import REMEMBERED_WRITERS, Attempts
from storage.records.collector import collector_paused
from storage.records.documents import Document, Entry
from storage.records.kept_documents import Kept, KeptDocuments
from storage.records.shared_call import SharedCall
from storage.s3.objects import ObjectStore

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)

# The stored field that holds the tokens of a record's last writers, the newest first. It is no field of the record.
WRITERS = "writers"
PATIENCE = timedelta(minutes=2)
# How long a writer waits for another one of its process. It may go on without: the condition of the write decides.
TURN_SECONDS = 1.0


@dataclass(frozen=True)
class BrokenRecord:
    """A stored record that this release cannot read, and why. It is kept as it is."""

    kind: RecordKind
    id: str
    reason: str


@dataclass(frozen=True, eq=False)
class Snapshot(Generic[R]):
    """The records of a kind as they were when they were asked for. It is the same object as long as none changes.

    Attributes:
        records: Those that can be read, the oldest first.
        broken: The others.
    """

    records: tuple[R, ...]
    broken: tuple[BrokenRecord, ...]

    @cached_property
    def available(self) -> tuple[R, ...]:
        """Those that are not deleted."""
        return tuple(record for record in self.records if record.collection is Collection.AVAILABLE)

    @cached_property
    def not_available(self) -> tuple[R, ...]:
        """Those that are deleted, or are being deleted, restored or removed."""
        return tuple(record for record in self.records if record.collection is not Collection.AVAILABLE)


class Records(Generic[R]):
    """The records of one kind. Threads and processes may share them.

    Every method may raise Unreachable, Denied, BucketMissing, and Corrupt when a whole document is not one.

    Args:
        store: The object store.
        bucket: The bucket of the records.
        kind: The kind.
        model: The kind's model.
        patience: How long a change is tried when others write all the time, or the S3 server is in trouble.
    """

    def __init__(
        self, store: ObjectStore, bucket: str, kind: RecordKind, model: type[R], *, patience: timedelta = PATIENCE
    ) -> None:
        self._documents = KeptDocuments(store, bucket, kind)
        self.kind = kind
        self._model = model
        self._patience = patience
        self._turns = {shard: threading.Lock() for shard in SHARDS}
        self._snapshot: tuple[list[Kept], Snapshot[R]] | None = None
        self.snapshot = SharedCall(self._read_snapshot)
        self._loads = {shard: SharedCall(partial(self._documents.read, [shard])) for shard in SHARDS}

    def get(self, record_id: str) -> R:
        """Return a record, whichever collection it is in.

        Raises:
            NotFound: no such record.
            Corrupt: the record is there and cannot be read.
        """
        record_id = self._canonical(record_id)
        kept = self._load(shard_of(record_id))
        return self._read(record_id, kept.document.records.get(record_id))

    def available(self, record_id: str) -> R:
        """Return a record that is not deleted.

        Raises:
            NotFound: no such record, or it is deleted.
            Corrupt: the record is there and cannot be read.
        """
        return self._refuse_deleted(self.get(record_id))

    def create(self, record: R) -> R:
        """Store a new record and return it.

        Raises:
            Conflict: a record of this id exists.
            BadInput: a field has a value that its model refuses.
        """

        def put(current: Entry | None) -> R:
            if current is not None:
                raise Conflict(f"{self.kind.noun} {record.id} exists already")
            return record

        return self._write(record.id, put)

    def adopt(self, records: Sequence[R]) -> set[str]:
        """Store many new records, each document in one write; return the ids of which there is a record already.

        Cut off, the same call goes on. A record that is there stays as it is.

        Raises:
            BadInput: a field has a value that its model refuses; records of other documents may be stored.
        """
        existed: set[str] = set()
        for shard in SHARDS:
            if of_shard := [record for record in records if shard_of(record.id) == shard]:
                existed |= self._adopt(shard, of_shard)
        return existed

    def _adopt(self, shard: str, records: Sequence[R]) -> set[str]:
        token = secrets.token_hex(8)
        new = {record.id: self._entry(record.id, record, [token])[0] for record in records}
        attempt = Attempts(self._patience)
        with self._turn(shard):
            while True:
                kept = self._load(shard)
                present = {each: entry for each, entry in kept.document.records.items() if each in new}
                missing = {each: entry for each, entry in new.items() if each not in present}
                if not missing or self._save(shard, kept, kept.document.records | missing, attempt, []):
                    return {each for each, entry in present.items() if token not in _writers(entry)}

    def restore(self, shard: str, wanted: Document) -> set[str]:
        """Put the records of a document back that are missing, in one write; return the ids of those that differ here.

        Safe to repeat: a record that is there stays as it is. Records go back as they are, readable or not.
        """
        attempt = Attempts(self._patience)
        with self._turn(shard):
            while True:
                kept = self._load(shard)
                present = kept.document.records
                missing = {each: entry for each, entry in wanted.records.items() if each not in present}
                both = Kept(kept.etag, Document(present, wanted.others | kept.document.others))
                if not missing or self._save(shard, both, present | missing, attempt, []):
                    return {
                        each
                        for each in wanted.records.keys() & present
                        if not same(wanted.records[each], present[each])
                    }

    def change(self, record_id: str, change: Callable[[R], R]) -> R:
        """Replace a record by what `change` makes of it, and return the record as it is then stored.

        Args:
            record_id: The record.
            change: Makes the new record from the stored one, and may raise to leave it. It may be called several times,
                each time with the record as it is then; it must not change the id.

        Raises:
            NotFound: no such record.
            BadInput: a field has a value that its model refuses.
            Corrupt: the record is there and cannot be read.
        """
        record_id = self._canonical(record_id)
        return self._write(record_id, lambda current: change(self._read(record_id, current)))

    def change_available(self, record_id: str, change: Callable[[R], R]) -> R:
        """Replace a record that is not deleted, as `change` does.

        Raises:
            NotFound: no such record, or it is deleted.
        """
        return self.change(record_id, lambda record: change(self._refuse_deleted(record)))

    def remove(self, record_id: str) -> None:
        """Remove a record for good, readable or not.

        Raises:
            NotFound: no such record.
        """
        record_id = self._canonical(record_id)
        attempt = Attempts(self._patience)
        with self._turn(shard_of(record_id)):
            while True:
                kept = self._load(shard_of(record_id))
                if record_id not in kept.document.records:
                    if attempt.tried:
                        return
                    raise self._missing(record_id)
                others = {each: entry for each, entry in kept.document.records.items() if each != record_id}
                if self._save(shard_of(record_id), kept, others, attempt, []):
                    return

    def broken(self) -> builtins.list[BrokenRecord]:
        """Return the records that this release cannot read."""
        return self.all()[1]

    def all(self) -> tuple[builtins.list[R], builtins.list[BrokenRecord]]:
        """Return the records of all collections, the oldest first, and those that this release cannot read."""
        found = self.snapshot()
        return [*found.records], [*found.broken]

    def list(self, collection: Collection | None = Collection.AVAILABLE) -> builtins.list[R]:
        """Return the records of a collection (None: of all), the oldest first.

        A record that cannot be read is left out, with a warning in the log; `broken` lists it.
        """
        found = self.snapshot()
        return [record for record in found.records if collection is None or record.collection is collection]

    def _read_snapshot(self) -> Snapshot[R]:
        documents = self._documents.read()
        if self._snapshot is None or any(
            now is not before for now, before in zip(documents, self._snapshot[0], strict=True)
        ):
            with collector_paused():
                self._snapshot = documents, self._snapshot_of(documents)
            for each in self._snapshot[1].broken:
                logger.warning("%s %s cannot be read: %s", self.kind.noun, each.id, each.reason)
        return self._snapshot[1]

    def _snapshot_of(self, documents: builtins.list[Kept]) -> Snapshot[R]:
        readable: builtins.list[tuple[float, str, R]] = []
        broken = []
        for kept in documents:
            for record_id, entry in kept.document.records.items():
                if entry.reading is None:
                    entry.reading = self._reading(record_id, entry)
                if isinstance(entry.reading, str):
                    broken.append(BrokenRecord(self.kind, record_id, entry.reading))
                else:
                    readable.append(entry.reading)
        readable.sort(key=_age)
        return Snapshot(tuple(record for _, _, record in readable), tuple(broken))

    def _reading(self, record_id: str, entry: Entry) -> tuple[float, str, R] | str:
        """Return a record and its place in lists, or the reason why it cannot be read."""
        try:
            record = self._parse(record_id, entry)
            # A stored time without a zone must not hide the other records: timestamps always compare.
            return record.created.timestamp(), record.id, record
        except ValueError as error:
            # Also of a time that is no timestamp: year 1, some hours before that of UTC.
            return _reason(error)

    @contextmanager
    def _turn(self, shard: str) -> Iterator[None]:
        """Let the writers of this process write a document one after the other: they would only refuse each other."""
        is_held = self._turns[shard].acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            if is_held:
                self._turns[shard].release()

    def _write(self, record_id: str, decide: Callable[[Entry | None], R]) -> R:
        """Put what `decide` makes of the present entry in its place, trying again until the outcome is certain."""
        token = secrets.token_hex(8)
        shard = shard_of(self._canonical(record_id))
        attempt = Attempts(self._patience)
        with self._turn(shard):
            while True:
                kept = self._load(shard)
                current = kept.document.records.get(record_id)
                writers = _writers(current)
                if current is not None and token in writers:
                    return self._read(record_id, current)
                attempt.check_history(self._documents.uri(shard), writers)
                wanted = decide(current)
                entry, stored = self._entry(record_id, wanted, [token, *writers])
                if current is not None and self._is(record_id, current, stored):
                    return stored
                if self._save(shard, kept, kept.document.records | {record_id: entry}, attempt, writers):
                    return stored

    def _load(self, shard: str) -> Kept:
        return self._loads[shard]()[0]

    def _save(
        self,
        shard: str,
        kept: Kept,
        records: dict[str, Entry],
        attempt: Attempts,
        writers: builtins.list[str],
    ) -> bool:
        """Write a document unless it was changed since it was read; return whether the write is certain."""
        try:
            self._documents.write(shard, Document(records, kept.document.others), kept.etag)
        except (Conflict, Unreachable) as error:
            attempt.failed(self._documents.uri(shard), error, writers)
            return False
        return True

    def _entry(self, record_id: str, record: R, writers: builtins.list[str]) -> tuple[Entry, R]:
        """Return what is stored of a record, and the record as it will be read: what cannot be read is not written."""
        if record.id != record_id:
            raise ValueError(f"{self.kind.noun} {record_id} cannot become {record.id}: ids never change")
        fields = record.model_dump(mode="json", warnings=False)
        entry = Entry.of({WRITERS: writers[:REMEMBERED_WRITERS], **fields})
        try:
            return entry, self._parse(record_id, entry)
        except ValueError as error:
            raise BadInput(f"{self.kind.noun} {record_id} would not be readable: {_reason(error)}") from error

    def _parse(self, record_id: str, entry: Entry) -> R:
        record = self._model.model_validate_json(entry.text)
        if record.model_extra is not None:
            record.model_extra.pop(WRITERS, None)
            record.model_fields_set.discard(WRITERS)
        if record.id != record_id:
            raise ValueError(f"its id says {record.id}")
        return record

    def _read(self, record_id: str, entry: Entry | None) -> R:
        if entry is None:
            raise self._missing(record_id)
        try:
            return self._parse(record_id, entry)
        except ValueError as error:
            raise Corrupt(
                f"{self.kind.noun} {record_id} cannot be read: {_reason(error)}",
                resolution="it may be of a newer release; it is kept as it is until it is deleted",
            ) from error

    def _is(self, record_id: str, entry: Entry, record: R) -> bool:
        return self._parse(record_id, entry) == record

    def _refuse_deleted(self, record: R) -> R:
        if record.collection is not Collection.AVAILABLE:
            raise NotFound(
                f"{self.kind.noun} {record.id} is {record.collection}",
                resolution=f"see it with `ims deleted {self.kind.documents} describe {record.id}`",
            )
        return record

    def _missing(self, record_id: str) -> NotFound:
        return NotFound(f"no {self.kind.noun} {record_id}")

    def _canonical(self, record_id: str) -> str:
        try:
            # Blanks around an id come with copying it.
            return str(UUID(record_id.strip()))
        except ValueError as error:
            raise NotFound(
                f"no {self.kind.noun} {record_id!r}: ids are UUIDs", resolution=f"see `ims {self.kind.documents} list`"
            ) from error


def same(one: Entry, other: Entry) -> bool:
    """Return whether two stored records differ in no more than in the tokens of their writers."""
    return one.text == other.text or _without_writers(one) == _without_writers(other)


def _without_writers(entry: Entry) -> Any:
    value = entry.value
    return {name: each for name, each in value.items() if name != WRITERS} if isinstance(value, dict) else value


def _age(reading: tuple[float, str, Any]) -> tuple[float, str]:
    return reading[:2]


def _writers(entry: Entry | None) -> list[str]:
    found: Any = entry.value.get(WRITERS) if entry is not None and isinstance(entry.value, dict) else None
    return [token for token in found if isinstance(token, str)] if isinstance(found, list) else []


def _reason(error: ValueError) -> str:
    """Return why a record cannot be read, in one line and without its content."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(refusals_of(error, "the record"))
