"""Orphans in S3, looked for and removed; and records whose objects are gone, told."""

from datetime import timedelta

from config.settings import settings
from storage.reconcile.findings import Finding, settled
from storage.reconcile.losses import losses
from storage.reconcile.orphans import Orphans
from storage.reconcile.references import read_references
from storage.records.catalogue import catalogue
from storage.s3.listings import Listing, listing
from storage.s3.objects import object_store
from tasks.lost_jobs import is_at_work
from tasks.retries import retryable


@retryable
def settle_orphans(age: timedelta, apply: bool) -> list[Finding]:
    """Find objects and unfinished uploads that nobody refers to, and remove what is ours and old enough.

    Safe to repeat: what is gone is no longer found. Records whose objects are gone, or that cannot be read, are told.

    Args:
        age: Nothing younger is touched.
        apply: Whether anything is changed.
    """
    listings = _listings()
    orphans = Orphans(
        store=object_store(),
        settings=settings(),
        listings=listings,
        read=lambda: read_references(object_store(), catalogue()),
        is_at_work=is_at_work,
        age=age,
    )
    present = {listed.uri for each in listings for listed in each.objects}
    lost = losses(object_store(), catalogue(), orphans.references.held, present)
    remedies = [*orphans.uploads(), *orphans.objects()]
    return [*orphans.references.unreadable, *lost, *settled(remedies, apply)]


def _listings() -> list[Listing]:
    buckets = sorted({settings().bucket, settings().boot_images_bucket})
    return [listing(object_store(), bucket) for bucket in buckets]
