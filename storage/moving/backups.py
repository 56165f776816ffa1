"""Backups of the records: a folder with the sixteen documents of each kind as they were at one moment.

Nothing is trusted that is not proven: a backup has its name only when all of it was written, read again and compared.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from config.refusals import refusals_of
from errors import BadInput, Broken, Corrupt, Exhausted
from storage.models.kinds import RecordKind
from storage.models.layout import SHARDS, records_key
from storage.records.documents import Document
from storage.s3.addresses import uri_of
from storage.s3.conditional_reads import Version
from storage.s3.objects import ObjectStore

CONTENTS = "backup.json"
# A pass over all documents takes less than a tenth of a second: only a storm of changes needs several.
MOST_PASSES = 100

KEYS = {records_key(kind.documents, shard): (kind, shard) for kind in RecordKind for shard in SHARDS}


class Listed(BaseModel):
    """A document of a backup: its size in bytes, its sha256, and the etag it had in S3."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str
    etag: str


class Contents(BaseModel):
    """What a backup has: its documents by the keys that they had, which are their paths in the folder, too."""

    format: Literal[1] = 1
    made: datetime
    bucket: str
    documents: dict[str, Listed]


def back_up(store: ObjectStore, bucket: str, folder: Path) -> dict[RecordKind, int]:
    """Write the records of all kinds, as they are at one moment, into a new folder; return how many there are.

    Raises:
        BadInput: There is something at that path.
        Broken: It cannot be written.
        Corrupt: A document in S3 is not one, or what was written is not what is read.
        Exhausted: Records were changed all the time.
    """
    if folder.exists():
        raise BadInput(f"{folder} exists", resolution="name a new folder")
    versions = _at_one_moment(store, bucket)
    for key, version in versions.items():
        _document(version.data, uri_of(bucket, key))
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        _write(part, bucket, versions)
        counts = dict.fromkeys(RecordKind, 0)
        for kind, _, document in read_backup(part):
            counts[kind] += len(document.records)
        part.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise Broken(
            f"cannot write {folder}: {error.strerror}", resolution="free space there, or correct it"
        ) from error
    return counts


def read_backup(folder: Path) -> Iterator[tuple[RecordKind, str, Document]]:
    """Give the documents of a backup, each with its kind and shard, after all of them were compared with its list.

    Raises:
        BadInput: It is no backup.
        Corrupt: A document is missing, or is not what was written.
    """
    contents = _contents(folder)
    read = {key: _proven(folder / key, listed) for key, listed in contents.documents.items()}
    for key, data in read.items():
        yield *KEYS[key], _document(data, str(folder / key))


def _at_one_moment(store: ObjectStore, bucket: str) -> dict[str, Version]:
    """Return the documents as they all were when the last pass over them began: it found none changed.

    Each write makes a new etag, so that a document that has the same one was not changed in between.
    """
    found = dict.fromkeys(KEYS, Version())
    for _ in range(MOST_PASSES):
        read = store.read_changed(bucket, {key: version.etag for key, version in found.items()})
        changed = {key: now for key, now in read.items() if now is not None and now.etag != found[key].etag}
        if not changed:
            return {key: version for key, version in found.items() if version.etag}
        found |= changed
    raise Exhausted(f"records of {bucket} were changed all the time", resolution="try again when less is going on")


def _write(folder: Path, bucket: str, versions: Mapping[str, Version]) -> None:
    documents = {}
    for key, version in versions.items():
        _put(folder / key, version.data)
        documents[key] = Listed(
            size=len(version.data), sha256=hashlib.sha256(version.data).hexdigest(), etag=version.etag
        )
    contents = Contents(made=datetime.now(UTC), bucket=bucket, documents=documents)
    _put(folder / CONTENTS, (contents.model_dump_json(indent=1) + "\n").encode())


def _put(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _contents(folder: Path) -> Contents:
    file = folder / CONTENTS
    try:
        contents = Contents.model_validate(json.loads(file.read_bytes()))
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}", resolution="name a folder that `ims backup` has made") from error
    except ValidationError as error:
        raise BadInput(f"{file}: {'; '.join(refusals_of(error, 'it'))}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file} is not JSON: {error}") from error
    # The keys are paths below the folder: none leads out of it.
    if strange := contents.documents.keys() - KEYS.keys():
        raise BadInput(f"{file} lists {min(strange)!r}, which is no document of records")
    return contents


def _proven(file: Path, listed: Listed) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Corrupt(f"{file}: {error.strerror}", resolution="take another copy of the backup") from error
    if (len(data), hashlib.sha256(data).hexdigest()) != (listed.size, listed.sha256):
        raise Corrupt(
            f"{file} is not what was written: {CONTENTS} has another checksum", resolution="take another copy"
        )
    return data


def _document(data: bytes, where: str) -> Document:
    try:
        return Document.parse(data)
    except ValueError as error:
        raise Corrupt(f"{where} is not a document of records: it {error}") from error
