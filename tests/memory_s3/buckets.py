"""What an S3 server keeps: objects, and uploads that are not finished."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

# The last part may be smaller.
SMALLEST_PART_BYTES = 5 << 20


class Refused(Exception):
    """What S3 answers instead of doing what it was asked for."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def now() -> datetime:
    """Return the time as S3's headers tell it."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Stored:
    """An object: its content, and what was said of it when it was written (`ContentType`, `Metadata`)."""

    body: bytes
    said: Mapping[str, Any]
    etag: str
    part_sizes: tuple[int, ...] = ()
    tags: Sequence[Any] = ()
    modified: datetime = field(default_factory=now)


@dataclass
class UnfinishedUpload:
    """An upload that was begun, and the parts that have come."""

    key: str
    said: Mapping[str, Any]
    upload_id: str = field(default_factory=lambda: uuid4().hex)
    initiated: datetime = field(default_factory=now)
    parts: dict[int, bytes] = field(default_factory=dict)

    def finished(self, numbers: list[int]) -> Stored:
        """Return the object that these parts make."""
        if not set(numbers) <= self.parts.keys():
            raise Refused(400, "InvalidPart")
        bodies = [self.parts[number] for number in numbers]
        if any(len(body) < SMALLEST_PART_BYTES for body in bodies[:-1]):
            raise Refused(400, "EntityTooSmall")
        sums = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest()
        return Stored(b"".join(bodies), self.said, f"{sums}-{len(bodies)}", tuple(map(len, bodies)))


@dataclass
class Bucket:
    """The objects of a bucket by key, and its unfinished uploads by id."""

    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, UnfinishedUpload] = field(default_factory=dict)

    def object(self, key: str) -> Stored:
        if key not in self.objects:
            raise Refused(404, "NoSuchKey")
        return self.objects[key]

    def upload(self, upload_id: str) -> UnfinishedUpload:
        if upload_id not in self.uploads:
            raise Refused(404, "NoSuchUpload")
        return self.uploads[upload_id]

    def put(self, key: str, body: bytes, said: Mapping[str, Any], *, if_match: str, if_none_match: str) -> Stored:
        """Write an object, unless a condition does not hold."""
        there = self.objects.get(key)
        if (if_none_match and there) or (if_match and (there is None or there.etag != if_match)):
            raise Refused(412, "PreconditionFailed")
        self.objects[key] = Stored(body, said, hashlib.md5(body).hexdigest())
        return self.objects[key]

    def page(self, prefix: str, after: str, limit: int) -> tuple[list[tuple[str, Stored]], bool]:
        """Return the objects of a page of a listing, and whether more follow."""
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        return [(key, self.objects[key]) for key in keys[:limit]], len(keys) > limit
