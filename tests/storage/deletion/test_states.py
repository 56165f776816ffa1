"""storage/deletion/states.py: which state follows which; tests/tasks/test_deletions.py has the whole steps."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import Conflict, NotFound
from storage.deletion.states import Changed, begin, finish_deleting, finish_restoring, resume
from storage.models.records import Collection, Image, Journal, Link, Move, PublicKey, new_id
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory

MOVE = Move(source="s3://boot/a", target="s3://boot/deleted/a", etag="e", size=1)
JOURNAL = Journal(link=Link(path="s3://boot/m"), moves=[MOVE], missing=["s3://boot/gone"])
OWNED = JOURNAL.model_copy(update={"flow_run_id": "first"})
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv me"
OPERATIONS = {
    "delete": (Collection.AVAILABLE, Collection.DELETING),
    "restore": (Collection.DELETED, Collection.RESTORING),
    "erase": (Collection.DELETED, Collection.ERASING),
}
TRANSITIONS = [transition for _, transition in OPERATIONS.values()]
each_operation = pytest.mark.parametrize(("start", "transition"), OPERATIONS.values(), ids=OPERATIONS)
each_state = pytest.mark.parametrize("state", Collection)


def has_ended(_: str) -> bool:
    return False


def has_not_ended(_: str) -> bool:
    return True


def image(stored: Stored, state: Collection, journal: Journal | None = JOURNAL) -> Image:
    return stored.catalogue.images.create(Image(name="image", link=JOURNAL.link, collection=state, journal=journal))


@each_operation
@each_state
def test_an_operation_begins_in_its_start_or_resumes_its_own_transition(
    stored: Stored, state: Collection, start: Collection, transition: Collection
) -> None:
    images = stored.catalogue.images
    known = image(stored, state)
    if state in {start, transition}:
        begun = begin(images, known.id, start, transition, flow_run_id="run", is_alive=has_ended)
        assert (begun.collection, begun.journal) == (transition, JOURNAL.model_copy(update={"flow_run_id": "run"}))
        assert images.get(known.id) == begun
    else:
        with pytest.raises(Conflict, match=f"{known.id} is {state}, not {start}"):
            begin(images, known.id, start, transition, flow_run_id="run", is_alive=has_ended)
        assert images.get(known.id) == known


@each_state
@pytest.mark.parametrize("transition", TRANSITIONS)
def test_only_a_record_in_the_transition_is_resumed(stored: Stored, state: Collection, transition: Collection) -> None:
    images = stored.catalogue.images
    known = image(stored, state)
    if state is transition:
        assert resume(images, known.id, transition, flow_run_id="run", is_alive=has_ended).collection is transition
    else:
        with pytest.raises(Conflict, match=f"is {state}, not {transition}"):
            resume(images, known.id, transition, flow_run_id="run", is_alive=has_ended)
        assert images.get(known.id) == known


@each_operation
def test_a_second_run_waits_for_the_end_of_the_first(stored: Stored, start: Collection, transition: Collection) -> None:
    images = stored.catalogue.images
    known = image(stored, transition, OWNED)
    with pytest.raises(Conflict, match=f"is {transition} by flow run first; wait for its end"):
        begin(images, known.id, start, transition, flow_run_id="second", is_alive=has_not_ended)
    assert images.get(known.id) == known
    begun = begin(images, known.id, start, transition, flow_run_id="second", is_alive=has_ended)
    assert begun.journal == OWNED.model_copy(update={"flow_run_id": "second"})


@pytest.mark.parametrize("journal", [None, JOURNAL, OWNED], ids=["no journal", "no run", "the same run"])
def test_nothing_is_asked_of_a_run_where_none_can_interfere(stored: Stored, journal: Journal | None) -> None:
    images = stored.catalogue.images
    known = image(stored, Collection.DELETING, journal)
    resumed = resume(images, known.id, Collection.DELETING, flow_run_id="first", is_alive=has_not_ended)
    assert resumed.journal is not None
    assert resumed.journal.flow_run_id == "first"


def test_a_deletion_writes_its_plan_only_when_it_begins(stored: Stored) -> None:
    images = stored.catalogue.images
    known = image(stored, Collection.AVAILABLE, None)
    way: dict[str, Any] = {"start": Collection.AVAILABLE, "transition": Collection.DELETING, "is_alive": has_ended}
    begin(images, known.id, **way, flow_run_id="first", journal=JOURNAL)
    assert images.get(known.id).journal == OWNED
    begin(images, known.id, **way, flow_run_id="first", journal=Journal())
    assert images.get(known.id).journal == OWNED


def test_a_deleted_record_keeps_what_moved_and_names_no_run(stored: Stored) -> None:
    images = stored.catalogue.images
    known = image(stored, Collection.DELETING, OWNED)
    link = Link(path="s3://boot/deleted/m", etag="e")
    finish_deleting(images, known.id, link)
    deleted = images.get(known.id)
    assert (deleted.collection, deleted.journal, deleted.link) == (Collection.DELETED, JOURNAL, link)
    assert deleted.deleted is not None


def test_a_restored_record_is_as_before(stored: Stored) -> None:
    images = stored.catalogue.images
    link = Link(path="s3://boot/m", etag="e")
    known = images.create(Image(name="image", link=link))
    begin(images, known.id, *OPERATIONS["delete"], flow_run_id="first", is_alive=has_ended, journal=Journal(link=link))
    finish_deleting(images, known.id, None)
    begin(images, known.id, *OPERATIONS["restore"], flow_run_id="second", is_alive=has_ended)
    finish_restoring(images, known.id, link)
    assert images.get(known.id) == known


def test_a_record_without_objects_gets_no_link(stored: Stored) -> None:
    keys = stored.catalogue.public_keys
    key = keys.create(PublicKey(name="me", public_key=KEY, collection=Collection.DELETING))
    assert "link" not in finish_deleting(keys, key.id, None).model_dump()


def test_there_is_nothing_to_begin_or_to_resume_without_a_record(stored: Stored) -> None:
    images = stored.catalogue.images
    with pytest.raises(NotFound):
        begin(images, new_id(), *OPERATIONS["delete"], flow_run_id="run", is_alive=has_ended)
    with pytest.raises(NotFound):
        resume(images, new_id(), Collection.DELETING, flow_run_id="run", is_alive=has_ended)


FOLLOWERS = {
    Collection.AVAILABLE: {Collection.DELETING},
    Collection.DELETING: {Collection.DELETING, Collection.DELETED},
    Collection.DELETED: {Collection.RESTORING, Collection.ERASING},
    Collection.RESTORING: {Collection.RESTORING, Collection.AVAILABLE},
    Collection.ERASING: {Collection.ERASING},
}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from([*OPERATIONS, "finish"]), max_size=8))
def test_whatever_order_operations_come_in_the_journal_lasts_until_the_record_is_available(
    stored: Stored, steps: list[str]
) -> None:
    images = stored.catalogue.images
    before = image(stored, Collection.AVAILABLE, None)
    for step in steps:
        if step != "finish":
            journal = JOURNAL if step == "delete" else None
            try:
                begin(images, before.id, *OPERATIONS[step], flow_run_id="r", is_alive=has_ended, journal=journal)
            except Conflict:
                assert images.get(before.id) == before
        elif before.collection is Collection.DELETING:
            finish_deleting(images, before.id, None)
        elif before.collection is Collection.RESTORING:
            finish_restoring(images, before.id, JOURNAL.link)
        after = images.get(before.id)
        assert after == before or after.collection in FOLLOWERS[before.collection]
        assert (after.journal is None) == (after.collection is Collection.AVAILABLE)
        assert after.journal is None or after.journal.moves == [MOVE]
        before = after


@each_operation
def test_only_the_record_that_the_caller_has_seen_is_put_in_transition(
    stored: Stored, start: Collection, transition: Collection
) -> None:
    images = stored.catalogue.images
    seen = image(stored, start)
    renamed = images.change(seen.id, lambda known: known.model_copy(update={"name": "renamed"}))
    with pytest.raises(Changed, match="changed in between"):
        begin(images, seen.id, start, transition, flow_run_id="", is_alive=has_ended, seen=seen.digest)
    assert images.get(seen.id) == renamed
    begun = begin(images, seen.id, start, transition, flow_run_id="", is_alive=has_ended, seen=renamed.digest)
    assert begun.collection is transition
    # A run that was cut off goes on, whatever the record was when it began.
    begin(images, seen.id, start, transition, flow_run_id="", is_alive=has_ended, seen=renamed.digest)


def test_a_plan_is_not_carried_out_when_the_record_has_got_another_link(stored: Stored) -> None:
    images = stored.catalogue.images
    known = images.create(Image(name="image", link=Link(path="s3://boot/linked-since")))
    with pytest.raises(Conflict, match="another link in between"):
        begin(
            images, known.id, Collection.AVAILABLE, Collection.DELETING,
            flow_run_id="", is_alive=has_ended, journal=Journal(),
        )  # fmt: skip
    assert images.get(known.id) == known
