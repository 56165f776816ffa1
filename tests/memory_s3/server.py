"""The server: what each of boto3's calls does to the buckets, and what it answers."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

from botocore.response import StreamingBody

from tests.memory_s3.buckets import Bucket, Refused, Stored, UnfinishedUpload, now
from tests.memory_s3.client import answering, new_host

PAGE = 1000

Asked = Mapping[str, Any]
Answer = dict[str, Any]


class MemoryS3:
    """An S3 server that clients of this process reach by its address, within `reached`."""

    def __init__(self) -> None:
        self._host = new_host()
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.RLock()
        self._calls: dict[str, Callable[[Asked], Answer]] = {
            "CopyObject": self._copy,
            "CreateMultipartUpload": self._begin_upload,
            "DeleteObject": self._delete,
            "GetObject": self._get,
            "GetObjectTagging": lambda asked: {"TagSet": [*self._object(asked).tags]},
            "HeadBucket": lambda asked: {"BucketRegion": self._bucket(asked) and "us-east-1"},
            "HeadObject": self._head,
            "ListMultipartUploads": self._list_uploads,
            "ListObjectsV2": self._list,
            "ListParts": self._list_parts,
            "PutObject": self._put,
            "PutObjectTagging": self._tag,
            "UploadPart": lambda asked: self._put_part(asked, content(asked["Body"])),
            "UploadPartCopy": self._copy_part,
            "AbortMultipartUpload": self._abort_upload,
            "CompleteMultipartUpload": self._complete_upload,
            "CreateBucket": self._create_bucket,
            "DeleteBucket": lambda asked: {"Gone": self._buckets.pop(asked["Bucket"], None)},
            "ListBuckets": lambda _: {"Buckets": [{"Name": name} for name in self._buckets]},
        }

    @property
    def endpoint_url(self) -> str:
        return f"http://{self._host}:9"

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Answer the calls of clients of this address that are made during the block."""
        with answering(self._host, self.answer):
            yield

    def answer(self, call: str, asked: Asked) -> Answer:
        """Carry out a call, one at a time.

        Raises:
            Refused: S3 answers with an error.
        """
        with self._lock:
            return self._calls[call](asked)

    def _bucket(self, asked: Asked) -> Bucket:
        if asked["Bucket"] not in self._buckets:
            raise Refused(404, "NoSuchBucket")
        return self._buckets[asked["Bucket"]]

    def _object(self, asked: Asked) -> Stored:
        return self._bucket(asked).object(asked["Key"])

    def _upload(self, asked: Asked) -> UnfinishedUpload:
        return self._bucket(asked).upload(asked["UploadId"])

    def _create_bucket(self, asked: Asked) -> Answer:
        if asked["Bucket"] in self._buckets:
            raise Refused(409, "BucketAlreadyOwnedByYou")
        self._buckets[asked["Bucket"]] = Bucket()
        return {}

    def _put(self, asked: Asked) -> Answer:
        stored = self._bucket(asked).put(
            asked["Key"],
            content(asked.get("Body", b"")),
            _said(asked),
            if_match=asked.get("IfMatch", "").strip('"'),
            if_none_match=asked.get("IfNoneMatch", ""),
        )
        return {"ETag": f'"{stored.etag}"'}

    def _head(self, asked: Asked) -> Answer:
        stored = self._object(asked)
        size = len(stored.body)
        if number := asked.get("PartNumber"):
            size = (stored.part_sizes or (size,))[number - 1]
        said = {"ETag": f'"{stored.etag}"', "LastModified": stored.modified, "ContentLength": size}
        return {**stored.said, **said}

    def _get(self, asked: Asked) -> Answer:
        stored = self._object(asked)
        if (wanted := asked.get("IfMatch", "").strip('"')) and stored.etag != wanted:
            raise Refused(412, "PreconditionFailed")
        body = stored.body[_window(asked.get("Range", ""), len(stored.body))]
        return {
            **self._head(asked),
            "ContentLength": len(body),
            "Body": StreamingBody(BytesIO(body), len(body)),
        }

    def _delete(self, asked: Asked) -> Answer:
        self._bucket(asked).objects.pop(asked["Key"], None)
        return {}

    def _tag(self, asked: Asked) -> Answer:
        tagged = replace(self._object(asked), tags=asked["Tagging"]["TagSet"])
        self._bucket(asked).objects[asked["Key"]] = tagged
        return {}

    def _list(self, asked: Asked) -> Answer:
        page, more = self._bucket(asked).page(asked.get("Prefix", ""), asked.get("ContinuationToken", ""), PAGE)
        listed = [
            {"Key": key, "Size": len(stored.body), "ETag": f'"{stored.etag}"', "LastModified": stored.modified}
            for key, stored in page
        ]
        following = {"NextContinuationToken": page[-1][0]} if more else {}
        return {"Contents": listed, "IsTruncated": more, **following}

    def _source(self, asked: Asked) -> Stored:
        source = self._object(asked["CopySource"])
        if (wanted := asked.get("CopySourceIfMatch", "").strip('"')) and source.etag != wanted:
            raise Refused(412, "PreconditionFailed")
        return source

    def _copy(self, asked: Asked) -> Answer:
        source = self._source(asked)
        said = _said(asked) if asked.get("MetadataDirective") == "REPLACE" else source.said
        made = replace(source, said=said, modified=now())
        self._bucket(asked).objects[asked["Key"]] = made
        return {"CopyObjectResult": {"ETag": f'"{made.etag}"', "LastModified": made.modified}}

    def _begin_upload(self, asked: Asked) -> Answer:
        upload = UnfinishedUpload(asked["Key"], _said(asked))
        self._bucket(asked).uploads[upload.upload_id] = upload
        return {"UploadId": upload.upload_id}

    def _list_uploads(self, asked: Asked) -> Answer:
        found = sorted(self._bucket(asked).uploads.values(), key=lambda upload: upload.key)
        listed = [
            {"Key": upload.key, "UploadId": upload.upload_id, "Initiated": upload.initiated}
            for upload in found
            if upload.key.startswith(asked.get("Prefix", ""))
        ]
        return {"Uploads": listed, "IsTruncated": False}

    def _put_part(self, asked: Asked, body: bytes) -> Answer:
        self._upload(asked).parts[asked["PartNumber"]] = body
        return {"ETag": _etag(body)}

    def _copy_part(self, asked: Asked) -> Answer:
        source = self._source(asked).body
        part = source[_window(asked.get("CopySourceRange", ""), len(source))]
        return {"CopyPartResult": self._put_part(asked, part)}

    def _list_parts(self, asked: Asked) -> Answer:
        held = sorted(self._upload(asked).parts.items())
        listed = [{"PartNumber": number, "Size": len(body), "ETag": _etag(body)} for number, body in held]
        return {"Parts": listed, "IsTruncated": False}

    def _complete_upload(self, asked: Asked) -> Answer:
        made = self._upload(asked).finished([part["PartNumber"] for part in asked["MultipartUpload"]["Parts"]])
        self._bucket(asked).objects[asked["Key"]] = made
        self._abort_upload(asked)
        return {"ETag": f'"{made.etag}"'}

    def _abort_upload(self, asked: Asked) -> Answer:
        del self._bucket(asked).uploads[self._upload(asked).upload_id]
        return {}


def content(body: Any) -> bytes:
    """Return the bytes of what a caller gives as a body."""
    return bytes(body if isinstance(body, bytes | bytearray) else body.read())


def _said(asked: Asked) -> Answer:
    metadata = {name.lower(): value for name, value in asked.get("Metadata", {}).items()}
    return {"ContentType": asked.get("ContentType", "binary/octet-stream"), "Metadata": metadata}


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def _window(asked: str, size: int) -> slice:
    """Return the bytes of a range as HTTP names it; all when there is none."""
    if not asked:
        return slice(0, size)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return slice(int(first), min(int(last), size - 1) + 1 if last else size)
