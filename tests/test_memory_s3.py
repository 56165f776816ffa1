"""The S3 server in memory answers as the embedded one does, whatever calls come in whatever order."""

from collections.abc import Callable
from hashlib import md5
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from config.settings import Settings
from errors import ImsError, Unreachable
from storage.s3.copies import copy, copy_in_parts, part_sizes
from storage.s3.listings import listing
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import ObjectStore
from storage.s3.uploads import (
    PartSum,
    abort_uploads,
    complete_upload,
    missing_parts,
    open_upload,
    unfinished_uploads,
    uploaded_parts,
)
from tests.faults import BODY_FAULTS, Fault, Faults
from tests.memory_s3.buckets import SMALLEST_PART_BYTES
from tests.memory_s3.faults import MemoryFaults
from tests.memory_s3.fixtures import in_memory, memory_server, on_both
from tests.memory_s3.server import PAGE
from tests.s3_server import S3Server, remove_bucket

EXAMPLES = 20
STEPS = 30

# SeaweedFS keeps no object whose key is another one's folder, and the project has none.
keys = st.sampled_from(["a/1", "a/b/2", "a/é &", "b"])
prefixes = st.sampled_from(["", "a", "a/", "a/b", "none"])
bodies = st.sampled_from([b"", b"one", b"another"])
metadata = st.sampled_from([{}, {"md5sum": "x", "name": "näme"}])


class BothServers(RuleBasedStateMachine):
    """Every call is made of both; the answers have to be the same, or errors of the same class."""

    stores: tuple[ObjectStore, ObjectStore]

    @initialize()
    def begin(self) -> None:
        """Each has an empty bucket."""
        self.bucket = f"both-{uuid4().hex[:12]}"
        self.same(lambda store: store.ensure_bucket(self.bucket))

    @rule(key=keys, body=bodies, metadata=metadata, content_type=st.sampled_from(["x/y", "application/json"]))
    def write(self, key: str, body: bytes, metadata: dict[str, str], content_type: str) -> None:
        self.same(lambda store: store.write(self.bucket, key, body, metadata=metadata, content_type=content_type))

    @rule(key=keys, body=bodies, other=keys)
    def write_if_it_is_like(self, key: str, body: bytes, other: str) -> None:
        """On condition that an object has the etag of another one, or of itself."""
        etags = [self.outcome(lambda store: store.head(self.bucket, other).etag, store) for store in self.stores]
        assert etags[0] == etags[1]
        if isinstance(etags[0], str):
            self.same(lambda store: store.write(self.bucket, key, body, if_match=str(etags[0])))

    @rule(key=keys, body=bodies)
    def write_if_there_is_none(self, key: str, body: bytes) -> None:
        self.same(lambda store: store.write(self.bucket, key, body, if_none_match=True))

    @rule(key=keys)
    def read(self, key: str) -> None:
        self.same(lambda store: store.read(self.bucket, key))
        self.same(lambda store: store.head(self.bucket, key))

    @rule(key=keys, size=st.integers(1, 3))
    def read_beginning(self, key: str, size: int) -> None:
        if any(self.outcome(lambda store: store.head(self.bucket, key).size, store) == 0 for store in self.stores):
            return
        self.same(lambda store: store.read_beginning(self.bucket, key, size))

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.same(lambda store: store.delete(self.bucket, key))

    @rule(prefix=prefixes)
    def list(self, prefix: str) -> None:
        self.same(lambda store: [*store.keys(self.bucket, prefix)])
        self.same(lambda store: [(each.key, each.size) for each in listing(store, self.bucket).objects])

    @rule(key=keys, to=keys, parts=st.booleans())
    def copy(self, key: str, to: str, parts: bool) -> None:
        """Whole, or in two parts, which are too small; never onto itself."""
        if key == to:
            return

        def act(store: ObjectStore) -> ObjectInfo:
            source = store.head(self.bucket, key)
            if parts and source.size > 1:
                copy_in_parts(store, source, self.bucket, to, [1, source.size - 1])
                return store.head(self.bucket, to)
            return copy(store, source, self.bucket, to)

        self.same(act)

    @rule(key=keys, metadata=metadata)
    def open_upload(self, key: str, metadata: dict[str, str]) -> None:
        self.same(lambda store: open_upload(store, self.bucket, key, content_type="x/y", metadata=metadata).key)

    @rule(key=keys, number=st.integers(1, 3), body=bodies)
    def send_part(self, key: str, number: int, body: bytes) -> None:
        def act(store: ObjectStore) -> object:
            for upload in unfinished_uploads(store, self.bucket, key):
                store.client.upload_part(
                    Bucket=self.bucket, Key=upload.key, UploadId=upload.upload_id, PartNumber=number, Body=body
                )
                return sorted(uploaded_parts(store, upload))
            return None

        self.same(act)

    @rule(prefix=prefixes)
    def list_uploads(self, prefix: str) -> None:
        self.same(lambda store: sorted(each.key for each in unfinished_uploads(store, self.bucket, prefix)))

    @rule(prefix=prefixes)
    def abort_uploads(self, prefix: str) -> None:
        self.same(lambda store: abort_uploads(store, self.bucket, prefix))

    def same(self, act: Callable[[ObjectStore], object]) -> None:
        real, remembered = (self.outcome(act, store) for store in self.stores)
        assert remembered == real

    def outcome(self, act: Callable[[ObjectStore], object], store: ObjectStore) -> object:
        try:
            return act(store)
        except ImsError as error:
            return type(error)

    def teardown(self) -> None:
        """SeaweedFS has room for a few dozen buckets."""
        for store in self.stores:
            remove_bucket(store, self.bucket)


