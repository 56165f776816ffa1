"""The object store: reads and writes of S3 objects, each safe to repeat, each failure in the project's own words.

Besides client.py, which makes this store's client, and uploads.py, downloads.py, copies.py, listings.py and
conditional_reads.py, which work on it, nothing else calls boto3. Conditional PutObject is the only condition built
upon: it is the only one that every S3 server keeps (Ceph ignores the others). A conditional GetObject only saves time.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig

from config.groups import S3
from config.quantities import MiB
from config.settings import settings
from errors import BadInput, Conflict, Corrupt, NotFound, Unreachable
from storage.s3.addresses import split_uri, uri_of
from storage.s3.backoff import tries
from storage.s3.client import CONNECTIONS, s3_client
from storage.s3.conditional_reads import ConditionalReads, Version
from storage.s3.downloads import Download, Source, download
from storage.s3.errors import BucketMissing, translating
from storage.s3.metadata import to_headers
from storage.s3.object_info import MD5SUM, ObjectInfo, info_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST_READ_BYTES = 64 * MiB
# Files above this go up in parts, four at a time: one part is in memory per thread.
PART_BYTES = 32 * MiB


class ObjectStore:
    """The S3 server that the settings name. Threads may share one store.

    Every method may raise Unreachable (after the configured number of tries), Denied and NotFound (no such bucket)
    besides what it names itself.
    """

    def __init__(self, server: S3) -> None:
        self.attempts = server.attempts
        self.client: S3Client = s3_client(server)
        self._server = server
        self._patient: dict[timedelta, S3Client] = {}
        self._conditional = ConditionalReads(self.client, server, LARGEST_READ_BYTES)

    def patient_client(self, silence: timedelta) -> "S3Client":
        """Return a client that bears at least so much silence within an answer; made once for each limit."""
        if silence <= self._server.read_timeout:
            return self.client
        if silence not in self._patient:
            self._patient[silence] = s3_client(self._server.model_copy(update={"read_timeout": silence}))
        return self._patient[silence]

    def check(self) -> None:
        """Check that the server answers and accepts the credentials."""
        with translating(uri_of("")):
            self.client.list_buckets()

    def ensure_bucket(self, bucket: str) -> None:
        """Create `bucket` unless it is there."""
        uri = uri_of(bucket)
        try:
            with translating(uri):
                self.client.head_bucket(Bucket=bucket)
        except NotFound:
            try:
                with translating(uri):
                    self.client.create_bucket(Bucket=bucket)
            except Conflict:
                # Created by another program in between: it is ours, or this raises Denied.
                with translating(uri):
                    self.client.head_bucket(Bucket=bucket)

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what S3 reports of an object.

        Raises:
            NotFound: no such object.
        """
        with translating(uri_of(bucket, key)):
            return info_of(bucket, key, self.client.head_object(Bucket=bucket, Key=key))

    def find(self, uri: str) -> ObjectInfo | None:
        """Return what S3 reports of the object at an address; None when there is none."""
        try:
            return self.head(*split_uri(uri))
        except NotFound:
            return None

    def read(self, bucket: str, key: str, *, limit: int = LARGEST_READ_BYTES) -> tuple[bytes, ObjectInfo]:
        """Return an object whole, and what S3 reports of it.

        Args:
            bucket: The object's bucket.
            key: The object's key.
            limit: Refuse objects larger than this, bytes.

        Raises:
            NotFound: no such object.
            BadInput: the object is larger than `limit`.
        """
        uri = uri_of(bucket, key)
        broken: Unreachable | None = None
        for _ in tries(self.attempts):
            with translating(uri):
                answer = self.client.get_object(Bucket=bucket, Key=key)
            # Not the body's own `with`: it hands out the raw stream, which neither counts bytes nor wraps errors.
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > limit:
                    raise BadInput(f"{uri} has {answer['ContentLength']} bytes, more than the {limit} that are read")
                try:
                    # The client tries requests again, but not a body that breaks off.
                    with translating(uri):
                        return body.read(), info_of(bucket, key, answer)
                except Unreachable as error:
                    broken = error
        raise Unreachable(f"{uri}: {self.attempts} reads broke off") from broken

    def read_changed(self, bucket: str, known: Mapping[str, str]) -> dict[str, Version | None]:
        """Return the present versions of small objects, all asked for at the same time; None: the known one.

        Args:
            bucket: Their bucket.
            known: The etags of the versions that the caller has by the objects' keys; empty: none.
        """
        found = self._conditional.ask(bucket, known)
        left = [key for key in known if key not in found]
        if left:
            with ThreadPoolExecutor(min(len(left), CONNECTIONS)) as pool:
                found |= zip(left, pool.map(lambda key: self._version(bucket, key), left), strict=True)
        return found

    def _version(self, bucket: str, key: str) -> Version:
        try:
            data, info = self.read(bucket, key)
        except BucketMissing:
            raise
        except NotFound:
            return Version()
        return Version(info.etag, data)

    def read_beginning(self, bucket: str, key: str, size: int) -> bytes:
        """Return the first bytes of an object that has at least so many.

        Raises:
            NotFound: no such object.
        """
        with translating(uri_of(bucket, key)):
            answer = self.client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{size - 1}")
            with closing(answer["Body"]) as body:
                return body.read()

    def write(
        self,
        bucket: str,
        key: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> str:
        """Write an object whole and return its etag.

        A condition that failed is no proof that nothing was written: the client tries a request again whose answer
        was lost, and the second try finds the first one's object. A caller that must know reads again and compares.

        Args:
            bucket: The object's bucket.
            key: The object's key.
            body: The content.
            content_type: Its media type.
            metadata: Its user metadata.
            if_match: Write only while the object has this etag.
            if_none_match: Write only while there is no such object.

        Raises:
            Conflict: the condition does not hold.
        """
        condition: dict[str, Any] = {}
        if if_match is not None:
            # Ceph 16 and 18 compare the raw header: a quoted etag never matches.
            condition["IfMatch"] = if_match
        if if_none_match:
            condition["IfNoneMatch"] = "*"
        with translating(uri_of(bucket, key)):
            answer = self.client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=to_headers(metadata or {}),
                **condition,
            )
        return answer["ETag"].strip('"')

    def write_file(
        self,
        bucket: str,
        key: str,
        path: Path,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> ObjectInfo:
        """Write a file of any size, its md5 in the object's metadata as `md5sum`; large ones in parallel parts.

        Args:
            bucket: The object's bucket.
            key: The object's key.
            path: The file.
            content_type: Its media type.
            metadata: User metadata besides `md5sum`.
            on_progress: Called with the number of bytes sent since the last call, from several threads.

        Raises:
            Conflict: the file was changed while it was read.
            Corrupt: what S3 holds afterwards is not what was sent.
        """
        before = path.stat()
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        with path.open("rb") as file, translating(uri_of(bucket, key)):
            self.client.upload_fileobj(
                file,
                bucket,
                key,
                ExtraArgs={"ContentType": content_type, "Metadata": to_headers({**(metadata or {}), MD5SUM: md5})},
                Callback=on_progress,
                Config=TransferConfig(
                    multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4
                ),
            )
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Conflict(f"{path} was changed while it was uploaded", resolution="try again when it is finished")
        written = self.head(bucket, key)
        if (written.size, written.metadata.get(MD5SUM)) != (before.st_size, md5):
            raise Corrupt(
                f"{written.uri} has {written.size} bytes, md5sum {written.metadata.get(MD5SUM)}, after an upload of "
                f"{before.st_size} bytes, md5sum {md5}",
                resolution="find out whether another program writes the same key, and try again",
            )
        return written

    def download(
        self,
        bucket: str,
        key: str,
        path: Path,
        *,
        etag: str = "",
        on_progress: Callable[[int], None] | None = None,
    ) -> Download:
        """Stream an object into a file and return its size and checksums; see `storage.s3.downloads.download`."""
        source = Source(self.client, bucket, key, etag, self.attempts)
        return download(source, path, on_progress=on_progress)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object. One that is not there is a success."""
        with translating(uri_of(bucket, key)):
            self.client.delete_object(Bucket=bucket, Key=key)

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in order."""
        with translating(uri_of(bucket, prefix)):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                yield from (entry["Key"] for entry in page.get("Contents", []))

    def presigned_get(self, bucket: str, key: str, expires: timedelta) -> str:
        """Return a URL that reads the object without credentials, for as long as `expires`."""
        return self._presigned("get_object", bucket, key, expires)

    def presigned_put(self, bucket: str, key: str, expires: timedelta) -> str:
        """Return a URL that writes the object without credentials, for as long as `expires`.

        The writer must send no Content-Type: Ceph 20 refuses one that is not signed.
        """
        return self._presigned("put_object", bucket, key, expires)

    def _presigned(self, call: str, bucket: str, key: str, expires: timedelta) -> str:
        with translating(uri_of(bucket, key)):
            return self.client.generate_presigned_url(
                call, Params={"Bucket": bucket, "Key": key}, ExpiresIn=int(expires.total_seconds())
            )


@cache
def object_store() -> ObjectStore:
    """Return the store that this process's settings name."""
    return ObjectStore(settings().s3)


def ensure_buckets() -> None:
    """Create the buckets that this process's settings name, unless they are there."""
    for bucket in (settings().bucket, settings().boot_images_bucket):
        object_store().ensure_bucket(bucket)
