"""The objects of a backup: each in a file, beside it what S3 knew of it; both are proven before either is used.

Safe to repeat: an object that is in the backup, or in S3, as it should be is not moved again.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from config.refusals import refusals_of
from errors import Conflict, Corrupt, NotFound
from storage.models.layout import credentials_key, job_key, shell_orders_key
from storage.moving.adoption import Verdict
from storage.moving.files import put, sha256_of, sync
from storage.moving.parts import parts_of
from storage.s3.addresses import uri_of
from storage.s3.object_info import MD5SUM, ObjectInfo
from storage.s3.objects import ObjectStore
from storage.s3.originals import part_sums, put_back, put_tags, tags_of
from storage.s3.uploads import multipart_etag

OBJECTS = "objects"
_SUFFIX = ".json"
# What is there only while a job is; the first holds secrets.
_SHORT_LIVED = {make("").rpartition("/")[2] for make in (credentials_key, shell_orders_key)}
_JOBS = job_key("", "").partition("/")[0] + "/"


class Saved(BaseModel):
    """An object of a backup; `parts` are the sizes of those it is made of, if there are several calls of S3 in it."""

    bucket: str
    key: str
    size: int
    etag: str
    content_type: str
    metadata: dict[str, str]
    tags: dict[str, str]
    parts: list[int]
    sha256: str

    @property
    def uri(self) -> str:
        """Its address."""
        return uri_of(self.bucket, self.key)


def save(store: ObjectStore, buckets: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Download all objects but the records; return the sha256 of what is written of each, by its name in the folder."""
    saved = {}
    for bucket in buckets:
        for key in store.keys(bucket, ""):
            if not _is_left_out(key):
                name = hashlib.sha256(uri_of(bucket, key).encode()).hexdigest()
                try:
                    saved[name] = _saved(store, bucket, key, folder / OBJECTS / name[:2] / name)
                except NotFound:
                    # It was removed, or moved to where the listing comes to it later, or was before.
                    continue
    _remove_others(folder / OBJECTS, saved)
    return saved


def read(folder: Path, listed: dict[str, str]) -> Iterator[tuple[Saved, Path]]:
    """Give the objects of a backup and their files; the files are compared when they are used.

    Raises:
        Corrupt: What is written of an object is not what was.
    """
    for name, digest in listed.items():
        file = folder / OBJECTS / name[:2] / name
        beside = file.with_name(name + _SUFFIX)
        try:
            text = beside.read_bytes()
            if hashlib.sha256(text).hexdigest() != digest:
                raise Corrupt(f"{beside} is not what was written", resolution="take another copy")
            yield Saved.model_validate_json(text), file
        except OSError as error:
            raise Corrupt(f"{beside}: {error.strerror}", resolution="take another copy of the backup") from error
        except ValidationError as error:
            raise Corrupt(f"{beside}: {'; '.join(refusals_of(error, 'it'))}") from error


def verdict_of(store: ObjectStore, saved: Saved, file: Path) -> tuple[Verdict, str]:
    """Decide what becomes of an object; nothing is written."""
    there = store.find(saved.uri)
    if there is None:
        return Verdict.TAKEN, ""
    if _is(there, saved, file):
        return Verdict.PRESENT, ""
    return Verdict.CONFLICT, f"the object there has {there.size} bytes and the etag {there.etag}, not {saved.etag}"


def restore(store: ObjectStore, saved: Saved, file: Path) -> tuple[Verdict, str]:
    """Put an object back unless there is one at its address.

    Raises:
        Corrupt: The file is not what was written.
    """
    verdict, why = verdict_of(store, saved, file)
    if verdict is Verdict.PRESENT:
        # A call that was cut off may not have come to the tags.
        put_tags(store, saved.bucket, saved.key, saved.tags)
    if verdict is not Verdict.TAKEN:
        return verdict, why
    if not file.is_file() or (file.stat().st_size, sha256_of(file)) != (saved.size, saved.sha256):
        raise Corrupt(f"{file}, which is {saved.uri}, is not what was written", resolution="take another copy")
    fields = saved.model_dump(include={"bucket", "key", "content_type", "metadata", "tags", "parts"})
    try:
        made = put_back(store, file, **fields)
    except Conflict:
        return verdict_of(store, saved, file)
    # A server may have given it an etag that does not follow from its parts: SeaweedFS, when they were copies.
    return Verdict.TAKEN, "" if made.etag == saved.etag else f"its etag is now {made.etag}: it was {saved.etag}"


def _remove_others(folder: Path, saved: dict[str, str]) -> None:
    """Remove what an earlier call has left: objects that are gone since, and downloads that were cut off."""
    for file in folder.glob("*/*"):
        if file.name.removesuffix(_SUFFIX) not in saved:
            file.unlink()


def _saved(store: ObjectStore, bucket: str, key: str, file: Path) -> str:
    beside = file.with_name(file.name + _SUFFIX)
    info = store.head(bucket, key)
    if known := _known(beside, file, info):
        return known
    beside.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    received = store.download(bucket, key, file, etag=info.etag)
    saved = Saved(
        bucket=bucket,
        key=key,
        size=info.size,
        etag=info.etag,
        content_type=info.content_type,
        metadata=info.metadata,
        tags=tags_of(store, bucket, key),
        parts=parts_of(store, info, file),
        sha256=received.sha256,
    )
    # What came over the wire is compared with what the disk gives.
    if sha256_of(file) != received.sha256:
        raise Corrupt(f"{file} is not what was written to it", resolution="check the disk")
    sync(file)
    text = saved.model_dump_json().encode()
    put(beside, text)
    return hashlib.sha256(text).hexdigest()


def _known(beside: Path, file: Path, info: ObjectInfo) -> str | None:
    try:
        text = beside.read_bytes()
        saved = Saved.model_validate_json(text)
        is_known = (saved.etag, saved.size, file.stat().st_size) == (info.etag, info.size, info.size)
    except (OSError, ValidationError):
        return None
    return hashlib.sha256(text).hexdigest() if is_known else None


def _is(info: ObjectInfo, saved: Saved, file: Path) -> bool:
    if (info.size, info.metadata) != (saved.size, saved.metadata):
        return False
    if info.etag == saved.etag or saved.metadata.get(MD5SUM):
        return True
    return bool(saved.parts) and file.is_file() and info.etag == multipart_etag(part_sums(file, saved.parts))


def _is_left_out(key: str) -> bool:
    return key.startswith("records/") or (key.startswith(_JOBS) and key.rpartition("/")[2] in _SHORT_LIVED)
