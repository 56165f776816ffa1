"""Moves of objects within S3: a verified copy, and then the removal of the source.

A move may be cut off anywhere and carried out again: it skips what is done already. Nothing is overwritten.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from errors import Conflict, NotFound
from storage.models.records import Link, Move
from storage.s3.copies import copy, copy_tags
from storage.s3.object_info import MD5SUM, ObjectInfo
from storage.s3.objects import ObjectStore

# The server does the work: a few at a time keep it busy.
AT_A_TIME = 4


def carry_out_all(
    store: ObjectStore, moves: Sequence[Move], on_done: Callable[[Move, ObjectInfo], None] = lambda _, __: None
) -> None:
    """Carry out moves, several at a time; the first error is raised when those that had begun have ended.

    Args:
        store: The object store.
        moves: What to move.
        on_done: Called with each move that is done, and what it made, in the caller's thread.

    Raises:
        Conflict, NotFound, Corrupt: See carry_out.
    """
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        running = {pool.submit(carry_out, store, move): move for move in moves}
        try:
            # Here, not in the threads: what they log would not reach the flow run.
            for done in as_completed(running):
                on_done(running[done], done.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def carry_out(store: ObjectStore, move: Move) -> ObjectInfo:
    """Move one object, and return what is at the target then.

    Raises:
        NotFound: It is neither at its source nor at its target.
        Conflict: Another object is at either of them.
        Corrupt: The copy is not the object.
    """
    source, target = store.find(move.source), store.find(move.target)
    if target is not None and not is_of(target, move):
        raise Conflict(
            f"{move.target} is taken by another object (etag {target.etag}, not {move.etag})",
            resolution="move it away, then run this again",
        )
    if source is None:
        if target is None:
            raise NotFound(f"{move.source} is gone, and {move.target} is not there either")
        return target
    if not is_of(source, move):
        raise Conflict(
            f"{move.source} was replaced (etag {source.etag}, not {move.etag})",
            resolution="find out what wrote it; put the original back, then run this again",
        )
    if target is None:
        link = Link(path=move.target)
        target = copy(store, source, link.bucket, link.key)
    else:
        # Cut off before: perhaps between the copy and its tags.
        copy_tags(store, source, target.bucket, target.key)
    store.delete(source.bucket, source.key)
    return target


def replaced(store: ObjectStore, moves: Sequence[Move]) -> list[str]:
    """Return the targets of moves where another object is now."""
    found = [(move, store.find(move.target)) for move in moves]
    return [move.target for move, there in found if there is not None and not is_of(there, move)]


def remove_all(store: ObjectStore, moves: Sequence[Move]) -> list[str]:
    """Remove the objects at the targets of moves. One that is gone is a success.

    Returns:
        The URIs that were left, because another object is there.
    """
    left = []
    for move in moves:
        there = store.find(move.target)
        if there is None:
            continue
        if is_of(there, move):
            store.delete(there.bucket, there.key)
        else:
            left.append(move.target)
    return left


def with_present_etag(store: ObjectStore, link: Link) -> Link:
    """Return a link with the etag that its object has now: a copy may have another. One that names none stays so."""
    found = store.find(link.path) if link.etag else None
    return link.model_copy(update={"etag": found.etag}) if found else link


def link_to_target(store: ObjectStore, move: Move) -> Link:
    """Return the link to an object that has moved."""
    return with_present_etag(store, Link(path=move.target, etag=move.etag))


def is_of(found: ObjectInfo, move: Move) -> bool:
    """Return whether an object is the one of a move; a copy may have another etag."""
    carries = bool(move.md5) and found.metadata.get(MD5SUM) == move.md5
    return found.size == move.size and (found.etag == move.etag or carries)
