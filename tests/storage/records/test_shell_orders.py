"""storage/records/shell_orders.py, on a real S3 server: no order is lost, none counts twice."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from builder.contract.shell_orders import Operation
from errors import BadInput, Conflict, Corrupt, NotFound
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import shell_orders_key
from storage.models.records import new_id, now
from storage.models.shells import Address, ConnectionInfo, SshContainer
from storage.records.shell_orders import (
    LONGEST,
    end_shell,
    extend_shell,
    is_open,
    limit_of,
    open_orders,
    read_orders,
)
from storage.s3.objects import ObjectStore
from tests.faults import Fault, Faults

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def job(store: ObjectStore, bucket: str) -> Job:
    """A job whose shell is open for a day."""
    access = ConnectionInfo(customer_access=Address(host="127.0.0.1", port=22))
    job = Job(
        job_type=JobType.CUSTOMIZE,
        artifact_id=new_id(),
        public_key_id=new_id(),
        image_root_archive_name="image",
        status=JobStatus.WAITING_ON_USER,
        ssh_containers=[SshContainer(name="customize", status="running", connection_info=access)],
    )
    open_orders(store, bucket, job.id, "shell", DAY)
    return job


def test_a_shell_that_opens_has_its_limit_and_no_orders(store: ObjectStore, bucket: str, job: Job) -> None:
    orders, _ = read_orders(store, bucket, job.id)
    assert orders.until == pytest.approx(time.time() + DAY.total_seconds(), abs=60)
    assert (orders.awake_until, orders.order) == (0, None)


@pytest.mark.parametrize("operation", Operation)
def test_it_is_ended(store: ObjectStore, bucket: str, job: Job, operation: Operation) -> None:
    end_shell(store, bucket, job, operation)
    orders, _ = read_orders(store, bucket, job.id)
    assert orders.order is not None
    assert orders.order.operation == operation


def test_a_second_order_is_another_one(store: ObjectStore, bucket: str, job: Job) -> None:
    seen = set()
    for _ in range(2):
        end_shell(store, bucket, job, Operation.COMPLETE)
        order = read_orders(store, bucket, job.id)[0].order
        assert order is not None
        seen.add(order.id)
    assert len(seen) == 2


def test_it_is_extended_also_while_no_user_is_connected(store: ObjectStore, bucket: str, job: Job) -> None:
    before, _ = read_orders(store, bucket, job.id)
    until = extend_shell(store, bucket, job, HOUR)
    after, _ = read_orders(store, bucket, job.id)
    assert after.until == before.until + HOUR.total_seconds()
    assert until == datetime.fromtimestamp(after.until, UTC)
    assert after.awake_until == pytest.approx(time.time() + HOUR.total_seconds(), abs=60)


def test_the_run_that_comes_back_keeps_the_orders(store: ObjectStore, bucket: str, job: Job) -> None:
    extend_shell(store, bucket, job, HOUR)
    end_shell(store, bucket, job, Operation.COMPLETE)
    known = read_orders(store, bucket, job.id)
    open_orders(store, bucket, job.id, "shell", DAY)
    assert read_orders(store, bucket, job.id) == known


def test_the_next_shell_of_the_job_has_its_own_time_and_no_orders(store: ObjectStore, bucket: str, job: Job) -> None:
    """A debug shell after one that was completed. The run that comes back passes both again."""
    end_shell(store, bucket, job, Operation.COMPLETE)
    open_orders(store, bucket, job.id, "debug-shell", 2 * DAY)
    orders, _ = read_orders(store, bucket, job.id)
    assert orders.until == pytest.approx(time.time() + 2 * DAY.total_seconds(), abs=60)
    assert orders.order is None
    for step in ("shell", "debug-shell"):
        open_orders(store, bucket, job.id, step, DAY)
        assert read_orders(store, bucket, job.id)[0] == orders


def test_it_is_open_until_its_limit_or_until_it_is_aborted(store: ObjectStore, bucket: str, job: Job) -> None:
    assert is_open(store, bucket, job)
    end_shell(store, bucket, job, Operation.COMPLETE)
    assert is_open(store, bucket, job), "what was completed is still to be packed"
    end_shell(store, bucket, job, Operation.ABORT)
    assert (is_open(store, bucket, job), limit_of(store, bucket, job)) == (False, None)
    open_orders(store, bucket, job.id, "debug-shell", -HOUR)
    limit = limit_of(store, bucket, job)
    assert limit is not None
    assert (limit < now(), is_open(store, bucket, job)) == (True, False)
    open_orders(store, bucket, job.id, "another", HOUR)
    assert not is_open(store, bucket, job.model_copy(update={"ssh_containers": []}))


def test_orders_that_cannot_be_read_count_for_the_longest_time(store: ObjectStore, bucket: str, job: Job) -> None:
    store.write(bucket, shell_orders_key(job.id), b"{}")
    assert limit_of(store, bucket, job) == job.created + LONGEST


def test_a_shell_is_open_for_a_week_at_most(store: ObjectStore, bucket: str, job: Job) -> None:
    extend_shell(store, bucket, job, LONGEST - DAY)
    with pytest.raises(BadInput, match="may stay open until"):
        extend_shell(store, bucket, job, HOUR)


@pytest.mark.parametrize("by", [timedelta(), -HOUR])
def test_an_extension_makes_it_longer(store: ObjectStore, bucket: str, job: Job, by: timedelta) -> None:
    with pytest.raises(BadInput, match="cannot be extended by"):
        extend_shell(store, bucket, job, by)


@pytest.mark.parametrize("changes", [{"status": JobStatus.SUCCESS}, {"ssh_containers": []}], ids=["ended", "no shell"])
def test_a_job_without_an_open_shell_takes_no_orders(
    store: ObjectStore, bucket: str, job: Job, changes: dict[str, object]
) -> None:
    closed = job.model_copy(update=changes)
    with pytest.raises(Conflict, match=f"no shell of job {job.id} is open"):
        end_shell(store, bucket, closed, Operation.ABORT)
    with pytest.raises(Conflict, match=f"no shell of job {job.id} is open"):
        extend_shell(store, bucket, closed, HOUR)


def test_orders_given_at_the_same_time_all_count(store: ObjectStore, bucket: str, job: Job) -> None:
    before, _ = read_orders(store, bucket, job.id)
    threads = [threading.Thread(target=extend_shell, args=(store, bucket, job, HOUR)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_orders(store, bucket, job.id)[0].until == before.until + 6 * HOUR.total_seconds()


def test_an_extension_whose_answer_was_lost_counts_once(
    faulty_store: ObjectStore, store: ObjectStore, bucket: str, job: Job, proxy: Faults
) -> None:
    before, _ = read_orders(store, bucket, job.id)
    proxy.plan(Fault.LOST_ANSWER, when=lambda call: call.method == "PUT")
    extend_shell(faulty_store, bucket, job, HOUR)
    assert read_orders(store, bucket, job.id)[0].until == before.until + HOUR.total_seconds()


def test_what_holds_no_orders_is_corrupt(store: ObjectStore, bucket: str, job: Job) -> None:
    store.write(bucket, shell_orders_key(job.id), b"{}")
    with pytest.raises(Corrupt, match="holds no orders"):
        end_shell(store, bucket, job, Operation.COMPLETE)


def test_a_job_that_never_opened_a_shell_has_none(store: ObjectStore, bucket: str) -> None:
    with pytest.raises(NotFound):
        read_orders(store, bucket, new_id())
