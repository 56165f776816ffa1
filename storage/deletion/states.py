"""The states of a deletion: each a conditional write of the record, which is the journal of what moves.

`available → deleting → deleted → restoring → available`, and `deleted → erasing → gone`. A run
that finds a record in transition finishes what the journal says. The journal names the run that works on the record, so
that no second run interferes.
"""

from collections.abc import Callable
from typing import TypeVar

from errors import Conflict
from storage.models.records import Collection, Journal, Link, Record, now
from storage.records.store import Records

R = TypeVar("R", bound=Record)
# Returns whether a flow run has not ended.
IsAlive = Callable[[str], bool]


class Changed(Conflict):
    """The record is not the one that the caller has seen."""


def begin(
    records: Records[R],
    record_id: str,
    start: Collection,
    transition: Collection,
    *,
    flow_run_id: str,
    is_alive: IsAlive,
    journal: Journal | None = None,
    seen: str = "",
) -> R:
    """Put a record in transition, or resume it where another run has left it.

    Args:
        records: The records of its kind.
        record_id: The record.
        start: The collection it must be in.
        transition: The state it is put in.
        flow_run_id: The run that works on it from now on.
        is_alive: Returns whether the run that the journal names has not ended.
        journal: What is going to move; left out, what the record's own journal says.
        seen: The digest that the record must have when it is put in transition; empty: any.

    Returns:
        The record in transition.

    Raises:
        NotFound: There is no such record.
        Changed: It has another digest.
        Conflict: It is in neither state, another run works on it, or it has got another link than what is going to
            move belongs to.
    """

    def change(record: R) -> R:
        if record.collection is start:
            _refuse_changed(record, journal, seen)
            known = record.journal or Journal()
            return _with(record, collection=transition, journal=_owned(journal or known, flow_run_id))
        return _resumed(record, start, transition, flow_run_id, is_alive)

    return records.change(record_id, change)


def resume(records: Records[R], record_id: str, transition: Collection, *, flow_run_id: str, is_alive: IsAlive) -> R:
    """Resume a record where another run has left it; a record in no transition is refused.

    Args:
        records: The records of its kind.
        record_id: The record.
        transition: The state it must be in.
        flow_run_id: The run that works on it from now on.
        is_alive: Returns whether the run that the journal names has not ended.

    Raises:
        NotFound: There is no such record.
        Conflict: It is not in that transition any more, or another run works on it.
    """
    return records.change(record_id, lambda record: _resumed(record, transition, transition, flow_run_id, is_alive))


def finish_deleting(records: Records[R], record_id: str, link: Link | None) -> R:
    """Note that a record's objects are where deleted ones lie; `link` leads to them."""

    def change(record: R) -> R:
        journal = _owned(record.journal or Journal(), "")
        return _with(record, collection=Collection.DELETED, deleted=now(), journal=journal, **_linked(record, link))

    return records.change(record_id, change)


def finish_restoring(records: Records[R], record_id: str, link: Link | None) -> R:
    """Note that a record's objects are back, where `link` leads."""

    def change(record: R) -> R:
        return _with(record, collection=Collection.AVAILABLE, deleted=None, journal=None, **_linked(record, link))

    return records.change(record_id, change)


def _refuse_changed(record: Record, journal: Journal | None, seen: str) -> None:
    if seen and record.digest != seen:
        raise Changed(f"{record.id} was changed in between", resolution="read it again, and decide by what it is now")
    if journal is not None and getattr(record, "link", None) != journal.link:
        raise Conflict(f"{record.id} got another link in between", resolution="repeat the request")


def _resumed(record: R, wanted: Collection, transition: Collection, flow_run_id: str, is_alive: IsAlive) -> R:
    """Return the record with another run in its journal; `wanted` is the state that the run needs it in."""
    known = record.journal or Journal()
    if record.collection is not transition:
        raise Conflict(f"{record.id} is {record.collection}, not {wanted}")
    if known.flow_run_id not in {"", flow_run_id} and is_alive(known.flow_run_id):
        raise Conflict(
            f"{record.id} is {transition} by flow run {known.flow_run_id}", resolution="wait for its end, or cancel it"
        )
    return _with(record, journal=_owned(known, flow_run_id))


def _owned(journal: Journal, flow_run_id: str) -> Journal:
    return journal.model_copy(update={"flow_run_id": flow_run_id})


def _linked(record: Record, link: Link | None) -> dict[str, Link | None]:
    return {"link": link} if "link" in type(record).model_fields else {}


def _with(record: R, **changes: object) -> R:
    return record.model_copy(update=changes)
