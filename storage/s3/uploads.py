"""Multipart uploads by a pod, which has presigned URLs and no credentials.

Nothing is visible under the key until `complete_upload` has checked every part; an upload continues with the parts that
are already there.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from errors import Corrupt, NotFound, TransientError
from storage.s3.addresses import uri_of
from storage.s3.errors import BucketMissing, translating
from storage.s3.metadata import to_headers
from storage.s3.object_info import ObjectInfo, is_md5
from storage.s3.objects import ObjectStore

MULTIPART_ETAG = re.compile(r"[0-9a-f]{32}-[0-9]+")


@dataclass(frozen=True)
class Upload:
    """A multipart upload that is not finished, and when it was begun, where S3 has reported it."""

    bucket: str
    key: str
    upload_id: str
    begun: datetime | None = field(default=None, compare=False)

    @property
    def uri(self) -> str:
        """The URI of the object that it becomes."""
        return uri_of(self.bucket, self.key)


@dataclass(frozen=True)
class Part:
    """A part that S3 holds: its size in bytes, its etag without quotes."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True)
class PartSum:
    """A part as its sender knows it: its size in bytes, its md5 in hexadecimal."""

    number: int
    size: int
    md5: str


def open_upload(store: ObjectStore, bucket: str, key: str, *, content_type: str, metadata: Mapping[str, str]) -> Upload:
    """Return the unfinished upload of `key`, or begin one.

    Safe to repeat: of several unfinished ones the newest is kept and the others are aborted. An adopted upload keeps
    the content type and the metadata it was begun with, so a key must always be uploaded with the same ones.

    Args:
        store: The object store.
        bucket: The object's bucket.
        key: The object's key.
        content_type: The object's media type.
        metadata: The object's user metadata.
    """
    found = [upload for upload in unfinished_uploads(store, bucket, key) if upload.key == key]
    for surplus in found[:-1]:
        abort_upload(store, surplus)
    if found:
        return found[-1]
    with translating(uri_of(bucket, key)):
        answer = store.client.create_multipart_upload(
            Bucket=bucket, Key=key, ContentType=content_type, Metadata=to_headers(metadata)
        )
    return Upload(bucket, key, answer["UploadId"])


def unfinished_uploads(store: ObjectStore, bucket: str, prefix: str) -> list[Upload]:
    """Return the unfinished uploads whose keys begin with `prefix`, the oldest first."""
    with translating(uri_of(bucket, prefix)):
        pages = store.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        found = [entry for page in pages for entry in page.get("Uploads", [])]
    found.sort(key=lambda entry: (entry["Initiated"], entry["UploadId"]))
    return [Upload(bucket, entry["Key"], entry["UploadId"], entry["Initiated"]) for entry in found]


def uploaded_parts(store: ObjectStore, upload: Upload) -> dict[int, list[Part]]:
    """Return the parts that S3 holds, by number.

    SeaweedFS keeps all that were sent under a number, and lists them in an order that does not show which came last.

    Raises:
        NotFound: the upload was completed or aborted.
    """
    held: dict[int, list[Part]] = {}
    for part in _parts(store, upload):
        held.setdefault(part.number, []).append(part)
    return held


def missing_parts(store: ObjectStore, upload: Upload, expected: Iterable[PartSum]) -> list[PartSum]:
    """Return the parts that S3 does not hold as they should be.

    Raises:
        NotFound: the upload was completed or aborted.
    """
    held = uploaded_parts(store, upload)
    return [part for part in expected if not any(_is(there, part) for there in held.get(part.number, []))]


def presigned_parts(store: ObjectStore, upload: Upload, numbers: Iterable[int], expires: timedelta) -> dict[int, str]:
    """Return, for each part number, a URL that takes that part by PUT without credentials."""
    with translating(upload.uri):
        return {
            number: store.client.generate_presigned_url(
                "upload_part",
                Params={
                    "Bucket": upload.bucket,
                    "Key": upload.key,
                    "UploadId": upload.upload_id,
                    "PartNumber": number,
                },
                ExpiresIn=int(expires.total_seconds()),
            )
            for number in numbers
        }


