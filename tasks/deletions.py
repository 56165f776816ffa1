"""Deleting, restoring and erasing public keys, recipes and images: the steps of their flows.

The record is the journal (storage/deletion/states.py): each step looks at it and at the objects, so each may run twice.
"""

import logging

from config.settings import settings
from errors import BadInput, Conflict, Corrupt, NotFound
from runs.own_run import is_alive, own_run_id
from storage.deletion import states as deletion
from storage.deletion.deleted_manifests import remove_deleted_manifest, write_deleted_manifest
from storage.deletion.holdings import Deletable, left_behind, links_of, movable, moves_of, nothing_left
from storage.deletion.moves import carry_out_all, is_of, link_to_target, remove_all, replaced, with_present_etag
from storage.models.kinds import DeletableKind
from storage.models.records import Collection, Image, Journal, Move, PublicKey
from storage.records.catalogue import catalogue
from storage.s3.object_info import ObjectInfo
from storage.s3.objects import object_store
from tasks.retries import retryable

logger = logging.getLogger(__name__)


def plan_deletion(kind: DeletableKind, record_id: str, *, force: bool = False) -> Journal:
    """Return what would move if a record were deleted; nothing is changed.

    A record whose objects are all gone is deleted without them: its user has removed them already.

    Args:
        kind: Its kind.
        record_id: The record.
        force: Delete the record although objects are gone. When the manifest is not valid, or one of the objects is
            not ours to move, all of them stay where they are.

    Raises:
        NotFound: No such record, or one of its objects is gone; each is named.
        Conflict: A job is using it, or one of its objects is not the one that was linked.
        BadInput, Corrupt: Its manifest is not valid, or its objects are not ours to move.
    """
    record: Deletable = catalogue().of(kind).get(record_id)
    if record.collection is not Collection.AVAILABLE:
        return record.journal or Journal()
    _refuse_used(record)
    buckets = {settings().bucket, settings().boot_images_bucket}
    link = None if isinstance(record, PublicKey) else record.link
    try:
        if link is not None and nothing_left(object_store(), settings().boot_images_bucket, record):
            return Journal(link=link, missing=[link.path])
        links = links_of(object_store(), record)
        moves, missing = moves_of(object_store(), catalogue(), buckets, record, links)
    except (BadInput, Conflict, Corrupt, NotFound) as error:
        if not force:
            raise
        logger.warning("the objects of %s stay where they are: %s", record.id, error.message)
        moves, missing = [], []
    if missing and not force:
        raise NotFound(
            f"{', '.join(missing)} of {kind} {record.id} is not there",
            resolution="put it back, or delete with --force, which moves what is there",
        )
    return Journal(link=link, moves=moves, missing=missing)


@retryable
def begin_deletion(kind: DeletableKind, record_id: str, force: bool, seen: str = "") -> Deletable:
    """Write to the record what is going to move. From here on any run can finish the deletion.

    Args:
        kind: Its kind.
        record_id: The record.
        force: See plan_deletion.
        seen: The digest of the record as the caller has seen it; empty: any.

    Raises:
        Changed: The record has another digest.
        Conflict: Another run works on the record, or see plan_deletion.
    """
    records = catalogue().of(kind)
    is_new = records.get(record_id).collection is Collection.AVAILABLE
    journal = plan_deletion(kind, record_id, force=force)
    found = _begin(kind, record_id, Collection.AVAILABLE, Collection.DELETING, journal, seen)
    _refuse_used_again(kind, found, is_new)
    for path in journal.missing:
        logger.warning("%s is gone; the deletion goes on without it", path)
    return found


@retryable
def move_away(record: Deletable) -> None:
    """Move a record's objects to where deleted ones lie."""
    _move(movable(object_store(), record))


