"""A whole reconciliation, cut at each of its S3 calls and killed at each of its writes: the next one finishes."""

from itertools import count

import pytest

from errors import BadInput, Conflict, ImsError
from storage.models.jobs import JobStatus
from storage.models.kinds import RecordKind
from storage.models.layout import artifact_key, deleted_key, deleted_manifest_key
from storage.models.records import Collection, Image, new_id
from storage.reconcile.findings import Finding, Kind, Outcome
from storage.s3.uploads import open_upload, unfinished_uploads
from tasks.deletions import begin_deletion
from tasks.lost_jobs import repair_jobs
from tasks.orphans import repair_orphans
from tasks.reconciliation import fail_if_unsettled, safety_age
from tasks.unfinished_moves import repair_moves
from tests.faults import Call, Fault, Faults
from tests.memory_s3.fixtures import on_both
from tests.tasks.deleting import forget, killed
from tests.tasks.scene import ARTIFACTS, NO_AGE, Scene

FILES = [*ARTIFACTS, "manifest.json"]


def reconcile() -> list[Finding]:
    """The steps of flows/reconcile.py that need no Podman."""
    return [
        *repair_moves.fn(apply=True),
        *repair_jobs.fn(NO_AGE, apply=True),
        *repair_orphans.fn(NO_AGE, apply=True),
    ]


def through(proxy: Faults) -> list[Finding]:
    """Reconcile by way of the proxy, each call tried once. All else goes straight, and faster."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("IMS_S3_ENDPOINT_URL", proxy.endpoint_url)
        environment.setenv("IMS_S3_ATTEMPTS", "1")
        forget()
        try:
            return reconcile()
        finally:
            forget()


class Mess:
    """A deletion that was cut off, a job that was killed, and what nobody needs."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.image: Image = scene.image()
        begin_deletion.fn(RecordKind.IMAGE, self.image.id, False)
        self.job = scene.job()
        scene.archive(new_id())
        key = artifact_key(new_id(), "rootfs")
        open_upload(scene.store, scene.settings.boot_images_bucket, key, content_type="a/b", metadata={})

    def is_in_order(self) -> bool:
        """Tell whether all of it was put in order, and no byte of the image was lost."""
        image = self.scene.catalogue.images.get(self.image.id)
        names = {deleted_key(artifact_key(image.id, name)) for name in FILES}
        job = self.scene.catalogue.jobs.get(self.job.id)
        return (
            self.scene.keys() == names | {deleted_manifest_key(image.id)}
            and image.collection is Collection.DELETED
            and job.status is JobStatus.ERROR
            and unfinished_uploads(self.scene.store, self.scene.settings.boot_images_bucket, "") == []
        )

    def clear_away(self) -> None:
        """Leave the buckets as they were."""
        left = self.scene.keys()
        for key in left:
            self.scene.store.delete(self.scene.settings.boot_images_bucket, key)
        self.scene.catalogue.images.remove(self.image.id)
        self.scene.catalogue.jobs.remove(self.job.id)


class Turn:
    """The nth call that matters: anything but the reading of records."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.seen = 0

    def is_now(self, call: Call) -> bool:
        self.seen += call.is_write or not call.key.startswith("records/")
        return self.seen == self._number and (call.is_write or not call.key.startswith("records/"))


@pytest.mark.slow
@on_both
def test_after_a_fault_at_any_call_the_next_run_finishes(scene: Scene, proxy: Faults, stride: int) -> None:
    cases = 0
    for number in range(1, 500, stride):
        mess, turn = Mess(scene), Turn(number)
        proxy.clear()
        proxy.plan(Fault.ANSWER_500, when=turn.is_now)
        try:
            says_all_is_well = not any(finding.is_unsettled for finding in through(proxy))
        except ImsError:
            says_all_is_well = False
        met = turn.seen >= number
        if says_all_is_well:
            assert mess.is_in_order(), f"call {number}"
        else:
            assert met
            assert not any(finding.is_unsettled for finding in reconcile()), f"call {number}"
            assert mess.is_in_order(), f"call {number}"
        if not met:
            assert reconcile() == []
            break
        mess.clear_away()
        cases = number
    assert cases > 30
    print(f"\nreconcile: {cases} calls, each met {Fault.ANSWER_500}")


@pytest.mark.slow
@on_both
def test_after_a_kill_at_any_write_the_next_run_finishes(scene: Scene, proxy: Faults, stride: int) -> None:
    """After each write: what was killed before one has done no more than what was killed after the one before."""
    for number in count(step=stride):
        mess = Mess(scene)
        proxy.clear()
        was_killed = killed(proxy, number, "after", lambda: through(proxy))
        assert not any(finding.is_unsettled for finding in reconcile()), f"write {number + 1}"
        assert mess.is_in_order(), f"write {number + 1}"
        mess.clear_away()
        if not was_killed:
            break
    assert number > 10
    print(f"\nreconcile: killed after each of {number} writes, in steps of {stride}")


@pytest.mark.parametrize("text", ["", "59m", "0d", "7", "garbage", "1d2w", "99999999999w"])
def test_an_age_that_is_not_safe_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        safety_age(text)


def test_a_reconciliation_that_leaves_something_to_a_user_fails() -> None:
    row = Finding(kind=Kind.RECORD, what="image x", why="it is gone", outcome=Outcome.NEEDS_YOU)
    fail_if_unsettled(
        [
            row.model_copy(update={"outcome": outcome})
            for outcome in Outcome
            if outcome not in {Outcome.FAILED, row.outcome}
        ]
    )
    for outcome in (Outcome.FAILED, Outcome.NEEDS_YOU):
        with pytest.raises(Conflict, match="1 of 1 findings are not in order: image x: it is gone"):
            fail_if_unsettled([row.model_copy(update={"outcome": outcome})])
