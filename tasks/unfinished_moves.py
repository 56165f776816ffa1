"""Moves that were cut off: records in transition that no flow run works on any more, and how they are finished."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from runs.own_run import own_run_id, read_state
from storage.models.kinds import DELETABLE_KINDS, DeletableKind
from storage.models.records import Collection, Journal, Record
from storage.reconcile.findings import Finding, Kind, Outcome, Remedy, found, repaired
from storage.records.catalogue import catalogue
from tasks.deletions import erase, finish_deletion, finish_restoration, move_away, move_back, resume
from tasks.retries import retryable


@retryable
def repair_moves(apply: bool) -> list[Finding]:
    """Find the records in transition, and finish what no run works on any more.

    Safe to repeat: what is done is recognised, and a record that has reached its end state is no longer found.

    Args:
        apply: Whether anything is changed.
    """
    return repaired([*_unfinished()], apply)


def finish(kind: DeletableKind, record_id: str, transition: Collection) -> None:
    """Run the rest of the flow that left a record in transition, by that flow's own steps.

    Raises:
        Conflict, NotFound, Corrupt: It cannot be finished; the record stays in transition.
    """
    record = resume.fn(kind, record_id, transition)
    if transition is Collection.DELETING:
        move_away.fn(record)
        finish_deletion.fn(kind, record)
    elif transition is Collection.RESTORING:
        move_back.fn(record)
        finish_restoration.fn(kind, record)
    else:
        erase.fn(kind, record)


def _unfinished() -> Iterator[Remedy]:
    for kind in DELETABLE_KINDS:
        for record in catalogue().of(kind).list(None):
            if record.collection.is_transition:
                yield _remedy(kind, record)


def _remedy(kind: DeletableKind, record: Record | Any) -> Remedy:
    journal = record.journal or Journal()
    run_id, what = journal.flow_run_id, f"{kind} {record.id}"
    state = read_state(run_id)
    if state.is_alive and run_id != own_run_id():
        return found(
            Kind.MOVE, what, f"{record.collection} by flow run {run_id}, which is {state.name}", Outcome.AT_WORK
        )
    finding = Finding(
        kind=Kind.MOVE,
        what=what,
        why=f"{record.collection} was cut off: its run is {state.name or 'not known to Prefect'}",
        action="finish it",
        outcome=Outcome.PENDING,
        bytes=sum(move.size for move in journal.moves),
    )
    return Remedy(finding, partial(finish, kind, record.id, record.collection))
