"""The documents of a kind, kept as they were last read or written; S3 is asked at each use whether they have changed.

A record whose text is the same keeps its entry, and with it what was made of it: only what changed is parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from errors import Corrupt
from storage.models.kinds import RecordKind
from storage.models.layout import SHARDS, records_key
from storage.records.collector import collector_paused
from storage.records.documents import Document
from storage.s3.addresses import uri_of
from storage.s3.conditional_reads import Version
from storage.s3.objects import ObjectStore


@dataclass(frozen=True, eq=False)
class Kept:
    """A document and the etag of its object; no etag: there is no object."""

    etag: str = ""
    document: Document = field(default_factory=Document)


class KeptDocuments:
    """Reads and writes the documents of one kind. Threads may share them: nothing that is kept is ever changed.

    Args:
        store: The object store.
        bucket: The bucket of the records.
        kind: The kind.
    """

    def __init__(self, store: ObjectStore, bucket: str, kind: RecordKind) -> None:
        self._store = store
        self._bucket = bucket
        self._keys = {shard: records_key(kind.documents, shard) for shard in SHARDS}
        self._kept = dict.fromkeys(SHARDS, Kept())

    def read(self, shards: Sequence[str] = SHARDS) -> list[Kept]:
        """Return documents as they are now; one that has not changed is the same object as before.

        Raises:
            Corrupt: An object is not a document.
        """
        before = {shard: self._kept[shard] for shard in shards}
        known = {self._keys[shard]: kept.etag for shard, kept in before.items()}
        versions = self._store.read_changed(self._bucket, known)
        with collector_paused():
            return [self._present(shard, before[shard], versions[self._keys[shard]]) for shard in shards]

    def write(self, shard: str, document: Document, etag: str) -> None:
        """Write a document on condition that its object still has an etag, or is still not there.

        Raises:
            Conflict: It was written in between, or that is not certain.
        """
        written = self._store.write(
            self._bucket,
            self._keys[shard],
            document.dump(),
            content_type="application/json",
            if_match=etag or None,
            if_none_match=not etag,
        )
        self._kept[shard] = Kept(written, document)

    def uri(self, shard: str) -> str:
        """Return the address of a document."""
        return uri_of(self._bucket, self._keys[shard])

    def _present(self, shard: str, before: Kept, version: Version | None) -> Kept:
        if version is None or version.etag == before.etag:
            return before
        now = Kept(version.etag, self._parsed(shard, version.data, before.document)) if version.etag else Kept()
        self._kept[shard] = now
        return now

    def _parsed(self, shard: str, data: bytes, before: Document) -> Document:
        try:
            document = Document.parse(data)
        except ValueError as error:
            raise Corrupt(
                f"{self.uri(shard)} is not a document of records: it {error}",
                resolution="it is left as it is; put a sound copy in its place, or move it away and lose these records",
            ) from error
        for record_id, entry in document.records.items():
            known = before.records.get(record_id)
            if known is not None and known.text == entry.text:
                document.records[record_id] = known
        return document
