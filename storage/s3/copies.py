"""Copies of objects within S3, made by the server: content type, user metadata, tags and the etag stay the same.

A copy with another etag is accepted when the object carries its md5: some servers always give another etag.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from config.quantities import GiB_BYTES, MiB
from errors import Corrupt
from storage.s3.addresses import uri_of
from storage.s3.errors import translating
from storage.s3.metadata import to_headers
from storage.s3.object_info import MD5SUM, ObjectInfo
from storage.s3.objects import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# AWS: "CopyObject: up to 5 GB". Others have no such limit.
LARGEST_COPY_BYTES = 5 * GiB_BYTES
PART_BYTES = 1 * GiB_BYTES
PARTS_AT_A_TIME = 4
REFUSED_FOR_SIZE = {"EntityTooLarge", "InvalidRequest", "InvalidArgument"}
OF_PARTS = re.compile(r"[0-9a-f]{32}-([0-9]+)")
# A server that moves the bytes answers only when it is done. SeaweedFS copies more than ten times as many.
SLOWEST_BYTES_A_SECOND = 8 * MiB


def copy(store: ObjectStore, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
    """Copy an object, and return the copy once it is known to be the same. Safe to repeat.

    Args:
        store: The object store.
        source: The object, as it is now.
        bucket: The copy's bucket.
        key: The copy's key; an object there is overwritten.

    Raises:
        NotFound: The object is gone.
        Corrupt: The copy differs from it.
    """
    made = _copied_whole(store, source, bucket, key)
    if made is None or (made.etag != source.etag and OF_PARTS.fullmatch(source.etag)):
        # AWS gives a whole copy of an object made of parts another etag, and one of the same parts the same.
        copy_in_parts(store, source, bucket, key, part_sizes(store, source))
        made = store.head(bucket, key)
    if not is_same(source, made):
        raise Corrupt(
            f"{made.uri} is not the copy of {source.uri} that it should be: {made.size} bytes, etag {made.etag}, "
            f"instead of {source.size} bytes, etag {source.etag}",
            resolution="find out whether another program writes the same key, and try again",
        )
    return made


def copy_in_parts(store: ObjectStore, source: ObjectInfo, bucket: str, key: str, sizes: Sequence[int]) -> None:
    """Copy an object part by part, as S3 asks for when it is very large.

    Args:
        store: The object store.
        source: The object, as it is now.
        bucket: The copy's bucket.
        key: The copy's key.
        sizes: The parts' sizes in bytes: the source's own, when the copy is to have its etag.

    Raises:
        NotFound: The object is gone.
    """
    client = _client_for(store, max(sizes))
    with translating(uri_of(bucket, key)):
        upload_id = client.create_multipart_upload(
            Bucket=bucket, Key=key, ContentType=source.content_type, Metadata=to_headers(source.metadata)
        )["UploadId"]
        try:
            parts = _copied_parts(client, source, bucket, key, upload_id, sizes)
            client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            raise
    copy_tags(store, source, bucket, key)


def copy_tags(store: ObjectStore, source: ObjectInfo, bucket: str, key: str) -> None:
    """Give a copy the tags of its source: a copy in parts has none of itself (Ceph 16 ignores those it begins with).

    Raises:
        NotFound: One of them is gone.
    """
    with translating(source.uri):
        # Ceph leaves an empty set out.
        tags = store.client.get_object_tagging(Bucket=source.bucket, Key=source.key).get("TagSet", [])
    if tags:
        with translating(uri_of(bucket, key)):
            store.client.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": tags})


def part_sizes(store: ObjectStore, source: ObjectInfo) -> list[int]:
    """Return the sizes of the parts to copy an object in: those it was made of, where the server reports them."""
    own = OF_PARTS.fullmatch(source.etag)
    if own:
        with translating(source.uri):
            sizes = [_part_size(store.client, source, number) for number in range(1, int(own[1]) + 1)]
        # Ceph 16 ignores the number.
        if sum(sizes) == source.size:
            return sizes
    return [min(PART_BYTES, source.size - begin) for begin in range(0, source.size, PART_BYTES)]


def is_same(one: ObjectInfo, other: ObjectInfo) -> bool:
    """Return whether two objects are copies of each other: by size, type, metadata, and etag or the md5 they carry."""
    if (one.size, one.content_type, one.metadata) != (other.size, other.content_type, other.metadata):
        return False
    # A server may give a copy that it made in parts another etag.
    return one.etag == other.etag or bool(one.metadata.get(MD5SUM))


def _copied_whole(store: ObjectStore, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo | None:
    """Copy an object by one call; None when the server refuses that for its size."""
    with translating(source.uri):
        try:
            _client_for(store, source.size).copy_object(
                Bucket=bucket,
                Key=key,
                CopySource={"Bucket": source.bucket, "Key": source.key},
                # Ceph 16 ignores the condition: what was copied is compared afterwards, too. Unquoted as for PutObject.
                CopySourceIfMatch=source.etag,
                MetadataDirective="COPY",
                TaggingDirective="COPY",
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if source.size <= LARGEST_COPY_BYTES or code not in REFUSED_FOR_SIZE:
                raise
            return None
    return store.head(bucket, key)


def _copied_parts(
    client: "S3Client", source: ObjectInfo, bucket: str, key: str, upload_id: str, sizes: Sequence[int]
) -> "list[CompletedPartTypeDef]":
    def copied(number: int, end: int, size: int) -> "CompletedPartTypeDef":
        answer = client.upload_part_copy(
            Bucket=bucket,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": source.bucket, "Key": source.key},
            CopySourceIfMatch=source.etag,
            CopySourceRange=f"bytes={end - size}-{end - 1}",
        )
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    # The end of the block waits for all parts: none arrives after the upload is aborted.
    with ThreadPoolExecutor(PARTS_AT_A_TIME) as pool:
        return list(pool.map(copied, range(1, len(sizes) + 1), accumulate(sizes), sizes))


def _part_size(client: "S3Client", source: ObjectInfo, number: int) -> int:
    return client.head_object(Bucket=source.bucket, Key=source.key, PartNumber=number)["ContentLength"]


def _client_for(store: ObjectStore, size: int) -> "S3Client":
    """Return a client that waits for the copy of so many bytes; few limits, since a client takes time to make."""
    seconds = size // SLOWEST_BYTES_A_SECOND
    return store.patient_client(timedelta(seconds=1 << seconds.bit_length()))
