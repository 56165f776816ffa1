"""cli/following.py: what is said of a run that ended without ending its job. Following itself: test_up_builds.py."""

from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Crashed, Running

from cli.following import _raise_for_unfinished
from errors import Corrupt, ImsError, Interrupted, Unreachable
from flows.hooks import write_error
from runs.client import Runs, connected
from runs.error import RunFailed
from runs.run import Run
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import new_id

JOB = Job(
    job_type=JobType.CREATE,
    artifact_id=new_id(),
    public_key_id=new_id(),
    image_root_archive_name="image",
    status=JobStatus.BUILDING_IMAGE,
)


def raised_for(runs: Runs, run: Run) -> ImsError:
    with pytest.raises(ImsError) as raised:
        _raise_for_unfinished(runs, run, JOB)
    return raised.value


def failed(runs: Runs, error: Exception) -> Run:
    @flow(name="fails", on_failure=[write_error])
    def fails() -> None:
        raise error

    return runs.read_run(str(fails(return_state=True).state_details.flow_run_id))


def test_a_killed_run_can_be_retried(prefect_api: str) -> None:
    @flow(name="killed")
    def killed() -> None:
        """It is not run."""

    with SyncPrefectClient(prefect_api) as client, connected(prefect_api) as runs:
        run_id = str(client.create_flow_run(killed, state=Running()).id)
        client.set_flow_run_state(UUID(run_id), Crashed(message="killed by signal 9"), force=True)
        error = raised_for(runs, runs.read_run(run_id))
        assert type(error) is Interrupted
        assert "ended as Crashed (killed by signal 9) while the job was building_image" in error.message
        assert error.resolution == f"retry the run at {runs.address(run_id)}: it continues where it stopped"


def test_a_run_that_met_a_transient_error_can_be_retried(prefect_api: str) -> None:
    with connected(prefect_api) as runs:
        error = raised_for(runs, failed(runs, Unreachable("S3 does not answer")))
    assert type(error) is Interrupted
    assert "ended as Failed (S3 does not answer) while" in error.message


def test_a_run_that_failed_otherwise_is_not_to_be_retried(prefect_api: str) -> None:
    with connected(prefect_api) as runs:
        assert type(raised_for(runs, failed(runs, Corrupt("it is broken")))) is Corrupt
        defect = raised_for(runs, failed(runs, KeyError("missing")))
    assert type(defect) is RunFailed
    assert defect.message == "KeyError: 'missing'"
