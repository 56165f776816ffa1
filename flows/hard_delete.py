"""The flow that removes a deleted record for good."""

from prefect import flow

from flows.hooks import write_error
from storage.models.fields import Id
from storage.models.kinds import DeletableKind
from tasks.deletions import begin_erasure, erase


@flow(name="hard-delete", flow_run_name="erase {kind} {record_id}", on_failure=[write_error])
def hard_delete(kind: DeletableKind, record_id: Id, force: bool = False, seen: str = "") -> None:
    """Remove a deleted image, recipe or public key for good, with its objects. It cannot be restored.

    Safe to run again after a failure or a kill: it continues where it stopped.

    Args:
        kind: What it is.
        record_id: Its id.
        force: Remove it although objects are left that may be its own: those of an image whose manifest could not be
            read when it was deleted, or other objects in their place. They are named in the log.
        seen: The digest of the record as the caller has seen it: another one is refused. Empty: any.
    """
    record = begin_erasure(kind, record_id, force, seen)
    erase(kind, record)
