"""`ims up`, started for real: what it starts, and that nothing of it is left behind."""

import gzip
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from storage.models.jobs import Job, JobStatus
from tests.cli.conftest import IMS, clean_environment, run_ims
from tests.cli.running import (
    START_SECONDS,
    Up,
    catalogue_at,
    catalogue_of,
    job_of,
    process_of,
    public_key,
    register,
    start,
    wait_for,
    waiting_recipe,
)
from tests.http_server import Answer, HttpServer, serving
from tests.s3_server import embedded_s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_it_says_where_everything_is_and_what_to_do_next(up: Up) -> None:
    said = up.log.read_text()
    assert up.endpoints.s3_endpoint_url in said
    assert up.endpoints.prefect_ui_url in said
    assert str(up.folder) in said
    assert "ims public-keys create" in said
    assert up.endpoints.s3_secret_key not in said


def test_endpoints_are_for_their_owner_alone(up: Up) -> None:
    assert (up.folder / "endpoints.json").stat().st_mode & 0o777 == 0o600


def test_servers_listen_on_this_host_alone(up: Up) -> None:
    assert up.endpoints.s3_endpoint_url.startswith("http://127.0.0.1:")
    assert up.endpoints.prefect_api_url.startswith("http://127.0.0.1:")
    assert up.endpoints.api_url.startswith("http://127.0.0.1:")


def test_status_says_where_it_is(up: Up) -> None:
    ended = up.ims("status")
    assert ended.returncode == 0, ended.stderr
    assert up.endpoints.prefect_ui_url in ended.stdout
    assert up.endpoints.api_url in ended.stdout
    known = json.loads(up.ims("status", "--format", "json").stdout)
    names = ("api_url", "prefect_api_url", "s3_endpoint_url")
    assert known == {name: getattr(up.endpoints, name) for name in names} | {"data_dir": str(up.folder)}


def test_the_tools_of_ims_start_and_delete_a_job_by_its_api(up: Up) -> None:
    with httpx.Client(base_url=f"{up.endpoints.api_url}/v3", trust_env=False, timeout=120) as api:
        assert api.get("/healthz/ready").status_code == 200
        wanted = {
            "job_type": "create",
            "artifact_id": waiting_recipe(up).id,
            "public_key_id": public_key(up).id,
            "image_root_archive_name": "by the API",
        }
        made = api.post("/jobs", json=wanted)
        assert made.status_code == 201, made.text
        job = f"/jobs/{made.json()['id']}"
        wait_for(lambda: api.get(job).json()["status"] == "waiting_for_repos", 120, up.worker_log)
        # Its run, which waits, is cancelled.
        deleted = api.delete(job)
        assert deleted.status_code == 204, deleted.text
        assert api.get(job).status_code == 404
        run = up.prefect("GET", f"/flow_runs/{made.json()['flow_run_id']}")
        assert run["state"]["type"] == "CANCELLED"


@pytest.mark.expects_log("no such table: saved_search")
def test_what_a_service_logs_as_an_error_is_shown_once_and_counted_by_status(up: Up) -> None:
    with renamed_table(up, "saved_search"):
        for _ in range(3):
            with pytest.raises(AssertionError):
                up.prefect("POST", "/saved_searches/filter", limit=1)
    log = str(up.folder / "logs" / "prefect-server.log")
    wait_for(lambda: log in up.log.read_text(), 20, up.log)
    status = up.ims("status")
    assert status.returncode == 0, status.stderr
    for said in (up.log.read_text(), status.stdout):
        # It is wrapped.
        assert " ".join(said.split()).count("no such table: saved_search") == 1, said
        assert said.splitlines()[-1] == f"  {log}", said
    assert "The Prefect server has logged an error:\n" in up.log.read_text()
    assert "The Prefect server has logged 3 times:\n" in status.stdout


@contextmanager
def renamed_table(up: Up, name: str) -> Iterator[None]:
    """Have a table of the Prefect server's be away during the block."""
    with closing(sqlite3.connect(up.folder / "prefect" / "prefect.db", isolation_level=None)) as database:
        database.execute(f"ALTER TABLE {name} RENAME TO away")
        try:
            yield
        finally:
            database.execute(f"ALTER TABLE away RENAME TO {name}")


def test_a_second_one_on_the_same_folder_says_that_one_is_running(up: Up) -> None:
    started = time.monotonic()
    refused = up.ims("up")
    assert refused.returncode == 2
    assert "Error: Conflict: an `ims up` is running already" in refused.stderr
    assert up.endpoints.prefect_ui_url in refused.stderr
    assert time.monotonic() - started < 10
    assert up.process.poll() is None
    assert up.ims("recipes", "list").returncode == 0