def complete_upload(store: ObjectStore, upload: Upload, parts: Sequence[PartSum]) -> ObjectInfo:
    """Make the object of its parts, when they are all there and are what was sent.

    Safe to repeat: an upload that is gone while the object is there with the right size and etag was completed by
    an earlier run.

    Args:
        store: The object store.
        upload: The upload.
        parts: The parts that the sender reports, at least one.

    Raises:
        TransientError: parts are missing, named by number; send them and complete again.
        Corrupt: a part, or the finished object, is not what was sent.
        NotFound: the upload is gone and the object is not what it would have made.
    """
    if not parts:
        raise ValueError(f"{upload.uri}: an upload has at least one part")
    ordered = sorted(parts, key=lambda part: part.number)
    try:
        _complete(store, upload, _chosen_parts(upload, uploaded_parts(store, upload), ordered))
    except NotFound as gone:
        return _finished_before(store, upload, ordered, gone)
    # Ceph 16 answers with an empty etag.
    info = store.head(upload.bucket, upload.key)
    if not _fits(info, ordered):
        raise Corrupt(
            f"{info.uri} has {info.size} bytes and the etag {info.etag} after an upload of {_size(ordered)} bytes "
            f"that makes {multipart_etag(ordered)}",
            resolution="find out whether another program writes the same key, and try again",
        )
    return info


def abort_upload(store: ObjectStore, upload: Upload) -> None:
    """Abort an upload, which frees its parts. An upload that is gone is a success."""
    try:
        with translating(upload.uri):
            store.client.abort_multipart_upload(Bucket=upload.bucket, Key=upload.key, UploadId=upload.upload_id)
    except BucketMissing:
        raise
    except NotFound:
        return


def abort_uploads(store: ObjectStore, bucket: str, prefix: str) -> int:
    """Abort every unfinished upload whose key begins with `prefix`; return how many there were."""
    found = unfinished_uploads(store, bucket, prefix)
    for upload in found:
        abort_upload(store, upload)
    return len(found)


def multipart_etag(parts: Sequence[PartSum]) -> str:
    """Return the etag that S3 gives an object made of these parts: the md5 of their md5s, and their number."""
    sums = b"".join(bytes.fromhex(part.md5) for part in parts)
    return f"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _parts(store: ObjectStore, upload: Upload) -> Iterator[Part]:
    with translating(upload.uri):
        pages = store.client.get_paginator("list_parts").paginate(
            Bucket=upload.bucket, Key=upload.key, UploadId=upload.upload_id
        )
        for page in pages:
            for entry in page.get("Parts", []):
                yield Part(entry["PartNumber"], entry["Size"], entry["ETag"].strip('"'))


def _chosen_parts(upload: Upload, held: Mapping[int, Sequence[Part]], expected: Sequence[PartSum]) -> list[Part]:
    """Return, of the parts that S3 holds, those that the object is made of."""
    if missing := [str(part.number) for part in expected if part.number not in held]:
        raise TransientError(f"{upload.uri}: parts {', '.join(missing)} of its upload are missing")
    return [_chosen_part(upload, held[part.number], part) for part in expected]


def _chosen_part(upload: Upload, held: Sequence[Part], expected: PartSum) -> Part:
    for part in held:
        if _is(part, expected):
            return part
    raise Corrupt(
        f"{upload.uri}: part {expected.number} has {held[-1].size} bytes and md5 {held[-1].etag}, "
        f"sent were {expected.size} bytes with md5 {expected.md5}",
        resolution="send the part again",
    )


def _is(held: Part, expected: PartSum) -> bool:
    # An etag of another form does not depend on the content (encrypted objects).
    differs = is_md5(held.etag) and held.etag != expected.md5
    return held.size == expected.size and not differs


def _complete(store: ObjectStore, upload: Upload, parts: Sequence[Part]) -> None:
    with translating(upload.uri):
        store.client.complete_multipart_upload(
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload.upload_id,
            MultipartUpload={"Parts": [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]},
        )


def _finished_before(store: ObjectStore, upload: Upload, parts: Sequence[PartSum], gone: NotFound) -> ObjectInfo:
    try:
        info = store.head(upload.bucket, upload.key)
    except NotFound:
        # Ceph gives the same answer for an upload that is gone and for an object that is gone.
        raise NotFound(f"{upload.uri}: its upload is gone, and no object was made of it") from gone
    if info.size != _size(parts) or info.etag != multipart_etag(parts):
        raise NotFound(
            f"{upload.uri}: its upload is gone, and the object there is another one "
            f"({info.size} bytes, etag {info.etag})",
            resolution="upload it again",
        ) from gone
    return info


def _fits(info: ObjectInfo, parts: Sequence[PartSum]) -> bool:
    comparable = MULTIPART_ETAG.fullmatch(info.etag)
    return info.size == _size(parts) and (not comparable or info.etag == multipart_etag(parts))


def _size(parts: Sequence[PartSum]) -> int:
    return sum(part.size for part in parts)
