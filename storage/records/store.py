"""The record store: sixteen JSON documents a kind, each changed by a conditional write.

A record is written only on condition that its document was not changed in between, so no update is ever lost. When the
answer to a write was lost or unclear, the record is read again: each record carries the tokens of its last writers.
"""

import builtins
import logging
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError

from config.refusals import refusals_of
from errors import BadInput, Conflict, Corrupt, NotFound, Unreachable
from storage.models.kinds import RecordKind
from storage.models.layout import SHARDS, records_key, shard_of
from storage.models.records import Collection, Record
from storage.records.attempts import REMEMBERED_WRITERS, Attempts
from storage.records.documents import Document, Entry
from storage.s3.addresses import uri_of
from storage.s3.errors import BucketMissing
from storage.s3.objects import ObjectStore

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)

# The stored field that holds the tokens of a record's last writers, the newest first. It is no field of the record.
WRITERS = "writers"
PATIENCE = timedelta(minutes=2)


@dataclass(frozen=True)
class BrokenRecord:
    """A stored record that this release cannot read, and why. It is kept as it is."""

    kind: RecordKind
    id: str
    reason: str


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
        self._store = store
        self._bucket = bucket
        self.kind = kind
        self._model = model
        self._patience = patience

    def get(self, record_id: str) -> R:
        """Return a record, whichever collection it is in.

        Raises:
            NotFound: no such record.
            Corrupt: the record is there and cannot be read.
        """
        record_id = self._canonical(record_id)
        document, _ = self._load(shard_of(record_id))
        return self._read(record_id, document.records.get(record_id))

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
        while True:
            document, etag = self._load(shard_of(record_id))
            if record_id not in document.records:
                if attempt.tried:
                    return
                raise self._missing(record_id)
            del document.records[record_id]
            if self._save(shard_of(record_id), document, etag, attempt, []):
                return

    def broken(self) -> builtins.list[BrokenRecord]:
        """Return the records that this release cannot read."""
        return self.all()[1]

    def all(self) -> tuple[builtins.list[R], builtins.list[BrokenRecord]]:
        """Return the records of all collections, in no order, and those that this release cannot read."""
        readable, broken = [], []
        for record_id, found in self._scan():
            if isinstance(found, str):
                broken.append(BrokenRecord(self.kind, record_id, found))
            else:
                readable.append(found)
        return readable, broken

    def list(self, collection: Collection | None = Collection.AVAILABLE) -> builtins.list[R]:
        """Return the records of a collection (None: of all), the oldest first.

        A record that cannot be read is left out, with a warning in the log; `broken` lists it.
        """
        records = []
        for record_id, found in self._scan():
            if isinstance(found, str):
                logger.warning("%s %s cannot be read: %s", self.kind.noun, record_id, found)
            elif collection is None or found.collection is collection:
                records.append(found)
        # A stored time without a zone must not hide the other records: timestamps always compare.
        return sorted(records, key=lambda record: (record.created.timestamp(), record.id))

    def _scan(self) -> Iterator[tuple[str, R | str]]:
        """Yield every record by id, or the reason why it cannot be read."""
        with ThreadPoolExecutor(len(SHARDS)) as pool:
            for document, _ in pool.map(self._load, SHARDS):
                for record_id, entry in document.records.items():
                    try:
                        yield record_id, self._parse(record_id, entry)
                    except ValueError as error:
                        yield record_id, _reason(error)

    def _write(self, record_id: str, decide: Callable[[Entry | None], R]) -> R:
        """Put what `decide` makes of the present entry in its place, trying again until the outcome is certain."""
        token = secrets.token_hex(8)
        shard = shard_of(self._canonical(record_id))
        attempt = Attempts(self._patience)
        while True:
            document, etag = self._load(shard)
            current = document.records.get(record_id)
            writers = _writers(current)
            if current is not None and token in writers:
                return self._read(record_id, current)
            attempt.check_history(uri_of(self._bucket, records_key(self.kind.documents, shard)), writers)
            wanted = decide(current)
            entry, stored = self._entry(record_id, wanted, [token, *writers])
            if current is not None and self._is(record_id, current, stored):
                return stored
            document.records[record_id] = entry
            if self._save(shard, document, etag, attempt, writers):
                return stored

    def _load(self, shard: str) -> tuple[Document, str | None]:
        key = records_key(self.kind.documents, shard)
        try:
            data, info = self._store.read(self._bucket, key)
        except BucketMissing:
            raise
        except NotFound:
            return Document(), None
        try:
            return Document.parse(data), info.etag
        except ValueError as error:
            raise Corrupt(
                f"{info.uri} is not a document of records: it {error}",
                resolution="it is left as it is; put a sound copy in its place, or move it away and lose these records",
            ) from error

    def _save(
        self, shard: str, document: Document, etag: str | None, attempt: Attempts, writers: builtins.list[str]
    ) -> bool:
        """Write a document unless it was changed since it was read; return whether the write is certain."""
        key = records_key(self.kind.documents, shard)
        try:
            self._store.write(
                self._bucket,
                key,
                document.dump(),
                content_type="application/json",
                if_match=etag,
                if_none_match=etag is None,
            )
        except (Conflict, Unreachable) as error:
            attempt.failed(uri_of(self._bucket, key), error, writers)
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


def _writers(entry: Entry | None) -> list[str]:
    found: Any = entry.value.get(WRITERS) if entry is not None and isinstance(entry.value, dict) else None
    return [token for token in found if isinstance(token, str)] if isinstance(found, list) else []


def _reason(error: ValueError) -> str:
    """Return why a record cannot be read, in one line and without its content."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(refusals_of(error, "the record"))
