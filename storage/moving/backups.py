"""Backups of the records: a folder with the sixteen documents of each kind as they were at one moment.

Nothing is trusted that is not proven: a backup has its name only when all of it was written, read again and compared.
"""

import hashlib
import json
import re
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
from storage.moving import objects
from storage.moving.files import put, sync
from storage.records.documents import Document
from storage.s3.addresses import uri_of
from storage.s3.conditional_reads import Version
from storage.s3.objects import ObjectStore

CONTENTS = "backup.json"
# A pass over all documents takes less than a tenth of a second: only a storm of changes needs several.
MOST_PASSES = 100
# The second round over the objects only asks whether they are the same.
MOST_ROUNDS = 5
RECORDS = "records"
_NAME = re.compile(r"[0-9a-f]{64}")

KEYS = {records_key(kind.documents, shard): (kind, shard) for kind in RecordKind for shard in SHARDS}


class Listed(BaseModel):
    """A document of a backup: its size in bytes, its sha256, and the etag it had in S3."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str
    etag: str


class Contents(BaseModel):
    """What a backup has.

    Args:
        made: When it was.
        bucket: The bucket of the records.
        documents: The documents by the keys that they had, which are their paths in the folder, too.
        objects: The sha256 of what is written of each object, by its name in the folder.
    """

    format: Literal[1] = 1
    made: datetime
    bucket: str
    documents: dict[str, Listed]
    objects: dict[str, str] = {}


def back_up(
    store: ObjectStore, bucket: str, folder: Path, *, objects_of: tuple[str, ...] = ()
) -> tuple[dict[RecordKind, int], int]:
    """Write the records of all kinds, as they are at one moment, into a new folder.

    Cut off, the same call goes on with the objects that are there.

    Args:
        store: The object store.
        bucket: The bucket of the records.
        folder: The folder to make.
        objects_of: The buckets whose other objects are to be in it, too.

    Returns:
        How many records and how many objects there are.

    Raises:
        BadInput: There is something at that path.
        Broken: It cannot be written.
        Corrupt: A document in S3 is not one, or what was written is not what is read.
        Exhausted: Records were changed all the time.
    """
    if folder.exists():
        raise BadInput(f"{folder} exists", resolution="name a new folder")
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part / RECORDS, ignore_errors=True)
        versions, saved = _taken(store, bucket, part, objects_of)
        _write(part, bucket, versions, saved)
        counts = dict.fromkeys(RecordKind, 0)
        for kind, _, document in read_backup(part):
            counts[kind] += len(document.records)
        part.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise Broken(
            f"cannot write {folder}: {error.strerror}", resolution="free space there, or correct it"
        ) from error
    return counts, len(saved)


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


def read_objects(folder: Path) -> list[tuple[objects.Saved, Path]]:
    """Return the objects of a backup and their files.

    Raises:
        BadInput, Corrupt: as `read_backup`.
    """
    return list(objects.read(folder, _contents(folder).objects))


def _taken(
    store: ObjectStore, bucket: str, folder: Path, objects_of: tuple[str, ...]
) -> tuple[dict[str, Version], dict[str, str]]:
    """Return the records, and the objects that belong to them: no record was changed while the last were saved."""
    for _ in range(MOST_ROUNDS):
        versions = _at_one_moment(store, bucket)
        for key, version in versions.items():
            _document(version.data, uri_of(bucket, key))
        if not objects_of:
            return versions, {}
        saved = objects.save(store, objects_of, folder)
        if _at_one_moment(store, bucket) == versions:
            return versions, saved
    raise Exhausted(
        f"records of {bucket} were changed while their objects were saved",
        resolution="run this again when less is going on: what is saved is kept",
    )


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


def _write(folder: Path, bucket: str, versions: Mapping[str, Version], saved: dict[str, str]) -> None:
    documents = {}
    for key, version in versions.items():
        put(folder / key, version.data)
        documents[key] = Listed(
            size=len(version.data), sha256=hashlib.sha256(version.data).hexdigest(), etag=version.etag
        )
    contents = Contents(made=datetime.now(UTC), bucket=bucket, documents=documents, objects=saved)
    put(folder / CONTENTS, (contents.model_dump_json(indent=1) + "\n").encode())


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
    if any(not _NAME.fullmatch(name) for name in contents.objects):
        raise BadInput(f"{file} lists an object by another name than `ims backup` gives")
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
