"""Finding and removing orphans in S3, and reporting records whose objects are gone."""

from datetime import timedelta

from config.settings import settings
from storage.reconcile.findings import Finding, repaired
from storage.reconcile.losses import losses
from storage.reconcile.orphans import Orphans
from storage.reconcile.references import read_references
from storage.records.catalogue import catalogue
from storage.s3.listings import Listing, listing
from storage.s3.objects import object_store
from tasks.lost_jobs import is_at_work
from tasks.retries import retryable


@retryable
def repair_orphans(age: timedelta, apply: bool) -> list[Finding]:
    """Find objects and unfinished uploads that no record refers to, and remove those that are ours and old enough.

    Safe to repeat: what is gone is no longer found. Records that cannot be read, or whose objects are gone, are only
    reported.

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
    return [*orphans.references.unreadable, *lost, *repaired(remedies, apply)]


def _listings() -> list[Listing]:
    buckets = sorted({settings().bucket, settings().boot_images_bucket})
    return [listing(object_store(), bucket) for bucket in buckets]