def test_the_deployment_has_a_form_without_json(up: Up) -> None:
    deployment = up.prefect("GET", "/deployments/name/create-image/create-image")
    form = deployment["parameter_openapi_schema"]["properties"]
    assert form["recipe_id"]["description"].startswith("The recipe to build")
    for name, parameter in form.items():
        assert parameter.get("description"), name
        assert parameter["type"] in {"string", "integer", "boolean"}, name
    assert deployment["work_pool_name"] == "ims"
    assert "image" in deployment["tags"]


def test_a_run_that_the_api_starts_reaches_the_flow(up: Up) -> None:
    """With an unknown recipe: the job ends in error, and its record says why."""
    deployment = up.prefect("GET", "/deployments/name/create-image/create-image")
    unknown = "0f0e4f14-9e5a-4c62-9ad7-7c26e6b0d2b1"
    run = up.prefect(
        "POST",
        f"/deployments/{deployment['id']}/create_flow_run",
        parameters={"recipe_id": unknown, "public_key_id": unknown, "image_root_archive_name": "none"},
    )
    jobs = catalogue_of(up.endpoints).jobs
    wait_for(lambda: any(job.id == run["id"] and job.status.is_final for job in jobs.list()), 60, up.worker_log)
    job = jobs.get(run["id"])
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert unknown in job.diagnosis.summary


def test_a_job_is_the_run_that_it_starts(up: Up) -> None:
    recipe, key = waiting_recipe(up), public_key(up)
    created = up.ims(*job_of(recipe, key), "--no-require-dkms", "--job-mem-size", "3")
    assert created.returncode == 0, created.stderr
    job = Job.model_validate_json(created.stdout)
    assert (job.job_mem_size, job.require_dkms, job.kernel_file_name) == (3, False, "vmlinuz")
    run = up.prefect("GET", f"/flow_runs/{job.id}")
    assert run["parameters"]["recipe_id"] == recipe.id
    assert run["parameters"]["require_dkms"] == "no"
    assert f"/runs/flow-run/{job.id}" in created.stderr
    jobs = catalogue_of(up.endpoints).jobs
    wait_for(lambda: jobs.get(job.id).status is JobStatus.WAITING_FOR_REPOS, 60, up.worker_log)
    up.prefect("POST", f"/flow_runs/{job.id}/set_state", state={"type": "CANCELLING"})
    wait_for(lambda: jobs.get(job.id).status is JobStatus.ERROR, 60, up.worker_log)
    assert _category(jobs.get(job.id)) == "Cancelled"


def test_waiting_for_a_job_shows_what_it_does_and_ends_with_its_diagnosis(up: Up, tmp_path: Path) -> None:
    archive = tmp_path / "broken.tgz"
    archive.write_bytes(gzip.compress(b"this is no archive"))
    waited = up.ims(*job_of(register(up, archive), public_key(up)), "--wait")
    assert waited.returncode == 1
    job = Job.model_validate_json(waited.stdout)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert waited.stderr.splitlines()[0].startswith(f"Job {job.id}: http://127.0.0.1:")
    assert f"Error: Bad input: {job.diagnosis.summary}" in waited.stderr
    # What a step says, and none of Prefect's bookkeeping.
    assert "fetched s3://" in waited.stderr
    assert "Finished in state" not in waited.stderr
    assert "Traceback" not in waited.stderr


def test_in_the_background_of_a_script_it_lives_through_ctrl_c_and_ends_by_sigterm(tmp_path: Path) -> None:
    """As `nohup ims up &` does: both have SIGINT ignored."""
    up = start(tmp_path / "data", ignoring="INT HUP", with_database=False)
    started = [pid for pid, _ in up.process_ids() if pid != up.process.pid]
    assert len(started) >= 2
    assert not [pid for pid in started if _ignores(pid, signal.SIGINT)], "Prefect ends its own processes by SIGINT"
    for number in (signal.SIGINT, signal.SIGHUP):
        up.process.send_signal(number)
    time.sleep(2)
    assert up.process.poll() is None, up.log.read_text()
    assert up.end(signal.SIGTERM) == 0
    assert "Stopped; nothing is left running" in up.log.read_text()
    assert up.processes() == []


def _ignores(pid: int, number: signal.Signals) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False  # it has just ended
    [ignored] = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn:")]
    return bool(ignored >> number - 1 & 1)


