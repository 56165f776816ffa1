"""api/routes/records.py: every record is shown under every address, with IMS's fields, and lists select strictly."""

from datetime import datetime

import httpx
import pytest

from config.settings import Settings
from storage.models.records import Collection, Image, PublicKey, new_id, now
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.api.stored import KEY, assert_problem, one_of_each
from tests.memory_s3.fixtures import in_memory, on_both

V3 = ["/apis/ims/v3", "/v3"]
V2 = ["/apis/ims/v2", "/apis/ims", "/v2", ""]
FIELDS = {
    "public-keys": {"id", "created", "name", "public_key"},
    "recipes": {
        *("id", "created", "name", "link", "recipe_type", "linux_distribution"),
        *("template_dictionary", "require_dkms", "arch"),
    },
    "images": {"id", "created", "name", "link", "arch", "metadata"},
    "jobs": {
        *("job_type", "artifact_id", "public_key_id", "image_root_archive_name", "enable_debug", "build_env_size"),
        *("job_mem_size", "kernel_file_name", "initrd_file_name", "kernel_parameters_file_name", "ssh_containers"),
        *("require_dkms", "id", "created", "status", "arch", "resultant_image_id", "kubernetes_job"),
        *("kubernetes_service", "kubernetes_configmap", "kubernetes_pvc", "kubernetes_namespace"),
        # The last two IMS lacks.
        *("remote_build_node", "flow_run_id", "diagnosis"),
    },
}


@on_both
def test_every_record_is_shown_under_every_address(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    for path, record in one_of_each(own_catalogue, store, s3_settings).items():
        shown = api.get(f"/apis/ims/v3/{path}/{record.id}").raise_for_status()
        assert shown.headers["content-type"] == "application/json"
        assert shown.json().keys() == FIELDS[path]
        # IMS's clients read times by Python's own function, which knew no Z before 3.11.
        assert shown.json()["created"].endswith("+00:00")
        assert datetime.fromisoformat(shown.json()["created"]) == record.created
        for prefix in (*V3, *V2):
            assert api.get(f"{prefix}/{path}").json() == [shown.json()], prefix
            assert api.get(f"{prefix}/{path}/{record.id}").content == shown.content
            assert_problem(api.get(f"{prefix}/{path}/{new_id()}"), 404, "no ")
            assert_problem(api.get(f"{prefix}/{path}/no-uuid"), 404, "ids are UUIDs")


@in_memory
def test_what_is_empty_has_its_type(api: httpx.Client, own_catalogue: Catalogue) -> None:
    image = own_catalogue.images.create(Image(name="empty"))
    shown = api.get(f"/v3/images/{image.id}").json()
    assert (shown["link"], shown["metadata"]) == (None, {})


@in_memory
def test_a_deleted_record_is_in_the_other_list(api: httpx.Client, own_catalogue: Catalogue) -> None:
    gone = PublicKey(name="gone", public_key=KEY, collection=Collection.DELETED, deleted=now())
    own_catalogue.public_keys.create(gone)
    kept = own_catalogue.public_keys.create(PublicKey(name="kept", public_key=KEY))
    for prefix in V3:
        [shown] = api.get(f"{prefix}/deleted/public-keys").json()
        assert shown.keys() == FIELDS["public-keys"] | {"deleted"}
        assert (shown["id"], datetime.fromisoformat(shown["deleted"])) == (gone.id, gone.deleted)
        assert api.get(f"{prefix}/deleted/public-keys/{gone.id}").json() == shown
        assert_problem(api.get(f"{prefix}/public-keys/{gone.id}"), 404)
        assert_problem(api.get(f"{prefix}/deleted/public-keys/{kept.id}"), 404, "is not deleted")
        assert [each["id"] for each in api.get(f"{prefix}/public-keys").json()] == [kept.id]
    for prefix in V2:
        assert_problem(api.get(f"{prefix}/deleted/public-keys"), 404, "the API has no")


@in_memory
def test_lists_are_whole_unless_a_page_is_asked_for(api: httpx.Client, own_catalogue: Catalogue) -> None:
    made = [own_catalogue.public_keys.create(PublicKey(name=f"key {number}", public_key=KEY)).id for number in range(5)]
    assert [key["id"] for key in api.get("/v3/public-keys").json()] == made
    page, found = api.get("/v3/public-keys", params={"limit": 2}), []
    while True:
        found += [key["id"] for key in page.json()]
        if "next" not in page.links:
            break
        assert len(page.json()) == 2
        page = api.get(page.links["next"]["url"])
    assert found == made
    assert [key["id"] for key in api.get("/v3/public-keys", params={"marker": made[3]}).json()] == made[4:]
    assert_problem(api.get("/v3/public-keys", params={"marker": new_id()}), 400, "marker")


@in_memory
def test_lists_are_filtered(api: httpx.Client, own_catalogue: Catalogue) -> None:
    sbps = own_catalogue.images.create(Image(name="a", arch="aarch64", metadata={"sbps-project": "true", "x": ""}))
    own_catalogue.images.create(Image(name="b", metadata={"sbps-project": "false"}))
    for asked in (
        "name=a",
        "arch=aarch64",
        "metadata=sbps-project=true",
        "metadata=sbps-project&metadata=x",
        "name=a&arch=aarch64",
    ):
        assert [image["id"] for image in api.get(f"/v3/images?{asked}").json()] == [sbps.id], asked
    assert api.get("/v3/images?name=a&arch=x86_64").json() == []
    assert api.get("/v3/images?name=").json() == []


@pytest.mark.parametrize(
    "asked",
    ["images?arch=x86", "images?nmae=a", "images?limit=0", "images?limit=many", "public-keys?arch=x86_64",
     "jobs?status=done", "jobs?age=garbage", "jobs?age=90", "jobs?age=1d2w", "jobs?job_type=x", "jobs?stauts=error"],
)  # fmt: skip
@in_memory
def test_a_filter_that_cannot_be_read_is_refused(api: httpx.Client, asked: str) -> None:
    assert_problem(api.get(f"/v3/{asked}"), 400)


@in_memory
def test_who_has_seen_a_record_gets_it_only_when_it_has_changed(api: httpx.Client, own_catalogue: Catalogue) -> None:
    image = own_catalogue.images.create(Image(name="a"))
    for path in (f"/v3/images/{image.id}", "/v3/images"):
        etag = api.get(path).headers["etag"]
        known = api.get(path, headers={"If-None-Match": f'"other", {etag}'})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
        assert api.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    own_catalogue.images.change(image.id, lambda stored: stored.model_copy(update={"metadata": {"new": "1"}}))
    assert api.get(path, headers={"If-None-Match": etag}).status_code == 200
