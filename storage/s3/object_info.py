"""What S3 reports of an object."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.s3.addresses import uri_of
from storage.s3.metadata import from_headers

# The name under which objects carry the md5 of their content, as in the Cray Image Management Service.
MD5SUM = "md5sum"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class ObjectInfo:
    """An object as S3 reports it: its size in bytes, its etag without quotes, its user metadata, its time."""

    bucket: str
    key: str
    size: int
    etag: str
    metadata: dict[str, str]
    content_type: str
    modified: datetime = field(compare=False)

    @property
    def uri(self) -> str:
        """The object's address, `s3://bucket/key`."""
        return uri_of(self.bucket, self.key)


def is_md5(etag: str) -> bool:
    """Tell whether an etag has the form of an md5, as that of an object that was written in one piece.

    Of an encrypted object it may not be the md5 of the content.
    """
    return _MD5.fullmatch(etag) is not None


def info_of(bucket: str, key: str, answer: Any) -> ObjectInfo:
    """Return what the answer to a GetObject or HeadObject reports of the object."""
    return ObjectInfo(
        bucket=bucket,
        key=key,
        size=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        metadata=from_headers(answer["Metadata"]),
        content_type=answer["ContentType"],
        modified=answer["LastModified"],
    )
