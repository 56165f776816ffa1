"""The flow when S3 fails, and when its own process is killed, at every single call."""

import signal
from collections.abc import Iterator

import pytest

from storage.models import JobStatus, new_id
from tests.flows.site import Run, Site
from tests.flows.test_create_image import assert_whole
from tests.s3_proxy import Call, Fault, FaultProxy

pytestmark = pytest.mark.containers

# A clean run makes about a hundred calls; a test that needs many more is stuck.
MOST_RUNS = 250


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
    """Tell the flow's own calls from those of the pods, which hold no credentials and sign the address instead."""
    return "X-Amz-Signature" not in call.query


def identity(call: Call) -> tuple[str, str, str]:
    """Tell calls apart by what they ask for, not by when or by whom."""
    query = "&".join(sorted(set(call.query) & {"uploads", "uploadId", "partNumber", "list-type"}))
    return call.method, call.path, query


@pytest.mark.parametrize(
    "fault", [Fault.ANSWER_500, Fault.ANSWER_503, Fault.RESET, Fault.LOST_ANSWER, Fault.DONE_500, Fault.STALL]
)
def test_every_call_may_fail_once(site: Site, proxy: FaultProxy, fault: Fault) -> None:
    """Every kind of call, the pods' own included, meets the fault the first time it is made."""
    met: set[tuple[str, str, str]] = set()

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
    """Each run fails at the first call that no run before it has failed at, until one gets through."""
    job_id = new_id()
    for met in every_call_in_turn(proxy, Fault.ANSWER_500):
        code = impatient.run(job_id)
        if not met():
            break
    assert code == 0, impatient.runs[-1].log.read_text()
    assert_whole(impatient, job_id)
    assert_pods_ran_once(proxy)
    print(f"\n{len(impatient.runs)} runs of one job")  # noqa: T201 - the number of cases is part of the result


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_was_killed_at_any_call_goes_on_where_it_stopped(
    impatient: Site, proxy: FaultProxy, moment: str
) -> None:
    """Each run is killed at the first call that no run before it was killed at, until one gets through."""
    job_id = new_id()
    run: list[Run] = []

    def kill(_: Call) -> None:
        run[0].kill()

    for met in every_call_in_turn(proxy, None, **{moment: kill}):
        run[:] = [impatient.start(job_id)]
        code = run[0].wait()
        if not met():
            break
        assert code == -signal.SIGKILL
    assert code == 0, impatient.runs[-1].log.read_text()
    assert_whole(impatient, job_id)
    assert_pods_ran_once(proxy)
    print(f"\n{len(impatient.runs)} runs of one job")  # noqa: T201


def test_a_job_that_s3_failed_says_so(impatient: Site, proxy: FaultProxy) -> None:
    job_id = new_id()
    proxy.plan(Fault.ANSWER_503, when=lambda call: call.key.startswith("recipes/"))
    assert impatient.run(job_id) == 1
    job = impatient.job(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert job.diagnosis.category == "Unreachable"
    assert "recipes/" in job.diagnosis.summary
    assert "goes on where it stopped" in job.diagnosis.resolution


def test_a_pod_that_finished_while_nobody_looked_is_not_run_again(site: Site, proxy: FaultProxy) -> None:
    site.environment["IMS_S3_ENDPOINT_URL"] = proxy.endpoint_url
    job_id = new_id()
    run = site.start(job_id)
    site.wait_for(lambda: any(call.key.endswith("context.tgz") and call.method == "GET" for call in proxy.calls))
    run.kill()
    run.wait()
    name = f"ims-{job_id}-prepare-1"
    site.wait_for(lambda: (outcome := site.podman.outcome(name)) is not None and outcome.finished is not None)
    assert site.run(job_id) == 0
    assert_whole(site, job_id)
    assert_pods_ran_once(proxy)


def assert_pods_ran_once(proxy: FaultProxy) -> None:
    """Assert that each pod did its work once: fetched its context, handed in its result, sent each part."""
    of_pods = [(*identity(call), call.query.get("partNumber", "")) for call in proxy.calls if not of_the_flow(call)]
    assert sorted(of_pods) == sorted(set(of_pods))


def every_call_in_turn(proxy: FaultProxy, fault: Fault | None, **hooks: object) -> Iterator[object]:
    """Yield once a run; in it, the first of the flow's calls that was not met in a run before is met."""
    known: list[tuple[str, str, str]] = []

    for _ in range(MOST_RUNS):
        before = len(known)
        seen: list[tuple[str, str, str]] = []

        def is_next(call: Call, seen: list[tuple[str, str, str]] = seen, before: int = before) -> bool:
            if not of_the_flow(call) or len(known) > before:
                return False
            seen.append(identity(call))
            # The nth call of a kind is another one than the first.
            if seen.count(seen[-1]) <= known.count(seen[-1]):
                return False
            known.append(seen[-1])
            return True

        proxy.plan(fault, when=is_next, **hooks)  # type: ignore[arg-type]
        yield lambda before=before: len(known) > before
    pytest.fail(f"still not through after {MOST_RUNS} runs")
