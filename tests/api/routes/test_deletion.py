"""api/routes/deletion.py: what is deleted can be restored in v3, and is gone in v2; each is a flow run."""

import time
from statistics import median

import httpx
import pytest

from config.settings import Settings, settings
from runs.client import connected
from storage.models.jobs import Job, JobStatus
from storage.models.records import Collection, PublicKey, new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.api.stored import KEY, assert_problem, one_of_each, stored_recipe
from tests.memory_s3.fixtures import in_memory, on_both
from tests.tasks.deleting import make_image, objects

V3, V2 = "/apis/ims/v3", "/apis/ims/v2"
KINDS = ("public-keys", "recipes", "images")


@pytest.fixture
def stored(
    deleting: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> dict[str, str]:
    """The ids of a record of each kind, which no job uses."""
    made = one_of_each(own_catalogue, store, s3_settings)
    job = made.pop("jobs")
    own_catalogue.jobs.change(job.id, lambda each: each.model_copy(update={"status": JobStatus.SUCCESS}))
    return {path: record.id for path, record in made.items()}


@on_both
def test_a_record_is_deleted_restored_and_removed(
    deleting: httpx.Client, stored: dict[str, str], store: ObjectStore, s3_settings: Settings
) -> None:
    for path, record_id in stored.items():
        live, gone = f"{V3}/{path}/{record_id}", f"{V3}/deleted/{path}/{record_id}"
        record, before = deleting.get(live).json(), objects(store, s3_settings)
        deleted = deleting.delete(live)
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert deleting.get(live).status_code == 404
        shown = deleting.get(gone).json()
        assert shown.pop("deleted")
        assert (shown | {"link": None}) == record | {"link": None} if "link" in record else shown == record
        restored = deleting.patch(gone, json={"operation": "undelete"})
        assert (restored.status_code, restored.content) == (204, b"")
        assert (deleting.get(live).json(), objects(store, s3_settings)) == (record, before)
        # One right after the other, as clients purge.
        assert [deleting.delete(each).status_code for each in (live, gone)] == [204, 204]
        assert [deleting.get(each).status_code for each in (live, gone)] == [404, 404]
        assert [deleting.delete(each).status_code for each in (live, gone)] == [404, 404]
    assert [key for key in objects(store, s3_settings) if "records/" not in key] == []


@in_memory
@pytest.mark.parametrize("cascade", ["", "?cascade=True"])
def test_in_v2_a_record_is_removed_with_its_objects(
    deleting: httpx.Client, stored: dict[str, str], store: ObjectStore, s3_settings: Settings, cascade: str
) -> None:
    for path, record_id in stored.items():
        assert deleting.delete(f"{V2}/{path}/{record_id}{cascade}").status_code == 204
        for place in (f"{V2}/{path}", f"{V3}/{path}", f"{V3}/deleted/{path}"):
            assert deleting.get(place).json() == []
    assert [key for key in objects(store, s3_settings) if "records/" not in key] == []


@in_memory
def test_without_cascade_the_objects_stay(
    deleting: httpx.Client, stored: dict[str, str], store: ObjectStore, s3_settings: Settings
) -> None:
    before = objects(store, s3_settings)
    link = deleting.get(f"{V2}/images/{stored['images']}").json()["link"]["path"].removeprefix("s3://")
    for (path, record_id), cascade in zip(stored.items(), ("False", "false", "FALSE"), strict=True):
        assert deleting.delete(f"{V2}/{path}/{record_id}", params={"cascade": cascade}).status_code == 204
        assert deleting.get(f"{V3}/deleted/{path}").json() == []
    assert objects(store, s3_settings) == before
    assert link in before


@in_memory
def test_every_step_honours_if_match(deleting: httpx.Client, stored: dict[str, str]) -> None:
    key = f"{V3}/public-keys/{stored['public-keys']}"
    deleted = key.replace("/public-keys", "/deleted/public-keys")
    for method, address in (("DELETE", key), ("PATCH", deleted), ("DELETE", key), ("DELETE", deleted)):
        body = {"operation": "undelete"} if method == "PATCH" else None
        etag = deleting.get(address).headers["etag"]
        assert_problem(deleting.request(method, address, headers={"If-Match": '"other"'}, json=body), 412)
        assert deleting.request(method, address, headers={"If-Match": etag}, json=body).status_code == 204
    assert deleting.get(deleted).status_code == 404


@in_memory
def test_what_cannot_be_read_deletes_nothing(deleting: httpx.Client, stored: dict[str, str]) -> None:
    address = f"{V2}/images/{stored['images']}"
    for asked in ("cascade=perhaps", "cascad=false", "force=x"):
        assert_problem(deleting.delete(f"{address}?{asked}"), 400)
        assert_problem(deleting.delete(f"{V2}/images?{asked}"), 400)
    assert_problem(deleting.delete(address, headers={"If-Match": '"x"'}), 412)
    deleted = f"{V3}/deleted/images/{stored['images']}"
    for body in ({"operation": "delete"}, {"operation": "undelete", "x": 1}, {"x": 1}):
        assert_problem(deleting.patch(deleted, json=body), 422)
        assert_problem(deleting.patch(f"{V3}/deleted/images", json=body), 422)
    assert_problem(deleting.patch(deleted, json={"operation": "undelete"}), 404, "not deleted")
    for path in KINDS:
        for address in (f"{V3}/{path}/{new_id()}", f"{V3}/deleted/{path}/{new_id()}", f"{V2}/{path}/{new_id()}"):
            assert_problem(deleting.delete(address), 404)
        assert len(deleting.get(f"{V3}/{path}").json()) == 1


@in_memory
def test_what_a_job_uses_is_kept(
    deleting: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    recipe = stored_recipe(own_catalogue, store, s3_settings)
    key = own_catalogue.public_keys.create(PublicKey(name="me", public_key=KEY))
    job = Job(job_type="create", artifact_id=recipe.id, public_key_id=key.id, image_root_archive_name="x")
    own_catalogue.jobs.create(job)
    for prefix in (V3, V2):
        assert_problem(deleting.delete(f"{prefix}/recipes/{recipe.id}"), 409, job.id)
        assert own_catalogue.recipes.get(recipe.id) == recipe


@in_memory
def test_a_record_whose_objects_are_all_gone_is_deleted_and_one_of_several_is_missed(
    deleting: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    bucket = s3_settings.boot_images_bucket
    for prefix in (V3, V2):
        whole, lacking = make_image(store, own_catalogue, bucket), make_image(store, own_catalogue, bucket)
        recipe = stored_recipe(own_catalogue, store, s3_settings)
        for key in [*store.keys(bucket, f"{whole.id}/")]:
            store.delete(bucket, key)
        store.delete(bucket, f"{lacking.id}/kernel")
        assert recipe.link is not None
        store.delete(s3_settings.bucket, recipe.link.key)
        assert deleting.delete(f"{prefix}/images/{whole.id}").status_code == 204
        assert deleting.delete(f"{prefix}/recipes/{recipe.id}").status_code == 204
        before = objects(store, s3_settings)
        assert_problem(deleting.delete(f"{prefix}/images/{lacking.id}"), 422, f"{lacking.id}/kernel")
        # The manifest alone is gone: what it named is still there.
        store.delete(bucket, f"{lacking.id}/manifest.json")
        assert_problem(deleting.delete(f"{prefix}/images/{lacking.id}"), 422, f"{lacking.id}/manifest.json")
        assert own_catalogue.images.get(lacking.id) == lacking
        assert len(objects(store, s3_settings)) == len(before) - 1
        own_catalogue.images.remove(lacking.id)


@in_memory
def test_nothing_is_overwritten_by_a_restoration_and_what_is_lost_is_told(
    deleting: httpx.Client, stored: dict[str, str], own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    image_id, bucket = stored["images"], s3_settings.boot_images_bucket
    assert deleting.delete(f"{V3}/images/{image_id}").status_code == 204
    gone = f"{V3}/deleted/images/{image_id}"
    store.write(bucket, f"{image_id}/kernel", b"another kernel")
    before = objects(store, s3_settings)
    assert_problem(deleting.patch(gone, json={"operation": "undelete"}), 409, f"{image_id}/kernel")
    assert (objects(store, s3_settings), own_catalogue.images.get(image_id).collection) == (before, Collection.DELETED)
    store.delete(bucket, f"{image_id}/kernel")
    store.delete(bucket, f"deleted/{image_id}/kernel")
    assert_problem(deleting.patch(gone, json={"operation": "undelete"}), 422, f"{image_id}/kernel")
    assert own_catalogue.images.get(image_id).collection is Collection.DELETED
    assert deleting.delete(gone).status_code == 204
    assert not [key for key in objects(store, s3_settings) if image_id in key]


@in_memory
def test_all_of_a_kind_are_deleted_restored_and_removed_but_for_what_fails(
    deleting: httpx.Client, own_catalogue: Catalogue
) -> None:
    ids = {own_catalogue.public_keys.create(PublicKey(name="a", public_key=KEY)).id for _ in range(3)}
    used = min(ids)
    job = Job(job_type="create", artifact_id=new_id(), public_key_id=used, image_root_archive_name="x")
    own_catalogue.jobs.create(job)
    assert_problem(deleting.delete(f"{V3}/public-keys"), 409, "1 of 3 public keys are left", used)
    assert [key["id"] for key in deleting.get(f"{V3}/public-keys").json()] == [used]
    own_catalogue.jobs.remove(job.id)
    assert deleting.patch(f"{V3}/deleted/public-keys", json={"operation": "undelete"}).status_code == 204
    assert {key["id"] for key in deleting.get(f"{V3}/public-keys").json()} == ids
    assert deleting.delete(f"{V3}/public-keys").status_code == 204
    assert deleting.delete(f"{V3}/deleted/public-keys").status_code == 204
    assert own_catalogue.public_keys.list(None) == []
    # Nothing to do is no error.
    for answer in (deleting.delete(f"{V3}/public-keys"), deleting.delete(f"{V2}/public-keys"),
                   deleting.patch(f"{V3}/deleted/public-keys", json={"operation": "undelete"})):  # fmt: skip
        assert answer.status_code == 204


@in_memory
def test_who_does_not_wait_is_told_where_the_run_is(
    deleting: httpx.Client, stored: dict[str, str], prefect_api: str
) -> None:
    key = f"{V3}/public-keys/{stored['public-keys']}"
    answer = deleting.delete(key, headers={"Prefer": "respond-async", "X-Request-ID": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (202, "mine")
    run_id = answer.json()["flow_run_id"]
    assert answer.headers["location"] == f"{prefect_api.removesuffix('/api')}/runs/flow-run/{run_id}"
    with connected(prefect_api) as runs:
        end = time.monotonic() + 30
        while runs.read_state(run_id).is_alive and time.monotonic() < end:
            time.sleep(0.1)
        assert runs.read_state(run_id).is_completed
        tags = runs._client.read_flow_run(run_id).tags
        assert "asked for by request mine of a client without a name" in [
            line.text for line in runs.log(run_id).new_lines()
        ]
    assert "request: mine" in tags
    assert deleting.get(key).status_code == 404


@in_memory
def test_without_prefect_nothing_is_begun(
    deleting: httpx.Client, stored: dict[str, str], own_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMS_PREFECT_API_URL", "http://127.0.0.1:9/api")
    settings.cache_clear()
    for path, record_id in stored.items():
        answer = deleting.delete(f"{V3}/{path}/{record_id}")
        assert_problem(answer, 503, "Prefect")
        assert answer.headers["retry-after"]
    assert own_catalogue.images.get(stored["images"]).collection is Collection.AVAILABLE


@pytest.mark.embedded
def test_it_is_fast(
    deleting: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    keys = [own_catalogue.public_keys.create(PublicKey(name="a", public_key=KEY)).id for _ in range(5)]
    images = [make_image(store, own_catalogue, s3_settings.boot_images_bucket).id for _ in range(3)]
    for path, ids, limit in (("public-keys", keys, 1.0), ("images", images, 2.0)):
        took = []
        for record_id in ids:
            began = time.monotonic()
            assert deleting.delete(f"{V3}/{path}/{record_id}").status_code == 204
            took.append(time.monotonic() - began)
        print(f"\n{path}: p50 {median(took):.2f} s of at most {limit} s")
        # The figure that is wanted is measured by hand: on a busy host a test proves no more than the order of it.
        assert median(took) < 5 * limit
