"""The flow when S3 fails, and when its own process is killed, at every single call."""

import signal

import pytest

from storage.models.jobs import JobStatus
from storage.models.records import new_id
from tests.faults import Call, Fault
from tests.flows.platforms import on_every_platform
from tests.flows.site import Site
from tests.flows.test_create_image import assert_whole
from tests.s3_proxy import FaultProxy

pytestmark = pytest.mark.containers

# A clean run makes about eighty calls; a test that needs many more runs than that is stuck.
MOST_RUNS = 200


@pytest.fixture
def impatient(site: Site, proxy: FaultProxy) -> Site:
    """The site behind the proxy, where the first fault of S3 fails the run."""
    site.environment |= {
        "IMS_S3_ENDPOINT_URL": proxy.endpoint_url,
        "IMS_S3_ATTEMPTS": "1",
        "IMS_TASK_RETRIES": "0",
        "IMS_S3_READ_TIMEOUT": "2",
    }
    return site


def of_the_flow(call: Call) -> bool:
    """Tell the flow's own calls from those of the pods, which hold no credentials and sign the address instead.

    The flow reads records by such addresses, too (storage/s3/conditional_reads.py); pods read none.
    """
    return "X-Amz-Signature" not in call.query or call.key.startswith("records/")


Kind = tuple[str, str, str]


def identity(call: Call) -> Kind:
    """Tell calls apart by what they ask for, not by when or by whom."""
    query = "&".join(sorted(set(call.query) & {"uploads", "uploadId", "partNumber", "list-type"}))
    return call.method, call.path, query


@pytest.mark.parametrize(
    "fault", [Fault.ANSWER_500, Fault.ANSWER_503, Fault.RESET, Fault.LOST_ANSWER, Fault.DONE_500, Fault.STALL]
)
def test_every_call_may_fail_once(site: Site, proxy: FaultProxy, fault: Fault) -> None:
    """Every kind of call, the pods' own included, meets the fault the first time it is made."""
    met: set[Kind] = set()

    def first_time(call: Call) -> bool:
        # A pod waits a minute for an answer.
        if fault is Fault.STALL and not of_the_flow(call):
            return False
        known = identity(call) in met
        met.add(identity(call))
        return not known

    proxy.plan(fault, when=first_time, times=10_000)
    site.environment |= {"IMS_S3_ENDPOINT_URL": proxy.endpoint_url, "IMS_S3_READ_TIMEOUT": "1"}
    job_id = new_id()
    assert site.run(job_id) == 0, site.runs[0].log.read_text()
    assert len(met) > 20
    assert_whole(site, job_id)


def test_a_run_that_failed_at_any_call_goes_on_where_it_stopped(impatient: Site, proxy: FaultProxy) -> None:
    """Each run meets a fault at every call that no run before it has met one at, until one gets through."""
    turns = Turns()
    proxy.plan(Fault.ANSWER_500, when=turns.is_next, times=MOST_RUNS)
    job_id = new_id()
    while True:
        turns.begin()
        code = impatient.run(job_id)
        if not turns.met:
            break
        assert len(impatient.runs) < MOST_RUNS
    assert code == 0, impatient.runs[-1].log.read_text()
    assert_whole(impatient, job_id)
    assert_pods_ran_once(proxy)
    print(f"\nfailed at {len(turns.known)} calls, {len(impatient.runs)} runs of one job")


def test_a_run_that_was_killed_at_any_write_goes_on_where_it_stopped(impatient: Site, proxy: FaultProxy) -> None:
    """Each run is killed before the first write that no run before it was killed at, until one gets through.

    Writes are enough: between two of them nothing changes that another process could see. So a kill after a write
    leaves what a kill before the next one leaves.
    """
    turns = Turns()

    def kill(_: Call) -> None:
        impatient.runs[-1].kill()

    proxy.plan(
        when=lambda call: call.is_write and not turns.met and turns.is_next(call),
        times=MOST_RUNS,
        before=kill,
    )
    job_id = new_id()
    while True:
        turns.begin()
        code = impatient.run(job_id)
        if not turns.met:
            break
        assert code == -signal.SIGKILL
        assert len(impatient.runs) < MOST_RUNS
    assert code == 0, impatient.runs[-1].log.read_text()
    assert_whole(impatient, job_id)
    assert_pods_ran_once(proxy)
    print(f"\nkilled before {len(turns.known)} writes of one job")


def test_a_job_that_s3_failed_says_so(impatient: Site, proxy: FaultProxy) -> None:
    job_id = new_id()
    proxy.plan(Fault.ANSWER_503, when=lambda call: call.key.startswith("recipes/"))
    assert impatient.run(job_id) == 1
    job = impatient.job(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert job.diagnosis.category == "Unreachable"
    assert "recipes/" in job.diagnosis.summary
    assert "continues where it stopped" in job.diagnosis.resolution


@on_every_platform
def test_a_pod_that_finished_while_nobody_looked_is_not_run_again(site: Site, proxy: FaultProxy) -> None:
    site.environment["IMS_S3_ENDPOINT_URL"] = proxy.endpoint_url
    job_id = new_id()
    run = site.start(job_id)
    site.wait_for(lambda: any(call.key.endswith("context.tgz") and call.method == "GET" for call in proxy.calls))
    run.kill()
    run.wait()
    name = f"ims-{job_id}-prepare-1"
    site.wait_for(lambda: (outcome := site.runtime.outcome(name)) is not None and outcome.finished is not None)
    assert site.run(job_id) == 0
    assert_whole(site, job_id)
    assert_pods_ran_once(proxy)


def assert_pods_ran_once(proxy: FaultProxy) -> None:
    """Assert that each pod did its work once: fetched its context, handed in its result, sent each part."""
    of_pods = [(*identity(call), call.query.get("partNumber", "")) for call in proxy.calls if not of_the_flow(call)]
    assert sorted(of_pods) == sorted(set(of_pods))


class Turns:
    """Picks, run after run of one job, the calls that no run before has met: the nth call of a kind once for each n."""

    def __init__(self) -> None:
        self.known: list[Kind] = []
        self.met = 0
        self._seen: list[Kind] = []
        self._failed: Kind | None = None

    def begin(self) -> None:
        """Begin another run."""
        self.met = 0
        self._seen.clear()
        self._failed = None

    def is_next(self, call: Call) -> bool:
        """Tell whether it is this call's turn."""
        if not of_the_flow(call):
            return False
        kind = identity(call)
        self._seen.append(kind)
        tried_again, self._failed = self._failed == kind, None
        # What tries again after a fault (a record's change) must get through, or it would do so for ever.
        if tried_again or self._seen.count(kind) <= self.known.count(kind):
            return False
        self.known.append(kind)
        self.met += 1
        self._failed = kind
        return True
