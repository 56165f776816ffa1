"""What IMS's clients rely on beyond its tables: a test sends what one of them sends, and checks what that one needs."""

import hashlib
import json
from uuid import UUID

import httpx
import pytest

from config.quantities import MiB
from config.settings import Settings
from storage.models.jobs import JobStatus
from storage.models.manifest import ArtifactType
from storage.models.records import Image, Link, Recipe, new_id
from storage.records.catalogue import Catalogue
from storage.records.public_keys import ssh_key_of_job
from storage.s3.objects import ObjectStore
from tasks.artifacts import TYPES
from tests.api.stored import KEY, assert_problem, stored_recipe
from tests.memory_s3.fixtures import in_memory, on_both
from tests.objects_of_parts import write_parts
from tests.ssh_keys import KEYS
from tests.tasks.deleting import make_image

V3, V2 = "/apis/ims/v3", ""


@in_memory
@pytest.mark.parametrize("text", [f"{KEYS['ecdsa 256']} root@cfs\n", KEY, f"{KEYS['rsa 2048']}  a  b \r\n\n"])
def test_a_public_key_is_given_back_byte_for_byte(api: httpx.Client, text: str) -> None:
    """cfs-operator sends an ECDSA key with its line end; sat looks for its key by equality."""
    made = api.post("/public-keys", json={"name": "cfs_session", "public_key": text}).json()
    assert made["public_key"] == text
    for prefix in (V3, V2):
        assert [each["public_key"] for each in api.get(f"{prefix}/public-keys").json()] == [text]
        assert api.get(f"{prefix}/public-keys/{made['id']}").json() == made


