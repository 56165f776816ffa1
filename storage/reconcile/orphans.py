"""Orphans: objects and unfinished uploads that no record refers to.

An object may be removed only when all of this holds: its key and its marks prove that this system made it; no record
that was read *after* it was listed refers to it, nor is there the record that its key names; no job at work may have
made it; and it is older than the safety age. Objects are listed before records are read: a record is
written after its objects, so the records refer to what is published in between. An object whose record is not written
yet is younger than the safety age, or of a job at work, whose objects are never orphans. Before the first removal the
records are read once more.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property

from config.settings import Settings
from errors import Conflict, NotFound
from storage.models.layout import credentials_key
from storage.reconcile.findings import Finding, Kind, Outcome, Remedy
from storage.reconcile.ownership import Noun, Owner, is_marked, job_of, owner_of
from storage.reconcile.references import References
from storage.s3.listings import Listed, Listing, remove_listed
from storage.s3.objects import ObjectStore
from storage.s3.uploads import Upload, abort_upload, uploaded_parts

FOREIGN = "their keys are none that this system writes"
UNMARKED = "nothing in them proves that this system made them"
UNKNOWN_HOLDINGS = "may belong to a record or a manifest that cannot be read"
# A schedule may name a script that no record does.
KEPT = {Noun.RECORDS, Noun.CA_RPM, Noun.SCRIPT}


@dataclass
class Orphans:
    """What no record refers to, among what was listed.

    Args:
        store: The object store.
        settings: They name the buckets.
        listings: What lies in the buckets.
        read: Reads what the records refer to; called after the listings were made.
        is_at_work: Returns whether a flow run still works on a job, by its id.
        age: Nothing younger is touched.
    """

    store: ObjectStore
    settings: Settings
    listings: Sequence[Listing]
    read: Callable[[], References]
    is_at_work: Callable[[str], bool]
    age: timedelta
    _others: dict[tuple[str, str], list[Listed]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.references = self.read()
        # Asked once a job while looking, and once more while removing.
        self._was_at_work = cache(self.is_at_work)
        self._is_at_work_now = cache(self.is_at_work)

    def objects(self) -> list[Remedy]:
        """Return the objects that no record refers to; of objects of others only their number."""
        remedies = [
            remedy
            for listing in self.listings
            for listed in listing.objects
            if listed.uri not in self.references.addresses and (remedy := self._object(listing, listed))
        ]
        return [*remedies, *self._not_ours()]

    def uploads(self) -> list[Remedy]:
        """Return the unfinished uploads that no job continues."""
        found = [(listing, upload) for listing in self.listings for upload in listing.uploads]
        return [remedy for listing, upload in found if (remedy := self._upload(listing, upload))]

    def _object(self, listing: Listing, listed: Listed) -> Remedy | None:
        owner = owner_of(self.settings, listed.bucket, listed.key)
        if owner is None:
            self._others[listed.bucket, FOREIGN].append(listed)
            return None
        if owner.noun in KEPT or self._is_kept(listed, owner):
            return None
        known = self.store.find(listed.uri)
        if known is None:
            return None
        if not is_marked(owner, known.metadata):
            self._others[listed.bucket, UNMARKED].append(listed)
            return None
        maker = owner.id if owner.noun is Noun.JOB else job_of(known.metadata)
        if maker and self._was_at_work(maker):
            return None
        finding = _aged(self._finding(listed, owner), listing, listed.modified)
        return Remedy(self._guarded(finding), lambda: self._remove(listed, owner, maker))

    def _is_kept(self, listed: Listed, owner: Owner) -> bool:
        """Return whether it is kept as long as a job's record; credentials are kept only while the job runs."""
        return owner.id in self.references.jobs and listed.key != credentials_key(owner.id)

    def _finding(self, listed: Listed, owner: Owner) -> Finding:
        outcome, action, why = Outcome.PENDING, "remove it", f"its {owner.noun} is not known"
        if owner.id in self.references.owners:
            outcome, action = Outcome.LEFT, ""
            why = f"its {owner.noun} does not refer to it; link it, or remove it by hand"
        elif owner.id in self.references.jobs:
            why = "its job has ended"
        return Finding(kind=Kind.OBJECT, what=listed.uri, why=why, action=action, outcome=outcome, bytes=listed.size)

    def _upload(self, listing: Listing, upload: Upload) -> Remedy | None:
        owner = owner_of(self.settings, upload.bucket, upload.key)
        if upload.begun is None or upload.uri in self.references.moving or self._is_being_made(owner):
            return None
        why = "no job continues it" if owner else "its key is none that this system writes"
        finding = Finding(kind=Kind.UPLOAD, what=upload.uri, why=why, action="abort it", outcome=Outcome.PENDING)
        if owner is None:
            return Remedy(finding.model_copy(update={"outcome": Outcome.LEFT, "action": ""}), lambda: None)
        try:
            parts = uploaded_parts(self.store, upload)
        except NotFound:
            return None
        finding = finding.model_copy(update={"bytes": sum(part.size for held in parts.values() for part in held)})
        aged = _aged(finding, listing, upload.begun)
        return Remedy(self._guarded(aged), lambda: abort_upload(self.store, upload))

    def _is_being_made(self, owner: Owner | None) -> bool:
        if owner is None or owner.noun not in {Noun.JOB, Noun.IMAGE}:
            return False
        maker = self.references.makers.get(owner.id)
        return self._was_at_work(maker.id if maker else owner.id)

    def _guarded(self, finding: Finding) -> Finding:
        """Return the finding, left alone when something forbids to remove the orphan."""
        if finding.outcome is not Outcome.PENDING:
            return finding
        if self.references.unreadable:
            return finding.model_copy(
                update={"outcome": Outcome.LEFT, "why": f"{finding.why}, but it {UNKNOWN_HOLDINGS}"}
            )
        if finding.age_seconds is None or finding.age_seconds < self.age.total_seconds():
            return finding.model_copy(update={"outcome": Outcome.YOUNG})
        return finding

    def _remove(self, listed: Listed, owner: Owner, maker: str) -> None:
        latest = self._latest
        is_new = owner.id in latest.jobs and owner.id not in self.references.jobs
        is_wanted = listed.uri in latest.addresses or owner.id in latest.owners or is_new or latest.unreadable
        if is_wanted or (maker and self._is_at_work_now(maker)):
            raise Conflict(f"{listed.uri} is referred to by now", resolution="it was left; run this again")
        remove_listed(self.store, listed)

    @cached_property
    def _latest(self) -> References:
        return self.read()

    def _not_ours(self) -> Iterator[Remedy]:
        for (_, why), objects in self._others.items():
            finding = Finding(
                kind=Kind.OBJECT,
                what=objects[0].uri if len(objects) == 1 else f"{objects[0].uri} and {len(objects) - 1} more",
                why=f"not ours: {why}",
                outcome=Outcome.LEFT,
                bytes=sum(listed.size for listed in objects),
            )
            yield Remedy(finding, lambda: None)


def _aged(finding: Finding, listing: Listing, modified: datetime) -> Finding:
    return finding.model_copy(update={"age_seconds": int(listing.age(modified).total_seconds())})
