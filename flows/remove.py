"""The flow that removes a record at once, as version 2 of IMS's API deletes."""

from prefect import flow

from flows.hooks import write_error
from storage.models.fields import Id
from storage.models.kinds import DeletableKind
from tasks.deletions import begin_removal, erase


@flow(name="remove", flow_run_name="remove {kind} {record_id}", on_failure=[write_error])
def remove(kind: DeletableKind, record_id: Id, cascade: bool = True, force: bool = False, seen: str = "") -> None:
    """Remove an image, a recipe or a public key at once, with its objects. It cannot be restored.

    Safe to run again after a failure or a kill: it continues where it stopped.

    Args:
        kind: What it is.
        record_id: Its id.
        cascade: Remove its objects, too; otherwise all of them stay where they are.
        force: Remove it although objects of it are missing, or its manifest cannot be read.
        seen: The digest of the record as the caller has seen it: another one is refused. Empty: any.
    """
    record = begin_removal(kind, record_id, cascade, force, seen)
    erase(kind, record)