@pytest.mark.slow
@pytest.mark.embedded
def test_it_answers_as_the_embedded_server_does(s3_server: S3Server) -> None:
    """Of other servers only that one is what it stands in for."""
    with memory_server() as memory:
        stores = {"stores": (ObjectStore(s3_server.s3()), ObjectStore(memory.s3()))}
        run_state_machine_as_test(
            type("TheseServers", (BothServers,), stores),
            settings=settings(
                max_examples=EXAMPLES,
                # A story that fails is short enough: to shorten it takes minutes.
                phases=[Phase.explicit, Phase.reuse, Phase.generate],
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )


@in_memory
def test_a_listing_has_pages(store: ObjectStore, bucket: str) -> None:
    names = [f"{number:05}" for number in range(2 * PAGE + 1)]
    for name in names:
        store.write(bucket, name, b"")
    assert list(store.keys(bucket, "")) == names
    assert list(store.keys(bucket, "0200")) == names[2000:]


@on_both
def test_an_upload_becomes_the_object_that_its_parts_make(store: ObjectStore, bucket: str) -> None:
    upload = open_upload(store, bucket, "k", content_type="x/y", metadata={"a": "b"})
    bodies = [b"1" * SMALLEST_PART_BYTES, b"2" * 7]
    for number, body in enumerate(bodies, 1):
        store.client.upload_part(Bucket=bucket, Key="k", UploadId=upload.upload_id, PartNumber=number, Body=body)
    sums = [PartSum(number=number, size=len(body), md5=md5(body).hexdigest()) for number, body in enumerate(bodies, 1)]
    assert missing_parts(store, upload, sums) == []
    info = complete_upload(store, upload, sums)
    assert store.read(bucket, "k") == (b"".join(bodies), info)
    assert (info.metadata, info.content_type) == ({"a": "b"}, "x/y")
    assert copy(store, info, bucket, "copy").etag == info.etag
    sizes = part_sizes(store, info)
    assert sizes == [SMALLEST_PART_BYTES, 7]
    copy_in_parts(store, info, bucket, "copy of parts", sizes)
    # SeaweedFS gives it an etag of its own.
    assert store.read(bucket, "copy of parts")[0] == b"".join(bodies)


DONE = {Fault.DONE_500, Fault.LOST_ANSWER, Fault.DONE_STALL}


@on_both
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in BODY_FAULTS])
def test_a_fault_is_what_it_is_behind_the_proxy(
    store: ObjectStore, settings_for: Callable[..., Settings], proxy: Faults, bucket: str, fault: Fault
) -> None:
    faulty = settings_for(proxy.endpoint_url, read_timeout=0.3).s3
    once = ObjectStore(faulty.model_copy(update={"attempts": 1}))
    proxy.plan(fault)
    with pytest.raises(Unreachable):
        once.write(bucket, "k", b"")
    assert list(store.keys(bucket, "")) == (["k"] if fault in DONE else [])
    proxy.plan(fault)
    # The client tries again.
    assert ObjectStore(faulty).write(bucket, "k", b"")


@on_both
def test_a_body_that_is_cut_is_read_again(
    store: ObjectStore, faulty_store: ObjectStore, proxy: Faults, bucket: str
) -> None:
    store.write(bucket, "k", b"whole")
    proxy.plan(Fault.CUT_BODY)
    assert faulty_store.read(bucket, "k")[0] == b"whole"
    assert [call.method for call in proxy.calls] == ["GET", "GET"]


@in_memory
def test_of_a_process_that_was_killed_no_call_arrives(
    store: ObjectStore, faulty_store: ObjectStore, proxy: MemoryFaults, bucket: str
) -> None:
    def act() -> None:
        try:
            faulty_store.write(bucket, "first", b"")
            faulty_store.write(bucket, "second", b"")
        finally:
            faulty_store.write(bucket, "third", b"")

    proxy.plan(after=proxy.kill)
    assert proxy.ends_by_kill(act)
    assert list(store.keys(bucket, "")) == ["first"]
    assert not proxy.ends_by_kill(act)
    assert list(store.keys(bucket, "")) == ["first", "second", "third"]
