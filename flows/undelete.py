"""The flow that restores a deleted record."""

from prefect import flow

from flows.hooks import write_error
from storage.models.fields import Id
from storage.models.kinds import DeletableKind
from tasks.deletions import begin_restoration, finish_restoration, move_back


@flow(name="undelete", flow_run_name="undelete {kind} {record_id}", on_failure=[write_error])
def undelete(kind: DeletableKind, record_id: Id, seen: str = "") -> None:
    """Restore a deleted image, recipe or public key: its objects move back to where they were.

    Nothing is overwritten: when another object is there, nothing is changed. Safe to run again.

    Args:
        kind: What it is.
        record_id: Its id.
        seen: The digest of the record as the caller has seen it: another one is refused. Empty: any.
    """
    record = begin_restoration(kind, record_id, seen)
    move_back(record)
    finish_restoration(kind, record)
