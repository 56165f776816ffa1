"""api/routes/jobs.py: jobs are shown with IMS's fields, and selected strictly."""

import json
from datetime import timedelta
from inspect import signature
from typing import Any
from uuid import UUID

import httpx
import pytest

from config.settings import Settings, settings
from flows.create_image import create_image
from flows.customize_image import customize_image
from runs.client import connected
from storage.models.job_parameters import fields_of
from storage.models.jobs import Hold, Job, JobStatus, JobType
from storage.models.manifest import LARGEST_MANIFEST_BYTES, ArtifactType
from storage.models.records import Image, Link, Recipe, new_id, now
from storage.models.shells import Address, ConnectionInfo, SshContainer
from storage.records.catalogue import Catalogue
from storage.records.jobs import open_job
from storage.s3.objects import ObjectStore
from tests.api.stored import assert_problem, one_of_each
from tests.http_server import Answer, HttpServer, serving
from tests.memory_s3.fixtures import in_memory
from tests.tasks.deleting import make_image

pytestmark = in_memory

V3, V2 = "/apis/ims/v3", "/apis/ims"


@pytest.fixture
def asked(own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings) -> dict[str, dict[str, Any]]:
    """What a client sends for a job of each type."""
    records = one_of_each(own_catalogue, store, s3_settings)
    own_catalogue.jobs.remove(records["jobs"].id)
    return {
        job_type: {
            "job_type": job_type,
            "artifact_id": records[path].id,
            "public_key_id": records["public-keys"].id,
            "image_root_archive_name": "2024",
        }
        for job_type, path in (("create", "recipes"), ("customize", "images"))
    }


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
    within = ConnectionInfo.model_validate(
        {"customer_access": place, "cluster.local": {"host": "10.96.0.1", "port": 22}}
    )
    job = stored_job(own_catalogue, ssh_containers=[shell.model_copy(update={"connection_info": within})])
    [shown] = api.get(f"/v2/jobs/{job.id}").json()["ssh_containers"]
    assert shown["connection_info"] == {"customer_access": place, "cluster.local": {"host": "10.96.0.1", "port": 22}}


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


def test_a_job_is_started_with_its_record(
    starting: httpx.Client, asked: dict[str, dict[str, Any]], own_catalogue: Catalogue, prefect_api: str
) -> None:
    for prefix, job_type in ((V3, "create"), (V2, "customize")):
        more = {"kernel_file_name": "kernel", "build_env_size": 15, "require_dkms": False}
        made = starting.post(f"{prefix}/jobs", json=asked[job_type] | more)
        assert made.status_code == 201, made.text
        job = made.json()
        assert UUID(job["id"]).version == 4
        assert job.items() >= (asked[job_type] | more).items()
        # The image of one_of_each is of aarch64.
        assert (job["status"], job["arch"]) == ("creating", "x86_64" if job_type == "create" else "aarch64")
        shells = [(shell["name"], shell["status"], shell["connection_info"]) for shell in job["ssh_containers"]]
        assert shells == ([] if job_type == "create" else [("customize", "pending", None)])
        assert starting.get(f"{prefix}/jobs/{job['id']}").json() == job
        with connected(prefect_api) as runs:
            parameters = runs.read_run(job["flow_run_id"]).parameters
        # The run opens the same job: it finds nothing that is different from what was asked for.
        kind = JobType(job_type)
        fields = fields_of(kind, {**_defaults(kind), **parameters})
        assert open_job(own_catalogue, fields.pop("job_id"), "the run's", fields).id == job["id"]


def _defaults(job_type: JobType) -> dict[str, Any]:
    flow = create_image if job_type is JobType.CREATE else customize_image
    known = signature(flow.fn).parameters.values()
    return {each.name: each.default for each in known if each.default is not each.empty}


def test_a_shell_has_the_name_that_it_was_given(starting: httpx.Client, asked: dict[str, dict[str, Any]]) -> None:
    shell = {"name": "c" * 45, "jail": True}
    made = starting.post("/v2/jobs", json=asked["customize"] | {"ssh_containers": [shell]}).json()
    assert made["ssh_containers"] == [shell | {"status": "pending", "connection_info": None, "host_key": ""}]
    debug = starting.post("/v2/jobs", json=asked["create"] | {"enable_debug": True}).json()
    assert [(shell["name"], shell["jail"]) for shell in debug["ssh_containers"]] == [("debug", False)]


ROWS: list[tuple[str, dict[str, Any], int]] = [
    ("create", {"artifact_id": new_id()}, 400),
    ("customize", {"artifact_id": new_id()}, 400),
    ("create", {"public_key_id": new_id()}, 400),
    ("create", {"ssh_containers": [{"name": "x", "jail": False}]}, 400),
    ("customize", {"ssh_containers": [{"name": "x"}, {"name": "y"}]}, 400),
    ("create", {"job_type": "mend"}, 422),
    ("create", {"artifact_id": "x"}, 422),
    ("create", {"image_root_archive_name": ""}, 422),
    ("create", {"image_root_archive_name": None}, 422),
    ("create", {"build_env_size": 0}, 422),
    ("create", {"job_mem_size": 1.5}, 422),
    ("create", {"job_mem_size": 10**20}, 422),
    ("create", {"kernel_file_name": "boot/vmlinuz"}, 422),
    ("create", {"initrd_file_name": "../initrd"}, 422),
    ("customize", {"ssh_containers": [{"jail": True}]}, 422),
    ("customize", {"ssh_containers": [{"name": "x; reboot"}]}, 422),
    ("create", {"id": new_id()}, 422),
    ("create", {"status": "success"}, 422),
]


