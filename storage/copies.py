"""Copies of objects within S3: the server copies, and content type, user metadata and tags come along."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from errors import Corrupt
from storage.metadata import to_headers
from storage.object_info import MD5SUM, ObjectInfo, uri_of
from storage.objects import ObjectStore
from storage.s3_errors import translating
from storage.settings import GiB_BYTES

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# AWS: "CopyObject: up to 5 GB". Others have no such limit.
LARGEST_COPY_BYTES = 5 * GiB_BYTES
PART_BYTES = 1 * GiB_BYTES
REFUSED_FOR_SIZE = {"EntityTooLarge", "InvalidRequest", "InvalidArgument"}


def copy(store: ObjectStore, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
    """Copy an object, and return the copy once it is known to be the same. Safe to repeat.

    Args:
        store: The object store.
        source: The object, as it is now.
        bucket: The copy's bucket.
        key: The copy's key; what stands there is overwritten.

    Raises:
        NotFound: The object is gone.
        Corrupt: The copy differs from it.
    """
    with translating(source.uri):
        try:
            _copy_whole(store, source, bucket, key)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if source.size <= LARGEST_COPY_BYTES or code not in REFUSED_FOR_SIZE:
                raise
            copy_in_parts(store, source, bucket, key)
    made = store.head(bucket, key)
    if not is_same(source, made):
        raise Corrupt(
            f"{made.uri} is not the copy of {source.uri} that it should be: {made.size} bytes, etag {made.etag}, "
            f"instead of {source.size} bytes, etag {source.etag}",
            resolution="see whether somebody else writes the same key, and try again",
        )
    return made


def copy_in_parts(
    store: ObjectStore, source: ObjectInfo, bucket: str, key: str, *, part_bytes: int = PART_BYTES
) -> None:
    """Copy an object part by part, as S3 asks for when it is very large.

    Raises:
        NotFound: The object is gone.
    """
    client = store.client
    with translating(source.uri):
        tags = client.get_object_tagging(Bucket=source.bucket, Key=source.key)["TagSet"]
    with translating(uri_of(bucket, key)):
        upload_id = client.create_multipart_upload(
            Bucket=bucket,
            Key=key,
            ContentType=source.content_type,
            Metadata=to_headers(source.metadata),
            Tagging=urlencode({tag["Key"]: tag["Value"] for tag in tags}),
        )["UploadId"]
        try:
            parts: list[CompletedPartTypeDef] = []
            for number, begin in enumerate(range(0, source.size, part_bytes), start=1):
                end = min(begin + part_bytes, source.size) - 1
                answer = client.upload_part_copy(
                    Bucket=bucket,
                    Key=key,
                    UploadId=upload_id,
                    PartNumber=number,
                    CopySource={"Bucket": source.bucket, "Key": source.key},
                    CopySourceRange=f"bytes={begin}-{end}",
                )
                parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
            client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            raise


def is_same(one: ObjectInfo, other: ObjectInfo) -> bool:
    """Tell whether two objects are copies of each other: by size, type, metadata, and etag or the md5 they carry."""
    if (one.size, one.content_type, one.metadata) != (other.size, other.content_type, other.metadata):
        return False
    # A server may give a copy that it made in parts another etag.
    return one.etag == other.etag or bool(one.metadata.get(MD5SUM))


def _copy_whole(store: ObjectStore, source: ObjectInfo, bucket: str, key: str) -> None:
    store.client.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": source.bucket, "Key": source.key},
        # Ceph 16 ignores the condition: what was copied is compared afterwards, too. Unquoted, as for PutObject.
        CopySourceIfMatch=source.etag,
        MetadataDirective="COPY",
        TaggingDirective="COPY",
    )
