"""Orders to an open shell: one small document in S3, which its pod reads by a presigned address every two seconds.

So they reach a pod on any runtime, from any host, without the flow's process, and the pod needs no credentials. A
presigned address holds for seven days at most, and so does a shell.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from builder.contract.shell_orders import Operation, Order, Orders
from builder.contract.unreadable import Unreadable
from errors import BadInput, Conflict, Corrupt, NotFound, Unreachable
from storage.models.jobs import Job, JobStatus
from storage.models.layout import shell_orders_key
from storage.models.records import new_id, now
from storage.s3.backoff import tries

if TYPE_CHECKING:
    # The `ims` command gives orders, and importing boto3 takes half a second of its help.
    from storage.s3.objects import ObjectStore

LONGEST = timedelta(days=7)
_TRIES = 20


def open_orders(store: "ObjectStore", bucket: str, job_id: str, step: str, limit: timedelta) -> None:
    """Make the document of a shell that is about to open.

    Safe to repeat: that of a shell which was opened before stays, with its orders. Another shell of the same job, a
    debug shell after one that was completed, has its own time from now on, and no orders.

    Args:
        store: The object store.
        bucket: The bucket of the jobs.
        job_id: The job.
        step: The step of the job that the shell is.
        limit: How long it may be open.
    """
    began = time.time()
    new = Orders(until=began + limit.total_seconds(), latest=began + LONGEST.total_seconds(), opened=(step,))
    body = new.to_json()
    try:
        store.write(bucket, shell_orders_key(job_id), body, content_type="application/json", if_none_match=True)
    except Conflict:

        def opened(known: Orders) -> Orders:
            return known if step in known.opened else replace(new, opened=(*known.opened, step))

        _change(store, bucket, job_id, opened)


def limit_of(store: "ObjectStore", bucket: str, job: Job) -> datetime | None:
    """Return when a job's last shell ends or ended at the latest; None when it had none, or it was aborted."""
    try:
        orders, _ = read_orders(store, bucket, job.id)
    except NotFound:
        return None
    except Corrupt:
        # Its pod cannot read it either: the limit that it began with holds.
        return job.created + LONGEST
    return None if orders.is_aborted else _limit(orders)


def is_open(store: "ObjectStore", bucket: str, job: Job) -> bool:
    """Return whether a job's shell is open, or was completed and waits to be packed; no flow need work on it."""
    if not any(shell.command for shell in job.ssh_containers):
        return False
    limit = limit_of(store, bucket, job)
    return limit is not None and limit > now()


def read_orders(store: "ObjectStore", bucket: str, job_id: str) -> tuple[Orders, str]:
    """Return a shell's orders and their document's etag.

    Raises:
        NotFound: The job has no shell.
        Corrupt: The document cannot be read.
    """
    body, known = store.read(bucket, shell_orders_key(job_id))
    try:
        return Orders.from_json(body), known.etag
    except Unreadable as error:
        raise Corrupt(f"{known.uri} holds no orders to a shell: {error}") from error


def end_shell(store: "ObjectStore", bucket: str, job: Job, operation: Operation) -> None:
    """Order the end of a job's shell.

    Raises:
        Conflict: No shell of the job is open.
    """
    refuse_without_shell(job)
    order = Order(id=new_id(), operation=operation)
    _change(store, bucket, job.id, lambda orders: replace(orders, order=order))


def extend_shell(store: "ObjectStore", bucket: str, job: Job, by: timedelta) -> datetime:
    """Give a job's shell more time, and return when it ends then; it stays open unused for as long as `by` from now.

    Raises:
        Conflict: No shell of the job is open.
        BadInput: A shell cannot stay open for so long.
    """
    refuse_without_shell(job)
    if by <= timedelta():
        raise BadInput(f"a shell cannot be extended by {by}", resolution="say by how much longer it is to stay open")

    def later(orders: Orders) -> Orders:
        until = orders.until + by.total_seconds()
        if until > orders.latest:
            latest = datetime.fromtimestamp(orders.latest, UTC)
            raise BadInput(
                f"the shell of job {job.id} may stay open until {latest:%Y-%m-%d %H:%M} UTC at most",
                resolution=f"a shell is open for {LONGEST.days} days at most: complete it, and customize the new image",
            )
        return replace(orders, until=until, awake_until=time.time() + by.total_seconds())

    return _limit(_change(store, bucket, job.id, later))


def refuse_without_shell(job: Job) -> None:
    """Refuse a job that has no open shell.

    Raises:
        Conflict: It has none.
    """
    if job.status is not JobStatus.WAITING_ON_USER or not any(shell.command for shell in job.ssh_containers):
        raise Conflict(
            f"no shell of job {job.id} is open: it is {job.status}",
            resolution=f"see `ims jobs describe {job.id}`",
        )


def _limit(orders: Orders) -> datetime:
    return datetime.fromtimestamp(orders.until, UTC)


def _change(store: "ObjectStore", bucket: str, job_id: str, change: Callable[[Orders], Orders]) -> Orders:
    for _ in tries(_TRIES):
        orders, etag = read_orders(store, bucket, job_id)
        changed = change(orders)
        if changed == orders:
            return changed
        body = changed.to_json()
        try:
            store.write(bucket, shell_orders_key(job_id), body, content_type="application/json", if_match=etag)
        except Conflict:
            # Lost to another order, or won by a try whose answer was lost: an extension must not count twice.
            if read_orders(store, bucket, job_id)[0] == changed:
                return changed
        else:
            return changed
    raise Unreachable(f"orders to the shell of job {job_id} were written by others {_TRIES} times in a row")
