"""cli/servers/lost_runs.py: the runs of a killed worker are resumed. How cancelled ones are ended: test_up.py."""

from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Running

from cli.servers.lost_runs import resume_lost_runs
from runs.client import connected
from runs.run import WORKER_LABEL
from runs.work_pool import WORK_POOL
from storage.models.jobs import Hold, Job, JobType
from storage.models.records import new_id, now
from storage.records.catalogue import Catalogue


@flow(name="lost")
def lost() -> None:
    """It is not run."""


@pytest.mark.slow
def test_the_runs_of_a_lost_worker_are_resumed_and_their_jobs_released(catalogue: Catalogue, prefect_api: str) -> None:
    said: list[str] = []
    with connected(prefect_api) as runs, SyncPrefectClient(prefect_api) as client:
        runs.pool.make()
        client.create_deployment(client.create_flow(lost), "lost", work_pool_name=WORK_POOL)
        ids = {}
        for worker in ("killed", "alive"):
            ids[worker] = run_id = runs.start("lost/lost", {}, idempotency_key=new_id())
            client.update_flow_run_labels(UUID(run_id), {WORKER_LABEL: worker})
            client.set_flow_run_state(UUID(run_id), Running(), force=True)
            hold = Hold(holder=worker, host="node-7", run_id=run_id, renewed=now())
            catalogue.jobs.create(
                Job(
                    id=run_id,
                    job_type=JobType.CREATE,
                    artifact_id=new_id(),
                    public_key_id=new_id(),
                    image_root_archive_name="image",
                    flow_run_id=run_id,
                    hold=hold,
                )
            )
        resume_lost_runs(runs, catalogue, said.append, "killed".__eq__)
        assert said == [f"Resumed: flow run {ids['killed']}"]
        assert runs.read_run(ids["killed"]).state.name == "AwaitingRetry"
        assert runs.read_run(ids["alive"]).state.is_running
        assert catalogue.jobs.get(ids["killed"]).hold is None
        assert catalogue.jobs.get(ids["alive"]).hold is not None
        for run_id in ids.values():
            runs.mark_cancelled(run_id, "the test is over")
