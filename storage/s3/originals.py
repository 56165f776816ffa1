"""Objects put back from files as they were: with the parts they were made of, so that their etags are the same."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO, cast

from s3transfer.utils import ReadFileChunk

from config.quantities import MiB
from storage.s3.addresses import uri_of
from storage.s3.errors import translating
from storage.s3.metadata import to_headers
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import ObjectStore
from storage.s3.uploads import PartSum, complete_upload, missing_parts, open_upload

_READ_BYTES = MiB


def tags_of(store: ObjectStore, bucket: str, key: str) -> dict[str, str]:
    """Return the tags of an object.

    Raises:
        NotFound: no such object.
    """
    with translating(uri_of(bucket, key)):
        # Ceph leaves an empty set out.
        found = store.client.get_object_tagging(Bucket=bucket, Key=key).get("TagSet", [])
    return {tag["Key"]: tag["Value"] for tag in found}


def put_tags(store: ObjectStore, bucket: str, key: str, tags: Mapping[str, str]) -> None:
    """Give an object its tags, unless it has any."""
    if tags and not tags_of(store, bucket, key):
        with translating(uri_of(bucket, key)):
            store.client.put_object_tagging(
                Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": name, "Value": tags[name]} for name in tags]}
            )


def put_back(
    store: ObjectStore,
    file: Path,
    bucket: str,
    key: str,
    *,
    content_type: str,
    metadata: Mapping[str, str],
    tags: Mapping[str, str],
    parts: Sequence[int],
) -> ObjectInfo:
    """Write an object that is not there, from a file of any size. Cut off, the same call goes on with what S3 has.

    Args:
        store: The object store.
        file: Its content.
        bucket: Its bucket.
        key: Its key.
        content_type: Its media type.
        metadata: Its user metadata.
        tags: Its tags.
        parts: The sizes of the parts it is made of, bytes; none: it is written in one piece.

    Raises:
        Conflict: There is an object now.
        Corrupt: What S3 holds afterwards is not what was sent.
    """
    if parts:
        _put_parts(store, file, bucket, key, content_type, metadata, parts)
    else:
        with file.open("rb") as body, translating(uri_of(bucket, key)):
            store.client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=to_headers(metadata),
                IfNoneMatch="*",
            )
    put_tags(store, bucket, key, tags)
    return store.head(bucket, key)


def _put_parts(
    store: ObjectStore,
    file: Path,
    bucket: str,
    key: str,
    content_type: str,
    metadata: Mapping[str, str],
    sizes: Sequence[int],
) -> None:
    upload = open_upload(store, bucket, key, content_type=content_type, metadata=metadata)
    begins = _begins(sizes)
    sums = part_sums(file, sizes)
    for part in missing_parts(store, upload, sums):
        chunk = ReadFileChunk.from_filename(str(file), begins[part.number - 1], part.size)
        with chunk, translating(uri_of(bucket, key)):
            store.client.upload_part(
                Bucket=bucket,
                Key=key,
                UploadId=upload.upload_id,
                PartNumber=part.number,
                Body=cast("IO[bytes]", chunk),
            )
    complete_upload(store, upload, sums)


def part_sums(file: Path, sizes: Sequence[int]) -> list[PartSum]:
    """Return the parts of a file, given their sizes."""
    found = zip(_begins(sizes), sizes, strict=True)
    return [PartSum(number, size, _md5(file, begin, size)) for number, (begin, size) in enumerate(found, 1)]


def _begins(sizes: Sequence[int]) -> list[int]:
    return [end - size for end, size in zip(accumulate(sizes), sizes, strict=True)]


def _md5(file: Path, begin: int, size: int) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as stream:
        stream.seek(begin)
        while size > 0 and (data := stream.read(min(_READ_BYTES, size))):
            md5.update(data)
            size -= len(data)
    return md5.hexdigest()