@pytest.mark.parametrize(("job_type", "field", "status"), ROWS)
def test_a_job_that_cannot_succeed_is_refused(
    api: httpx.Client,
    asked: dict[str, dict[str, Any]],
    own_catalogue: Catalogue,
    job_type: str,
    field: dict[str, Any],
    status: int,
) -> None:
    assert_problem(api.post("/v3/jobs", json=asked[job_type] | field), status)
    for missing in ("job_type", "artifact_id", "public_key_id", "image_root_archive_name"):
        assert_problem(api.post("/v3/jobs", json={n: v for n, v in asked[job_type].items() if n != missing}), 422)
    assert own_catalogue.jobs.list(None) == []


def test_a_job_needs_what_its_artifact_links(
    api: httpx.Client,
    asked: dict[str, dict[str, Any]],
    own_catalogue: Catalogue,
    store: ObjectStore,
    s3_settings: Settings,
) -> None:
    def refused(image: dict[str, Any] | None, status: int, word: str) -> None:
        body = b"{" if image is None else json.dumps(image).encode()
        etag = store.write(s3_settings.bucket, "manifest.json", body)
        link = Link(path=f"s3://{s3_settings.bucket}/manifest.json", etag=etag)
        made = own_catalogue.images.create(Image(name="a", link=link))
        assert_problem(api.post("/v3/jobs", json=asked["customize"] | {"artifact_id": made.id}), status, word)

    rootfs = {"link": {"path": "s3://b/r", "etag": "", "type": "s3"}, "md5": "x", "type": ArtifactType.ROOTFS}
    manifest = {"version": "1.0", "created": "2026-01-01T00:00:00Z"}
    refused(manifest | {"artifacts": []}, 400, "0 rootfs")
    refused(manifest | {"artifacts": [rootfs, rootfs]}, 400, "2 rootfs")
    refused(manifest | {"artifacts": [], "x": "y" * LARGEST_MANIFEST_BYTES}, 400, "bytes")
    refused(None, 422, "manifest")
    store.delete(s3_settings.bucket, "manifest.json")
    [*_, last] = own_catalogue.images.list()
    assert_problem(api.post("/v3/jobs", json=asked["customize"] | {"artifact_id": last.id}), 422, "no such object")
    image = own_catalogue.images.create(Image(name="a"))
    assert_problem(api.post("/v3/jobs", json=asked["customize"] | {"artifact_id": image.id}), 400, "no manifest")
    recipe = own_catalogue.recipes.create(Recipe(name="a", linux_distribution="sles15"))
    assert_problem(api.post("/v3/jobs", json=asked["create"] | {"artifact_id": recipe.id}), 400, "no archive")
    assert own_catalogue.jobs.list(None) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api", "without deployments"])
def test_without_prefect_there_is_no_half_made_job(
    deleting: httpx.Client,
    asked: dict[str, dict[str, Any]],
    own_catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    with serving(HttpServer(lambda request: Answer(200 if request.path.endswith("/health") else 404))) as server:
        monkeypatch.setenv("IMS_PREFECT_API_URL", f"{server.url}/api" if " " in address else address)
        settings.cache_clear()
        answer = deleting.post("/v3/jobs", json=asked["create"])
    assert_problem(answer, 503, "Prefect")
    assert answer.headers["retry-after"]
    assert own_catalogue.jobs.list(None) == []


def test_a_client_says_how_far_a_job_is(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    job, empty = stored_job(own_catalogue), own_catalogue.images.create(Image(name="empty"))
    image = make_image(store, own_catalogue, s3_settings.boot_images_bucket)
    path = f"/apis/ims/jobs/{job.id}"
    before = api.get(path).json()
    for body in ({"status": "done"}, {"resultant_image_id": "x"}, {"name": "x"}, {"resultant_image_id": new_id()},
                 {"resultant_image_id": empty.id, "status": "success"}):  # fmt: skip
        assert_problem(api.patch(path, json=body), 422)
    assert_problem(api.patch(path, json={"status": "error"}, headers={"If-Match": '"x"'}), 412)
    assert api.get(path).json() == before
    assert api.patch(path, json={"status": "building_image"}).json() == before | {"status": "building_image"}
    changed = api.patch(path, json={"resultant_image_id": image.id}).json()
    assert changed["resultant_image_id"] == image.id
    assert api.patch(path, json={"status": "success"}).json() == changed | {"status": "success"}
    assert api.patch(path, json={"status": "success"}).status_code == 200
    assert_problem(api.patch(path, json={"status": "error"}), 409, "has ended")
    assert_problem(api.patch(f"/v3/jobs/{new_id()}", json={"status": "error"}), 404)
    hold = Hold(holder="p", host="h", run_id="r", renewed=now())
    held = stored_job(own_catalogue, hold=hold.model_dump())
    assert_problem(api.patch(f"/v3/jobs/{held.id}", json={"status": "success"}), 409, "works on job")


@pytest.mark.parametrize("asked", ["age=garbage", "age=1", "status=done", "stauts=error", "job_type=x"])
def test_a_filter_that_cannot_be_read_deletes_no_job(api: httpx.Client, own_catalogue: Catalogue, asked: str) -> None:
    job = stored_job(own_catalogue)
    for prefix in (V3, V2):
        assert_problem(api.delete(f"{prefix}/jobs?{asked}"), 400)
    assert_problem(api.delete(f"/v3/jobs/{new_id()}"), 404)
    assert own_catalogue.jobs.list(None) == [job]