def test_the_configuration_service_deletes_its_key_while_the_shell_is_open(
    starting: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    """cfs-operator, v2: the shell goes on, and a run that continues the job knows the key."""
    image = make_image(store, own_catalogue, s3_settings.boot_images_bucket)
    assert image.id in [each["id"] for each in starting.get("/images").json()]
    key = starting.post("/public-keys", json={"name": "cfs", "public_key": f"{KEY}\n"}).json()["id"]
    asked = {
        "job_type": "customize",
        "image_root_archive_name": f"{image.name}_cfs_{'s' * 45}",
        "artifact_id": image.id,
        "public_key_id": key,
        "ssh_containers": [{"name": "s" * 45, "jail": True}],
        "require_dkms": True,
    }
    job = starting.post("/jobs", json=asked).json()
    assert (UUID(job["id"]).version, job["image_root_archive_name"]) == (4, asked["image_root_archive_name"])
    open_shell = {"status": JobStatus.WAITING_ON_USER}
    own_catalogue.jobs.change(job["id"], lambda stored: stored.model_copy(update=open_shell))
    assert starting.delete(f"/public-keys/{key}").status_code == 204
    assert starting.get(f"{V3}/deleted/public-keys").json() == []
    shown = starting.get(f"/jobs/{job['id']}").json()
    assert shown == job | {"status": "waiting_on_user", "flow_run_id": shown["flow_run_id"]}
    assert ssh_key_of_job(own_catalogue, own_catalogue.jobs.get(job["id"])).authorized_line == KEY
    # What the job works on stays.
    assert_problem(starting.delete(f"/images/{image.id}"), 409, job["id"])


@on_both
@pytest.mark.parametrize("prefix", [V3, V2])
def test_the_helper_registers_a_recipe_and_finds_it_again(
    api: httpx.Client, store: ObjectStore, bucket: str, s3_settings: Settings, prefix: str
) -> None:
    """ims-python-helper: a record, then the archive in the bucket, then its link; again, it compares what it finds."""
    name = {"recipe_type": "kiwi-ng", "linux_distribution": "sles15", "name": "r"}
    sent = name | {"template_dictionary": [{"key": "a", "value": "1"}], "arch": "x86_64", "require_dkms": True}
    ids = [api.post(f"{prefix}/recipes", json=body).json()["id"] for body in (sent, name, name)]
    # Names need not be unique; each has a link, of none as of one, and a dictionary.
    listed = api.get(f"{prefix}/recipes").json()
    assert [(each["id"], each["name"], each["link"]) for each in listed] == [(each, "r", None) for each in ids]
    assert [each["template_dictionary"] for each in listed] == [sent["template_dictionary"], [], []]
    key = f"recipes/{ids[0]}/recipe.tar.gz"
    etag = store.write(s3_settings.bucket, key, b"archive", metadata={"md5sum": hashlib.md5(b"archive").hexdigest()})
    link = {"path": f"s3://{s3_settings.bucket}/{key}", "etag": etag, "type": "s3"}
    assert api.patch(f"{prefix}/recipes/{ids[0]}", json={"link": link}).json()["link"] == link
    assert store.head(s3_settings.bucket, key).metadata["md5sum"] == hashlib.md5(b"archive").hexdigest()
    # product-deletion-utility takes the one key with the id in it.
    assert [each for each in store.keys(s3_settings.bucket, "") if ids[0] in each] == [key]
    # Of an empty recipe it sends the dictionary in another form than it creates one with; IMS refuses that, too.
    assert_problem(api.patch(f"{prefix}/recipes/{ids[1]}", json={"template_dictionary": {"a": "1"}}), 422)


@in_memory
def test_every_answer_to_post_and_patch_is_json(api: httpx.Client) -> None:
    """ims-python-helper and sat decode the answer before they look at its status."""
    for path in ("/jobs", f"/images/{new_id()}", "/nothing", "/version"):
        for method in ("POST", "PATCH"):
            for content in (b"", b"{", b"[]", b'{"status":"x"}', b"\xff", b"x" * (MiB + 1)):
                for headers in ({"Content-Type": "application/json"}, {"Content-Type": "text/plain"}, {}):
                    answer = api.request(method, path, content=content, headers=headers)
                    assert answer.status_code >= 400
                    assert answer.json()["title"]
                    assert answer.json()["detail"]


@in_memory
def test_lists_are_whole(api: httpx.Client, own_catalogue: Catalogue) -> None:
    """cfs-operator's monitor and sat know no pages."""
    made = [own_catalogue.recipes.create(Recipe(name="r", linux_distribution="sles15")).id for _ in range(40)]
    for prefix in (V3, V2):
        answer = api.get(f"{prefix}/recipes")
        assert ([each["id"] for each in answer.json()], answer.links) == (made, {})


@on_both
def test_csm_rs_links_a_manifest_without_an_etag(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    source = make_image(store, own_catalogue, s3_settings.boot_images_bucket)
    assert source.link is not None
    body, _ = store.read(source.link.bucket, source.link.key)
    image = api.post(f"{V3}/images", json={"name": "a"}).json()
    key = f"{image['id']}/manifest.json"
    etag = store.write(s3_settings.boot_images_bucket, key, body)
    path = f"s3://{s3_settings.boot_images_bucket}/{key}"
    changed = api.patch(f"{V3}/images/{image['id']}", json={"link": {"path": path, "type": "s3"}})
    assert changed.json()["link"] == {"path": path, "etag": etag, "type": "s3"}


@pytest.mark.parametrize("kind", ["image", "recipe"])
def test_a_record_whose_objects_were_all_removed_is_deleted(
    deleting: httpx.Client,
    own_catalogue: Catalogue,
    store: ObjectStore,
    s3_settings: Settings,
    kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """product-deletion-utility removes the objects before the record; what was missing stands in the run's log."""
    made: dict[str, Image | Recipe] = {
        "image": make_image(store, own_catalogue, s3_settings.boot_images_bucket),
        "recipe": stored_recipe(own_catalogue, store, s3_settings),
    }
    record = made[kind]
    assert record.link is not None
    for each in [each for each in store.keys(record.link.bucket, "") if record.id in each]:
        store.delete(record.link.bucket, each)
    live, gone = f"{V3}/{kind}s/{record.id}", f"{V3}/deleted/{kind}s/{record.id}"
    assert deleting.delete(live).status_code == 204
    assert f"{record.link.path} is gone" in caplog.text
    assert_problem(deleting.patch(gone, json={"operation": "undelete"}), 422, record.link.path)
    assert deleting.get(gone).json()["link"]["path"] == record.link.path
    assert deleting.delete(gone).status_code == 204
    assert deleting.get(gone).status_code == 404


def test_the_etags_of_a_manifest_are_those_of_its_objects_after_an_undelete(
    deleting: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    """sbps-marshal projects no rootfs with another etag than the manifest's, and says nothing; what is deleted begins
    with `deleted/`, which bos knows, and what lies below `PE/` is projected as it is."""
    bucket = s3_settings.boot_images_bucket
    store.write(bucket, "PE/CPE-base.x86_64-26.11.squashfs", b"hsqs")
    image = make_image(store, own_catalogue, bucket)
    assert image.link is not None
    rootfs = write_parts(store, bucket, f"{image.id}/rootfs", [5 * MiB, 5 * MiB, MiB], metadata={"md5sum": "x"})
    manifest = json.loads(store.read(bucket, image.link.key)[0])
    manifest["artifacts"][0]["link"]["etag"] = rootfs.etag
    etag = store.write(bucket, image.link.key, json.dumps(manifest).encode())
    link = Link(path=image.link.path, etag=etag)
    own_catalogue.images.change(image.id, lambda stored: stored.model_copy(update={"link": link}))
    live, gone = f"{V3}/images/{image.id}", f"{V3}/deleted/images/{image.id}"
    before = deleting.get(live).json()

    assert deleting.delete(live).status_code == 204
    place = Link.model_validate(deleting.get(gone).json()["link"])
    assert_etags_are_present(store, place)
    left = [key for key in store.keys(bucket, "") if not key.startswith("deleted/") and not key.endswith(".seed")]
    assert left == ["PE/CPE-base.x86_64-26.11.squashfs"]

    assert deleting.patch(gone, json={"operation": "undelete"}).status_code == 204
    assert deleting.get(live).json() == before
    assert_etags_are_present(store, link)


def assert_etags_are_present(store: ObjectStore, link: Link) -> None:
    """Assert that a manifest, and each artifact that it lists, has the etag that is linked."""
    body, info = store.read(link.bucket, link.key)
    assert info.etag == link.etag
    artifacts = [Link.model_validate(each["link"]) for each in json.loads(body)["artifacts"]]
    assert [store.head(each.bucket, each.key).etag for each in artifacts] == [each.etag for each in artifacts]
    assert len(artifacts) == 5


def test_the_kernel_is_the_first_kernel_of_a_manifest() -> None:
    """libCSM boots the first artifact whose type contains `kernel`."""
    assert next(each for each in TYPES.values() if "kernel" in each) is ArtifactType.KERNEL


@in_memory
def test_what_clients_write_into_or_compute_with_has_its_type(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    """cmsdev writes into the metadata that it got; bos sets and removes a tag, twice, and without a value."""
    image = api.post("/images", json={"name": "a", "metadata": {}}).json()
    assert (image["metadata"], image["link"]) == ({}, None)
    tag = {"operation": "set", "key": "sbps-project", "value": "true"}
    untag = {"operation": "remove", "key": "sbps-project"}
    for operation, then in ((tag, {"sbps-project": "true"}), (untag, {})):
        for _ in range(2):
            changed = api.patch(f"{V3}/images/{image['id']}", json={"metadata": operation})
            assert changed.json()["metadata"] == then
