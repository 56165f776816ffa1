"""tasks/jobs.py: what becomes of a job whose run is suspended. Its other ends are in the tests of the flows."""

from datetime import timedelta
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.runtime import flow_run
from prefect.states import Cancelled, Suspended

from builder.contract.environment import Input
from storage.models.jobs import Diagnosis, JobStatus, JobType
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from tasks.jobs import reporting, take_job
from tasks.pods import run_step, runtime
from tests.kubernetes_api import FakeCluster, lives


def suspended(job_id: str, api: str, then: State[None]) -> None:
    """Run a flow that is suspended before its second step, when its run is in some state."""

    @flow(name="suspended")
    def work() -> None:
        asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "image"}
        job = take_job.fn(job_id, job_type=JobType.CREATE, **asked)
        with reporting(job):
            run_step(job, "prepare", "prepare", Input(), deadline=timedelta(minutes=1))
            with SyncPrefectClient(api) as client:
                client.set_flow_run_state(UUID(str(flow_run.id)), then, force=True)
            # What Prefect does before the next task.
            raise Pause(state=Suspended())

    with pytest.raises(Pause):
        work()


def diagnosis(catalogue: Catalogue, job_id: str) -> Diagnosis:
    job = catalogue.jobs.get(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    return job.diagnosis


def test_what_a_suspended_run_has_done_stays_until_it_is_resumed(
    cluster: FakeCluster, on_cluster: pytest.MonkeyPatch, own_catalogue: Catalogue, prefect_api: str
) -> None:
    cluster.lives["prepare"] = lives.ends_with(0)
    job_id = new_id()
    suspended(job_id, prefect_api, Suspended())
    told = diagnosis(own_catalogue, job_id)
    assert (told.summary, told.resolution) == ("suspended", "resume its flow run: it continues where it stopped")
    assert list(runtime().jobs()) == [job_id]


def test_a_suspended_run_that_was_cancelled_meanwhile_leaves_nothing(
    cluster: FakeCluster, on_cluster: pytest.MonkeyPatch, own_catalogue: Catalogue, prefect_api: str
) -> None:
    cluster.lives["prepare"] = lives.ends_with(0)
    job_id = new_id()
    suspended(job_id, prefect_api, Cancelled())
    assert diagnosis(own_catalogue, job_id).summary == "cancelled"
    assert runtime().jobs() == {}
