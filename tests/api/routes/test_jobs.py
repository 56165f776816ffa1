"""api/routes/jobs.py: jobs are shown with IMS's fields, and selected strictly."""

from datetime import timedelta

import httpx

from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import new_id, now
from storage.models.shells import Address, ConnectionInfo, SshContainer
from storage.records.catalogue import Catalogue
from tests.memory_s3.fixtures import in_memory

pytestmark = in_memory


def stored_job(records: Catalogue, **fields: object) -> Job:
    chosen = {
        "job_type": JobType.CREATE,
        "artifact_id": new_id(),
        "public_key_id": new_id(),
        "image_root_archive_name": "image",
        **fields,
    }
    return records.jobs.create(Job.model_validate(chosen))


def test_a_job_says_how_its_shell_is_reached(api: httpx.Client, own_catalogue: Catalogue) -> None:
    access = ConnectionInfo(customer_access=Address(host="10.0.0.1", port=2222))
    shell = SshContainer(name="x" * 45, jail=True, status="running", connection_info=access, host_key="SHA256:x")
    job = stored_job(own_catalogue, job_type=JobType.CUSTOMIZE, ssh_containers=[shell])
    [shown] = api.get(f"/v2/jobs/{job.id}").json()["ssh_containers"]
    place = {"host": "10.0.0.1", "port": 2222}
    assert shown["connection_info"] == {"customer_access": place, "cluster.local": place}
    assert (shown["name"], shown["jail"], shown["status"]) == ("x" * 45, True, "running")


def test_what_is_not_known_yet_has_its_key(api: httpx.Client, own_catalogue: Catalogue) -> None:
    shown = api.get(f"/v2/jobs/{stored_job(own_catalogue).id}").json()
    assert (shown["resultant_image_id"], shown["status"], shown["remote_build_node"]) == (None, "creating", "")
    assert (shown["build_env_size"], shown["job_mem_size"], shown["ssh_containers"]) == (60, 8, [])


def test_jobs_are_selected_by_status_type_and_age(api: httpx.Client, own_catalogue: Catalogue) -> None:
    old = stored_job(own_catalogue, status=JobStatus.ERROR, created=now() - timedelta(days=9))
    new = stored_job(own_catalogue, status=JobStatus.SUCCESS, job_type=JobType.CUSTOMIZE)

    def found(asked: str) -> list[str]:
        return [job["id"] for job in api.get(f"/v3/jobs?{asked}").raise_for_status().json()]

    assert found("") == [old.id, new.id]
    assert found("status=error") == found("job_type=create") == found("age=1w2d") == [old.id]
    assert found("status=error&status=success") == [old.id, new.id]
    assert found("status=success") == found("job_type=customize") == [new.id]
    # `0w1d` is a day: IMS reads it as no time at all, and deletes fresh jobs.
    assert found("age=0w1d&status=success") == []
