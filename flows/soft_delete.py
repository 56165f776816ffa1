"""The flow that deletes a record so that it can be restored."""

from prefect import flow

from flows.hooks import write_error
from storage.models.fields import Id
from storage.models.kinds import DeletableKind
from tasks.deletions import begin_deletion, finish_deletion, move_away


@flow(name="soft-delete", flow_run_name="delete {kind} {record_id}", on_failure=[write_error])
def soft_delete(kind: DeletableKind, record_id: Id, force: bool = False, seen: str = "") -> None:
    """Delete an image, a recipe or a public key so that it can be restored: its objects move to `deleted/`.

    Safe to run again after a failure or a kill: it continues where it stopped.

    Args:
        kind: What it is.
        record_id: Its id.
        force: Delete it although objects of it are missing, or its manifest cannot be read.
        seen: The digest of the record as the caller has seen it: another one is refused. Empty: any.
    """
    record = begin_deletion(kind, record_id, force, seen)
    move_away(record)
    finish_deletion(kind, record)
