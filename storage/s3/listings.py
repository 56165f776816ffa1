"""Listings: all objects of a bucket as S3 lists them, and how old they are by its clock and by ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from errors import Conflict
from storage.s3.addresses import uri_of
from storage.s3.errors import translating
from storage.s3.objects import ObjectStore
from storage.s3.uploads import Upload, unfinished_uploads

# Listings of some servers carry fractions of seconds, the headers of an object never do.
SAME_MOMENT = timedelta(seconds=1)


@dataclass(frozen=True)
class Listed:
    """An object in a listing: its size in bytes, and when it was last written."""

    bucket: str
    key: str
    size: int
    modified: datetime

    @property
    def uri(self) -> str:
        """The object's address."""
        return uri_of(self.bucket, self.key)


@dataclass(frozen=True)
class Listing:
    """What a bucket held at one moment."""

    objects: list[Listed]
    uploads: list[Upload]
    taken: datetime

    def age(self, modified: datetime) -> timedelta:
        """Return how old something of that time was."""
        return max(self.taken - modified, timedelta(0))


def listing(store: ObjectStore, bucket: str) -> Listing:
    """List a bucket: its objects and its unfinished uploads.

    Nothing is taken for older than it is: of the server's clock and ours, the one that is behind counts.

    Raises:
        BucketMissing: There is no such bucket.
    """
    uploads = unfinished_uploads(store, bucket, "")
    objects: list[Listed] = []
    taken = datetime.now(UTC)
    with translating(uri_of(bucket)):
        for page in store.client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            taken = min(taken, _time_of(page, taken))
            objects += [
                Listed(bucket, entry["Key"], entry["Size"], entry["LastModified"]) for entry in page.get("Contents", [])
            ]
    return Listing(objects, uploads, taken)


def remove_listed(store: ObjectStore, listed: Listed) -> None:
    """Remove an object, unless it was written again since it was listed. An object that is gone is a success.

    Raises:
        Conflict: It was written again.
    """
    there = store.find(listed.uri)
    if there is None:
        return
    if there.size != listed.size or abs(there.modified - listed.modified) > SAME_MOMENT:
        raise Conflict(f"{listed.uri} was written again just now", resolution="it was left; run this again")
    store.delete(listed.bucket, listed.key)


def _time_of(answer: Any, otherwise: datetime) -> datetime:
    """Return when the server answered, by its own clock."""
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(said).astimezone(UTC)
    except ValueError:
        return otherwise
