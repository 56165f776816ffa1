"""Objects made of parts, as cheaply as they can be had: their parts are copies of one another."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from config.quantities import MiB
from storage.s3.metadata import to_headers
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

METADATA = {"md5sum": "not looked at"}
# SeaweedFS keeps text compressed: the zeros of a large object take no room, and no time.
COMPRESSED_TYPE = "text/plain"


def write_parts(
    store: ObjectStore,
    bucket: str,
    key: str,
    sizes: Sequence[int],
    *,
    metadata: dict[str, str] = METADATA,
) -> ObjectInfo:
    """Write an object of parts of these sizes, bytes; each begins with the same random mebibyte, then come zeros."""
    client, seed = store.client, f"{key}.seed"
    store.write(bucket, seed, os.urandom(MiB) + bytes(max(sizes) - MiB), content_type=COMPRESSED_TYPE)
    upload_id = client.create_multipart_upload(
        Bucket=bucket, Key=key, ContentType=COMPRESSED_TYPE, Metadata=to_headers(metadata)
    )["UploadId"]

    def part(number: int, size: int) -> "CompletedPartTypeDef":
        answer = client.upload_part_copy(
            Bucket=bucket,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": seed},
            CopySourceRange=f"bytes=0-{size - 1}",
        )
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(part, range(1, len(sizes) + 1), sizes))
    client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})
    store.delete(bucket, seed)
    return store.head(bucket, key)


def rewrite_whole(store: ObjectStore, bucket: str, key: str) -> None:
    """Write an object again, by one call: the etag that is not one of parts, as AWS gives to whole copies."""
    body, info = store.read(bucket, key)
    store.write(bucket, key, body, content_type=info.content_type, metadata=info.metadata)
