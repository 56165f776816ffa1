"""Downloads: streamed into a file that appears under its name only when it is whole and proven to be the object."""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from errors import Broken, Conflict, Corrupt, Unreachable
from storage.s3.addresses import uri_of
from storage.s3.backoff import pauses
from storage.s3.errors import translating
from storage.s3.object_info import MD5SUM, ObjectInfo, info_of, is_md5

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

# A stream that breaks off loses what it had of its present chunk.
CHUNK_BYTES = 128 << 10


@dataclass(frozen=True)
class Download:
    """A finished download: its size in bytes and the checksums of what was received."""

    size: int
    md5: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """What to download: an object, the etag it must have (empty: any), and how often a broken stream is resumed."""

    client: "S3Client"
    bucket: str
    key: str
    etag: str
    attempts: int


def download(source: Source, path: Path, *, on_progress: Callable[[int], None] | None = None) -> Download:
    """Stream an object into `path`, and hash it meanwhile.

    What arrives is kept in `.<name>.part` beside `path`, renamed when whole. After a stall or a reset the download
    continues where it stopped. It fails after the configured number of consecutive tries that received nothing.

    Args:
        source: The object.
        path: The file to write; replaced when there.
        on_progress: Called with the number of bytes received since the last call.

    Raises:
        NotFound: no such object.
        Conflict: the object's etag is not the source's, it was replaced meanwhile, or another download writes the file.
        Corrupt: length or checksum do not fit what S3 reports of the object.
        Broken: the file cannot be written.
    """
    with _part_file(path) as part:
        stream = _Stream(source)
        stream.receive(part, on_progress)
        result = stream.verified()
        _writing(path, lambda: Path(str(part.name)).replace(path))
    return result


class _Stream:
    """The download of one object, by as many requests as it takes."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._uri = uri_of(source.bucket, source.key)
        self._info: ObjectInfo | None = None
        self._encrypted = False
        self._received = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def receive(self, file: FileIO, on_progress: Callable[[int], None] | None) -> None:
        """Receive the whole object."""
        tries_in_vain = 0
        waits = pauses()
        while True:
            before = self._received
            # The client tries requests again, but not a body that breaks off.
            with closing(self._open()) as body:
                try:
                    self._receive_body(body, file, on_progress)
                except Unreachable:
                    tries_in_vain = 1 if self._received > before else tries_in_vain + 1
                    if tries_in_vain >= self._source.attempts:
                        raise
                else:
                    return
            time.sleep(next(waits))

    def verified(self) -> Download:
        """Return what was received; raise when it is not the object."""
        md5 = self._md5.hexdigest()
        info = self._info
        if info is None or self._received != info.size:
            raise Corrupt(
                f"{self._uri}: received {self._received} bytes of {info.size if info else 'an unknown number'}"
            )
        promised = {info.metadata.get(MD5SUM, "").lower()}
        if is_md5(info.etag) and not self._encrypted:
            promised.add(info.etag)
        if wrong := promised - {md5, ""}:
            raise Corrupt(
                f"{self._uri}: its md5 is {md5}, but S3 promises {' and '.join(sorted(wrong))}",
                resolution="the object was damaged where it is stored, or its metadata was: upload it again",
            )
        return Download(self._received, md5, self._sha256.hexdigest())

    def _receive_body(self, body: Any, file: FileIO, on_progress: Callable[[int], None] | None) -> None:
        while True:
            with translating(self._uri):
                chunk: bytes = body.read(CHUNK_BYTES)
            if not chunk:
                return
            _writing(Path(str(file.name)), partial(_write_all, file, chunk))
            self._md5.update(chunk)
            self._sha256.update(chunk)
            self._received += len(chunk)
            if on_progress:
                on_progress(len(chunk))

    def _open(self) -> Any:
        wanted: dict[str, Any] = {"Bucket": self._source.bucket, "Key": self._source.key}
        if self._info and self._received < self._info.size:
            wanted |= {"Range": f"bytes={self._received}-", "IfMatch": self._info.etag}
        with translating(self._uri):
            answer = self._source.client.get_object(**wanted)
        self._check(answer, resumed="Range" in wanted)
        return answer["Body"]

    def _check(self, answer: Any, *, resumed: bool) -> None:
        info = info_of(self._source.bucket, self._source.key, answer)
        expected = self._info.etag if self._info else self._source.etag
        if expected and info.etag != expected:
            raise Conflict(
                f"{self._uri} has the etag {info.etag}, not {expected}: it was replaced",
                resolution="link the record to the present object, or put the former one back",
            )
        if resumed and not str(answer.get("ContentRange", "")).startswith(f"bytes {self._received}-"):
            raise Unreachable(f"{self._uri}: the S3 server did not go on at byte {self._received}")
        if self._info is None:
            self._info = info
            # The etag of an object encrypted with a key of a key service is not an md5.
            self._encrypted = "aws:kms" in str(answer.get("ServerSideEncryption", ""))


@contextmanager
def _part_file(path: Path) -> Iterator[FileIO]:
    """Open `.<name>.part` beside `path`, empty and ours alone; it is removed unless it was renamed."""
    part = path.with_name(f".{path.name}.part")
    file = _writing(part, lambda: FileIO(part, "a"))
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another download writes {path}", resolution="wait for it to end") from error
        if not part.exists() or not os.path.samestat(part.stat(), os.fstat(file.fileno())):
            # The other download has just renamed it: the open file is the finished one.
            raise Conflict(f"another download wrote {path} just now", resolution="try again")
        file.truncate(0)
        try:
            yield file
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _write_all(file: FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _writing(path: Path, action: Callable[[], T]) -> T:
    try:
        return action()
    except OSError as error:
        raise Broken(f"cannot write {path}: {error.strerror}", resolution="free space there, or correct it") from error