@retryable
def finish_deletion(kind: DeletableKind, record: Deletable) -> Deletable:
    """Write the manifest of a deleted image, and write to the record that it is deleted."""
    moves = {move.source: move for move in _journal(record).moves}
    link = _journal(record).link
    if link is not None and link.path in moves:
        moved = moves[link.path]
        if isinstance(record, Image):
            link = write_deleted_manifest(object_store(), record, moved, moves)
        else:
            link = link_to_target(object_store(), moved)
    done: Deletable = deletion.finish_deleting(catalogue().of(kind), record.id, link)
    logger.info("%s %s is deleted", kind, record.id)
    return done


@retryable
def begin_restoration(kind: DeletableKind, record_id: str, seen: str = "") -> Deletable:
    """Check that every object can move back to where it was, and put the record in transition.

    Raises:
        Conflict: The record is not deleted, another run works on it, or another object is where one was; nothing
            was changed.
        NotFound: An object is gone, or what the record links was gone when it was deleted.
    """
    record: Deletable = catalogue().of(kind).get(record_id)
    if record.collection in {Collection.DELETED, Collection.RESTORING}:
        _refuse_without_link(_journal(record))
        for move in movable(object_store(), record):
            _refuse_taken(move)
    return _begin(kind, record_id, Collection.DELETED, Collection.RESTORING, seen=seen)


@retryable
def move_back(record: Deletable) -> None:
    """Move a record's objects to where they were, and remove the manifest of the deleted image."""
    _move([move.back for move in movable(object_store(), record)])
    remove_deleted_manifest(object_store(), record)


@retryable
def finish_restoration(kind: DeletableKind, record: Deletable) -> Deletable:
    """Write to the record that it is available again, with the link it had."""
    link = _journal(record).link
    present = with_present_etag(object_store(), link) if link else None
    done: Deletable = deletion.finish_restoring(catalogue().of(kind), record.id, present)
    logger.info("%s %s is restored", kind, record.id)
    return done


@retryable
def resume(kind: DeletableKind, record_id: str, transition: Collection) -> Deletable:
    """Resume a record that a run, which has ended, left in transition.

    Raises:
        NotFound: It is gone by now.
        Conflict: It is not in that transition any more, another run works on it, or a job uses what would be deleted.
    """
    found: Deletable = deletion.resume(
        catalogue().of(kind), record_id, transition, flow_run_id=own_run_id(), is_alive=is_alive
    )
    if transition is Collection.DELETING:
        _refuse_used(found)
    return found


@retryable
def begin_erasure(kind: DeletableKind, record_id: str, force: bool, seen: str = "") -> Deletable:
    """Put a deleted record in transition to its removal.

    Args:
        kind: Its kind.
        record_id: The record.
        force: Go on although objects are left that may be its own, or that are where its own were.
        seen: As `begin_deletion`.

    Raises:
        NotFound: There is no such record, or it is gone already.
        Conflict: The record is not deleted, another run works on it, or objects would be left; nothing was changed.
    """
    record: Deletable = catalogue().of(kind).get(record_id)
    if record.collection is Collection.DELETED and not force:
        _refuse_leaving(record)
    return _begin(kind, record_id, Collection.DELETED, Collection.ERASING, seen=seen)


@retryable
def erase(kind: DeletableKind, record: Deletable) -> None:
    """Remove a record's objects for good, and then the record. Objects that are not its own stay and are named."""
    not_its_own = remove_all(object_store(), _journal(record).moves)
    left = [*not_its_own, *_left_behind(record)]
    remove_deleted_manifest(object_store(), record)
    try:
        catalogue().of(kind).remove(record.id)
    except NotFound:
        logger.info("%s %s was gone already", kind, record.id)
    for path in left:
        logger.warning("%s is left", path)
    logger.info("%s %s is gone for good", kind, record.id)


