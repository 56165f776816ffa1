"""tasks/deletions.py: whatever order the operations come in, and whatever meets them, nothing is lost or lied about."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from config.settings import Settings
from errors import Conflict, ImsError, NotFound
from storage.models.kinds import DeletableKind, RecordKind
from storage.models.layout import deleted_manifest_key
from storage.models.manifest import Manifest
from storage.models.records import Collection, Image
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tasks.unfinished_moves import finish
from tests.faults import Fault, Faults
from tests.memory_s3.fixtures import InMemory, on_both
from tests.s3_server import S3Server
from tests.tasks.deleting import Content, delete, forget, killed, make_image, moved, objects, remove, restore

EXAMPLES_IN_MEMORY = 100
REAL_EXAMPLES = 5
STEPS = 15
MOST_IMAGES = 2


@dataclass(frozen=True)
class Operation:
    """What an administrator may do to a record: from where, on which way, to where (None: it is gone)."""

    act: Callable[[DeletableKind, str], None]
    start: Collection
    way: Collection
    end: Collection | None

    def __repr__(self) -> str:
        """Return its name, for hypothesis' story of a failure."""
        return self.act.__name__


OPERATIONS = [
    Operation(delete, Collection.AVAILABLE, Collection.DELETING, Collection.DELETED),
    Operation(restore, Collection.DELETED, Collection.RESTORING, Collection.AVAILABLE),
    Operation(remove, Collection.DELETED, Collection.ERASING, None),
]
BY_WAY = {operation.way: operation for operation in OPERATIONS}
# Choices do not depend on what has become of the images: that hangs on which of several threads met the fault.
images = st.integers(0, MOST_IMAGES - 1)
artifact_counts = st.integers(1, 3)
operations = st.sampled_from(OPERATIONS)
calls = st.integers(1, 45)
faults = st.sampled_from([Fault.ANSWER_500, Fault.LOST_ANSWER, Fault.RESET, Fault.DONE_500])


@dataclass
class Known:
    """The model of an image: as it was made, and where it is now."""

    image: Image
    content: Content
    state: Collection = Collection.AVAILABLE


