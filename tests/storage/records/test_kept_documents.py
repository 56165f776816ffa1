"""What is kept is never shown when it is old: a reader that keeps documents sees what S3 has, whoever wrote it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from errors import Conflict, Corrupt, NotFound
from storage.models.kinds import RecordKind
from storage.models.layout import records_key
from storage.models.records import Collection, Image
from storage.records.store import Records
from storage.s3.objects import ObjectStore
from tests.memory_s3.fixtures import memory_server

IDS = [f"a0000000-0000-4000-8000-0000000000{number}{shard}" for number in "12" for shard in "ab"]
KEYS = [records_key("images", shard) for shard in "ab"]
BUCKET = "kept"
TORN = b'{"records": {"a'

ids, keys, writers = st.sampled_from(IDS), st.sampled_from(KEYS), st.sampled_from([0, 1])


class Readers(RuleBasedStateMachine):
    """Two processes write records, a third party writes and removes whole documents, and one process only reads."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.store = ObjectStore(self.stack.enter_context(memory_server()).s3())
        self.store.ensure_bucket(BUCKET)
        self.writers = [self.records(), self.records()]
        self.reader = self.records()
        self.copies: dict[str, list[bytes]] = {key: [b'{"records":{}}', TORN] for key in KEYS}

    def teardown(self) -> None:
        self.stack.close()

    def records(self) -> Records[Image]:
        return Records(self.store, BUCKET, RecordKind.IMAGE, Image)

    @rule(writer=writers, record_id=ids, name=st.sampled_from("xy"))
    def write(self, writer: int, record_id: str, name: str) -> None:
        images = self.writers[writer]
        try:
            images.create(Image(id=record_id, name=name))
        except Conflict:
            images.change(record_id, lambda image: image.model_copy(update={"name": name + image.name[:9]}))
        except Corrupt:
            return
        assert images.get(record_id).name[0] == name

    @rule(writer=writers, record_id=ids, collection=st.sampled_from(Collection))
    def move(self, writer: int, record_id: str, collection: Collection) -> None:
        with suppress(NotFound, Corrupt):
            self.writers[writer].change(record_id, lambda image: image.model_copy(update={"collection": collection}))

    @rule(writer=writers, record_id=ids)
    def remove(self, writer: int, record_id: str) -> None:
        with suppress(NotFound, Corrupt):
            self.writers[writer].remove(record_id)

    @rule(key=keys)
    def copy(self, key: str) -> None:
        if key in self.store.keys(BUCKET, key):
            self.copies[key].append(self.store.read(BUCKET, key)[0])

    @rule(key=keys, number=st.integers(0, 9))
    def put_back(self, key: str, number: int) -> None:
        self.store.write(BUCKET, key, self.copies[key][number % len(self.copies[key])])

    @rule(key=keys)
    def take_away(self, key: str) -> None:
        self.store.delete(BUCKET, key)

    @invariant()
    def a_reader_sees_what_a_new_process_sees(self) -> None:
        assert _seen(self.reader) == _seen(self.records())


def _seen(images: Records[Image]) -> object:
    try:
        return images.list(None), images.list(), images.broken()
    except Corrupt as error:
        return str(error)


TestReaders = Readers.TestCase
TestReaders.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)


def _named(name: str) -> Callable[[Image], Image]:
    return lambda image: image.model_copy(update={"name": name})


class Progress:
    """Writers that count up in the names of records, and readers that see no list without what was written before."""

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self.writing = [Records(store, bucket, RecordKind.IMAGE, Image) for _ in range(2)]
        self.reading = Records(store, bucket, RecordKind.IMAGE, Image)
        for record_id in IDS:
            self.writing[0].create(Image(id=record_id, name="0"))
        self.written = dict.fromkeys(IDS, 0)
        self.ended = threading.Event()

    def write(self, number: int) -> None:
        for count in range(1, 26):
            change = _named(str(count))
            for record_id in IDS[number::2]:
                self.writing[number].change(record_id, change)
                self.written[record_id] = count

    def read(self) -> int:
        lists = 0
        while not self.ended.is_set():
            at_least = dict(self.written)
            shown = {image.id: int(image.name) for image in self.reading.list()}
            assert all(shown[record_id] >= count for record_id, count in at_least.items()), (at_least, shown)
            lists += 1
        return lists


def test_what_was_written_is_in_every_list_that_begins_afterwards(store: ObjectStore, bucket: str) -> None:
    progress = Progress(store, bucket)
    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(progress.read) for _ in range(3)]
        try:
            for writer in [pool.submit(progress.write, number) for number in range(2)]:
                writer.result(120)
        finally:
            progress.ended.set()
        assert sum(reader.result(60) for reader in readers) > 25


def test_a_record_that_has_not_changed_is_not_parsed_again(store: ObjectStore, bucket: str) -> None:
    images, other = (Records(store, bucket, RecordKind.IMAGE, Image) for _ in range(2))
    for record_id in IDS:
        images.create(Image(id=record_id, name="x"))
    before = {image.id: image for image in images.list()}
    assert images.snapshot() is images.snapshot()
    other.change(IDS[0], lambda image: image.model_copy(update={"name": "y"}))
    after = {image.id: image for image in images.list()}
    assert [record_id for record_id in IDS if after[record_id] is not before[record_id]] == [IDS[0]]
    assert after[IDS[0]].name == "y"


def test_a_list_belongs_to_who_asked_for_it(store: ObjectStore, bucket: str) -> None:
    images = Records(store, bucket, RecordKind.IMAGE, Image)
    images.create(Image(id=IDS[0], name="x"))
    images.list().clear()
    with pytest.raises(ValueError, match="frozen"):
        setattr(images.list()[0], "name", "y")  # noqa: B010 - mypy knows it, too
    assert [image.name for image in images.list()] == ["x"]