@retryable
def begin_removal(kind: DeletableKind, record_id: str, cascade: bool, force: bool, seen: str = "") -> Deletable:
    """Put a record in transition to its removal, without a deletion before that could be undone.

    Args:
        kind: Its kind.
        record_id: The record.
        cascade: Remove its objects with it; otherwise all of them stay where they are.
        force: As `begin_deletion`.
        seen: As `begin_deletion`.

    Raises:
        Conflict: Another run works on the record, a job uses it, or see plan_deletion.
    """
    records = catalogue().of(kind)
    record: Deletable = records.get(record_id)
    is_new = record.collection is Collection.AVAILABLE
    journal = _removal(kind, record, force) if cascade and is_new else Journal(link=getattr(record, "link", None))
    found = _begin(kind, record_id, Collection.AVAILABLE, Collection.ERASING, journal, seen)
    _refuse_used_again(kind, found, is_new)
    return found


def _removal(kind: DeletableKind, record: Deletable, force: bool) -> Journal:
    """Return a plan of which `erase` removes the objects where they are."""
    plan = plan_deletion(kind, record.id, force=force)
    return plan.model_copy(update={"moves": [move.model_copy(update={"target": move.source}) for move in plan.moves]})


def _begin(
    kind: DeletableKind,
    record_id: str,
    start: Collection,
    transition: Collection,
    journal: Journal | None = None,
    seen: str = "",
) -> Deletable:
    """Put a record in transition for this process's flow run, or resume it."""
    begun: Deletable = deletion.begin(
        catalogue().of(kind),
        record_id,
        start,
        transition,
        flow_run_id=own_run_id(),
        is_alive=is_alive,
        journal=journal,
        seen=seen,
    )
    return begun


def _move(moves: list[Move]) -> None:
    done = 0

    def count(move: Move, there: ObjectInfo) -> None:
        nonlocal done
        done += 1
        logger.info("%d of %d moved: %s", done, len(moves), move.target)
        if there.etag != move.etag:
            logger.warning("%s has the etag %s here, and was linked by %s", move.target, there.etag, move.etag)

    carry_out_all(object_store(), moves, count)


def _refuse_used(record: Deletable) -> None:
    for job in catalogue().jobs.list():
        # A job has a copy of its key, except for one that an earlier release has opened.
        uses = {job.artifact_id} if job.public_key else {job.artifact_id, job.public_key_id}
        if record.id in uses and not job.status.is_final:
            raise Conflict(
                f"job {job.id} is using {record.id}: it is {job.status}", resolution="wait for its end, or cancel it"
            )


def _refuse_used_again(kind: DeletableKind, begun: Deletable, is_new: bool) -> None:
    """Refuse it once more: a job writes its record before it reads what it works on, so one of the two sees the other.

    Args:
        kind: Its kind.
        begun: The record in transition.
        is_new: Whether this run has put it there; then it is available again.

    Raises:
        Conflict: A job uses it.
    """
    try:
        _refuse_used(begun)
    except Conflict:
        if is_new:
            deletion.finish_restoring(catalogue().of(kind), begun.id, _journal(begun).link)
        raise


def _refuse_leaving(record: Deletable) -> None:
    if left := [*replaced(object_store(), _journal(record).moves), *_left_behind(record)]:
        raise Conflict(
            f"{record.id} would go without {', '.join(left)}: not known to be its own",
            resolution="look at them; --force removes the record and leaves them",
        )


def _left_behind(record: Deletable) -> list[str]:
    if not isinstance(record, Image):
        return []
    return left_behind(object_store(), settings().boot_images_bucket, record)


def _refuse_without_link(journal: Journal) -> None:
    """Refuse to restore a record that would point at nothing; an object that is there again may be pointed at."""
    link = journal.link
    if link and link.path in journal.missing and object_store().find(link.path) is None:
        raise NotFound(
            f"{link.path} was gone when the record was deleted, and is not there now",
            resolution="put it there to restore the record, or delete the record for good",
        )


def _refuse_taken(move: Move) -> None:
    store = object_store()
    here, there = store.find(move.source), store.find(move.target)
    if there is None and here is None:
        raise NotFound(f"{move.target} is gone, so {move.source} cannot be restored")
    if here is not None and not is_of(here, move):
        raise Conflict(
            f"another object is at {move.source} now", resolution="move it away, then restore the record again"
        )


def _journal(record: Deletable) -> Journal:
    return record.journal or Journal()