class Deletions(RuleBasedStateMachine):
    """Images are made, deleted, restored and erased; calls fail and processes are killed."""

    store: ObjectStore
    records: Catalogue
    where: Settings
    proxy: Faults
    seen: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.images: list[Known] = []

    @initialize(count=artifact_counts)
    def begin(self, count: int) -> None:
        """There is an image."""
        self.create(count)

    @rule(count=artifact_counts)
    def create(self, count: int) -> None:
        """An image is built, as long as there are few."""
        if len(self.images) == MOST_IMAGES:
            return
        before = objects(self.store, self.where)
        image = make_image(self.store, self.records, self.where.boot_images_bucket, count)
        made = {name: each for name, each in objects(self.store, self.where).items() if name not in before}
        self.images.append(Known(image, made))

    @rule(which=images, operation=operations)
    def operate(self, which: int, operation: Operation) -> None:
        """Nothing comes in between."""
        self._operate(which, operation, None)

    @rule(which=images, operation=operations, fault=faults, number=calls)
    def meet(self, which: int, operation: Operation, fault: Fault, number: int) -> None:
        """A call fails."""
        self.proxy.clear()
        self.proxy.plan(fault, nth=number)
        self._operate(which, operation, fault)
        self.proxy.clear()

    @rule(which=images, operation=operations, number=st.integers(0, 10), moment=st.sampled_from(["before", "after"]))
    def kill(self, which: int, operation: Operation, number: int, moment: str) -> None:
        """The process is killed at a write."""
        if not self.images:
            return
        known = self.images[which % len(self.images)]
        died = killed(self.proxy, number, moment, lambda: operation.act(RecordKind.IMAGE, known.image.id))
        self.proxy.clear()
        self.seen[f"{operation}, killed" if died else f"{operation}, not killed"] += 1
        self._look(known, operation)

    @rule()
    def reconcile(self) -> None:
        """What was cut off is finished."""
        for known in list(self.images):
            if operation := BY_WAY.get(known.state):
                finish(RecordKind.IMAGE, known.image.id, known.state)
                self._look(known, operation, must_end=True)

    @rule(fault=faults, number=calls)
    def reconcile_and_meet(self, fault: Fault, number: int) -> None:
        """A call fails while what was cut off is being finished."""
        for known in list(self.images):
            if operation := BY_WAY.get(known.state):
                self.proxy.clear()
                self.proxy.plan(fault, nth=number)
                error = self._error_of(partial(finish, transition=known.state), known)
                self.proxy.clear()
                self._look(known, operation, must_end=error is None)

    @invariant()
    def every_byte_is_where_it_should_be(self) -> None:
        """Each image is in one collection, and all of its objects are where that says; there are no others."""
        there = objects(self.store, self.where)
        for known in self.images:
            record = self.records.images.get(known.image.id)
            assert record.collection is known.state
            {
                Collection.AVAILABLE: self._assert_available,
                Collection.DELETED: self._assert_deleted,
                Collection.ERASING: self._drop,
            }.get(known.state, self._assert_reachable)(known, record, there)
        assert there == {}
        assert {known.image.id for known in self.images} == {each.id for each in self.records.images.list(None)}

    def _operate(self, which: int, operation: Operation, fault: Fault | None) -> None:
        if not self.images:
            return
        known = self.images[which % len(self.images)]
        refused = known.state not in {operation.start, operation.way}
        error = self._error_of(operation.act, known)
        if fault is None:
            assert isinstance(error, Conflict | NotFound) if refused else error is None, error
        else:
            assert error is not None or not refused
        self.proxy.clear()
        self._look(known, operation, must_end=error is None)

    def _error_of(self, act: Callable[[DeletableKind, str], None], known: Known) -> ImsError | None:
        try:
            act(RecordKind.IMAGE, known.image.id)
        except ImsError as error:
            note(f"{known.state}: {error}")
            return error
        return None

    def _look(self, known: Known, operation: Operation, *, must_end: bool = False) -> None:
        """Learn how far an operation came, and see that it may be there."""
        try:
            now: Collection | None = self.records.images.get(known.image.id).collection
        except NotFound:
            now = None
        self.seen[f"{operation}: {known.state} became {now or 'gone'}"] += 1
        allowed = {operation.way, operation.end} if known.state in {operation.start, operation.way} else set()
        assert now in ({operation.end} if must_end else allowed | {known.state})
        if now is None:
            self.images.remove(known)
        else:
            known.state = now

    def _assert_available(self, known: Known, record: Image, there: Content) -> None:
        assert record == known.image
        for name, content in known.content.items():
            assert there.pop(name) == content

    def _assert_deleted(self, known: Known, record: Image, there: Content) -> None:
        assert record.link is not None
        key = deleted_manifest_key(record.id)
        assert record.link.key == key
        manifest = Manifest.model_validate_json(there.pop(f"{record.link.bucket}/{key}")[0])
        for artifact in manifest.artifacts:
            assert self.store.head(artifact.link.bucket, artifact.link.key).etag == artifact.link.etag
        for name, content in moved(known.content).items():
            assert there.pop(name) == content

    def _assert_reachable(self, known: Known, record: Image, there: Content) -> None:
        for name, content in known.content.items():
            away = next(iter(moved({name: content})))
            assert content in (there.get(name), there.get(away)), name
        self._drop(known, record, there)

    def _drop(self, known: Known, record: Image, there: Content) -> None:
        there.pop(f"{self.where.boot_images_bucket}/{deleted_manifest_key(record.id)}", None)
        for name in [*known.content, *moved(known.content)]:
            there.pop(name, None)

    def teardown(self) -> None:
        """Leave the buckets empty for the next example."""
        self.proxy.clear()
        for bucket in (self.where.bucket, self.where.boot_images_bucket):
            for key in list(self.store.keys(bucket, "")):
                self.store.delete(bucket, key)


@pytest.mark.slow
@on_both
def test_any_order_of_operations_and_faults_loses_nothing(
    store: ObjectStore,
    s3_settings: Settings,
    own_catalogue: Catalogue,
    proxy: Faults,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))
    monkeypatch.setenv("IMS_S3_ENDPOINT_URL", proxy.endpoint_url)
    monkeypatch.setenv("IMS_S3_ATTEMPTS", "1")
    forget()
    place: dict[str, Any] = {
        "store": store,
        "records": own_catalogue,
        "where": s3_settings,
        "proxy": proxy,
        "seen": Counter(),
    }
    run_state_machine_as_test(
        type("DeletionsHere", (Deletions,), place),
        settings=settings(
            max_examples=EXAMPLES_IN_MEMORY if isinstance(s3_server, InMemory) else REAL_EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    for story, times in sorted(place["seen"].items()):
        print(f"{times:4} {story}")