def test_who_stops_waiting_leaves_the_job_running(up: Up) -> None:
    process = subprocess.Popen(
        [*IMS, *job_of(waiting_recipe(up), public_key(up)), "--wait"],
        env=up.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    job_id = process.stderr.readline().split()[1].rstrip(":")
    jobs = catalogue_of(up.endpoints).jobs
    wait_for(lambda: jobs.get(job_id).status is JobStatus.WAITING_FOR_REPOS, 60, up.worker_log)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"ims jobs watch {job_id}" in said
    (cancel,) = re.findall(r"ims (jobs cancel .*)", said)
    assert jobs.get(job_id).status is JobStatus.WAITING_FOR_REPOS
    cancelled = up.ims(*cancel.split())
    assert cancelled.returncode == 0, cancelled.stderr
    assert jobs.get(job_id).status is JobStatus.ERROR


def test_killed_it_leaves_nothing_running_and_the_next_one_settles_what_was_in_hand(tmp_path: Path) -> None:
    """A job continues where it stopped, a cancel is carried out. Then Ctrl-C: the job is cancelled, nothing is left."""
    first = start(tmp_path / "data")
    recipe, key = waiting_recipe(first), public_key(first)
    job, unwanted = (Job.model_validate_json(first.ims(*job_of(recipe, key)).stdout) for _ in range(2))
    jobs = catalogue_of(first.endpoints).jobs
    both = {job.id, unwanted.id}
    wait_for(lambda: {known.id for known in jobs.list() if _waits(known)} == both, 90, first.worker_log)
    # Its process is told to end, and cannot.
    os.kill(process_of(unwanted.id), signal.SIGSTOP)
    first.prefect("POST", f"/flow_runs/{unwanted.id}/set_state", state={"type": "CANCELLING"})

    first.end(signal.SIGKILL)
    wait_for(lambda: not first.processes(), 10, first.log)

    second = start(tmp_path / "data")
    said = second.log.read_text()
    assert f"Resumed: flow run {job.id}" in said
    assert f"Cancelled: flow run {unwanted.id}" in said
    [worker] = second.prefect("POST", "/work_pools/ims/workers/filter")
    assert worker["name"] == f"ims-up-{second.process.pid}", "nobody leaves runs to the one that was killed"
    wait_for(lambda: _runs_again(second, job.id), 90, second.worker_log)
    assert second.prefect("GET", f"/flow_runs/{unwanted.id}")["state_type"] == "CANCELLED"
    assert _category(catalogue_of(second.endpoints).jobs.get(unwanted.id)) == "Cancelled"
    assert len(catalogue_of(second.endpoints).jobs.list()) == 2

    second.process.send_signal(signal.SIGINT)
    wait_for(lambda: "Cancelling flow run" in second.log.read_text(), 20, second.log)
    # A second Ctrl-C does no harm.
    assert second.end(signal.SIGINT) == 0
    assert "Still stopping" in second.log.read_text()
    assert second.processes() == []
    assert not (tmp_path / "data" / "endpoints.json").exists()
    assert "Stopped; nothing is left running" in second.log.read_text()
    with embedded_s3(tmp_path / "data" / "s3") as s3:
        ended = catalogue_at(s3).jobs.get(job.id)
    assert ended.status is JobStatus.ERROR
    assert _category(ended) == "Cancelled"


def test_a_service_that_dies_stops_the_others_and_is_named(tmp_path: Path) -> None:
    up = start(tmp_path / "data")
    (worker,) = (pid for pid, command in up.process_ids() if "worker start" in command)
    os.kill(worker, signal.SIGKILL)
    assert up.process.wait(60) == 1
    said = up.log.read_text()
    assert "Error: Broken: the Prefect worker ended with exit code -9" in said
    assert str(up.worker_log) in said
    assert up.processes() == []
    assert not (tmp_path / "data" / "endpoints.json").exists()


def test_a_port_that_is_taken_is_refused_before_anything_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_ims(("up", "--prefect-port", str(port)), clean_environment(IMS_DATA_DIR=str(tmp_path / "data")))
    assert refused.returncode == 2
    assert f"Error: Conflict: port {port} is in use" in refused.stderr


def test_a_port_that_is_taken_while_the_server_starts_is_left_to_who_has_it(tmp_path: Path) -> None:
    """By another `ims up`, say, whose runs ours would take for its own."""
    others: list[HttpServer] = []

    def take_its_port(started: Up) -> None:
        wait_for(lambda: "server start" in " ".join(started.processes()), START_SECONDS, started.log)
        [command] = [command for command in started.processes() if "server start" in command]
        port = int(command.split("--port ")[1].split()[0])
        others.append(stack.enter_context(serving(HttpServer(lambda _: Answer(body=b'{"home": "/elsewhere"}'), port))))

    with ExitStack() as stack:
        up = start(tmp_path / "data", meanwhile=take_its_port)
        assert up.ims("recipes", "list").returncode == 0
        [other] = others
        assert {request.method for request in other.asked} == {"GET"}, other.asked
        assert up.end(signal.SIGTERM) == 0, up.log.read_text()


def _runs_again(up: Up, run_id: str) -> bool:
    run = up.prefect("GET", f"/flow_runs/{run_id}")
    return bool(run["state_type"] == "RUNNING" and run["run_count"] == 2)


def _waits(job: Job) -> bool:
    return job.status is JobStatus.WAITING_FOR_REPOS


def _category(job: Job) -> str:
    assert job.diagnosis is not None
    return job.diagnosis.category
