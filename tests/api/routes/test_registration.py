"""api/routes/registration.py: IMS's POST and PATCH, row by row; what is refused has changed nothing."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Settings
from storage.models.kinds import DELETABLE_KINDS
from storage.models.manifest import LARGEST_MANIFEST_BYTES
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.api.stored import KEY, assert_problem, one_of_each
from tests.memory_s3.fixtures import in_memory, on_both

RECIPE = {"name": "compute", "recipe_type": "kiwi-ng", "linux_distribution": "sles15"}
V3, V2 = "/apis/ims/v3", "/apis/ims"


def link_to(store: ObjectStore, bucket: str, body: bytes = b"archive") -> dict[str, str]:
    """Store an object, and return the link that leads to it."""
    key = f"{new_id()}/x"
    return {"path": f"s3://{bucket}/{key}", "etag": store.write(bucket, key, body), "type": "s3"}


def manifest_link(store: ObjectStore, bucket: str) -> dict[str, str]:
    return link_to(store, bucket, b'{"version":"1.0","created":"2026-01-01T00:00:00Z","artifacts":[]}')


@on_both
def test_a_recipe_is_registered_linked_and_changed(api: httpx.Client, store: ObjectStore, bucket: str) -> None:
    for prefix in (V3, V2):
        made = api.post(f"{prefix}/recipes", json=RECIPE)
        assert made.status_code == 201, made.text
        recipe = made.json()
        defaults: dict[str, Any] = {"link": None, "template_dictionary": [], "require_dkms": True, "arch": "x86_64"}
        assert recipe == RECIPE | defaults | {"id": recipe["id"], "created": recipe["created"]}
        path, link = f"{prefix}/recipes/{recipe['id']}", link_to(store, bucket)
        assert api.get(path).json() == recipe
        assert api.patch(path, json={"link": link}).json() == recipe | {"link": link}
        # The same link again is no error, with its etag or without.
        without_etag = {"path": link["path"], "type": "s3"}
        assert api.patch(path, json={"link": without_etag}).json()["link"] == link
        words = {"arch": "aarch64", "require_dkms": False, "template_dictionary": [{"key": "a", "value": "1"}]}
        assert api.patch(path, json=words).json() == recipe | {"link": link} | words
        assert api.patch(path, json={"template_dictionary": []}).json()["template_dictionary"] == []


@on_both
def test_an_image_is_registered_linked_and_tagged(api: httpx.Client, store: ObjectStore, s3_settings: Settings) -> None:
    for prefix in (V3, V2):
        made = api.post(f"{prefix}/images", json={"name": "a", "metadata": {"key": "k", "value": "v"}})
        assert made.status_code == 201, made.text
        image = made.json()
        defaults = {"link": None, "arch": "x86_64", "metadata": {"k": "v"}}
        assert image == {"name": "a", "id": image["id"], "created": image["created"]} | defaults
        path, link = f"{prefix}/images/{image['id']}", manifest_link(store, s3_settings.boot_images_bucket)
        without_etag = {"path": link["path"], "type": "s3"}
        assert api.patch(path, json={"link": without_etag}).json() == image | {"link": link}
        for operation, metadata in (
            ({"operation": "set", "key": "sbps-project", "value": "true"}, {"k": "v", "sbps-project": "true"}),
            ({"operation": "set", "key": "k", "value": "w"}, {"k": "w", "sbps-project": "true"}),
            ({"operation": "remove", "key": "k"}, {"sbps-project": "true"}),
            ({"operation": "remove", "key": "k"}, {"sbps-project": "true"}),
        ):
            assert api.patch(path, json={"metadata": operation}).json()["metadata"] == metadata
        assert api.post(f"{prefix}/images", json={"name": "b", "metadata": {}}).json()["metadata"] == {}


@on_both
def test_a_public_key_is_registered_and_names_need_not_be_unique(api: httpx.Client) -> None:
    for prefix in (V3, V2):
        made = [api.post(f"{prefix}/public-keys", json={"name": "me", "public_key": KEY}) for _ in range(2)]
        assert [answer.status_code for answer in made] == [201, 201]
        assert made[0].json()["public_key"] == KEY
        assert made[0].json()["id"] != made[1].json()["id"]
        changed = api.patch(f"{prefix}/public-keys/{made[0].json()['id']}", json={"name": "you"})
        assert_problem(changed, 405)


LONG = "x" * (1 << 19)
TWICE = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
REFUSED: dict[str, list[dict[str, Any]]] = {
    "public-keys": [
        {"name": "me"},
        {"public_key": KEY},
        {"name": "me", "public_key": "ssh-rsa nonsense"},
        {"name": "me", "public_key": f"{KEY}\n{KEY}"},
        {"name": "me", "public_key": 1},
        {"name": "", "public_key": KEY},
        {"name": "me", "public_key": KEY, "id": new_id()},
        {"name": "me", "public_key": KEY, "unknown": 1},
    ],
    "recipes": [
        {"name": "a", "recipe_type": "kiwi-ng"},
        {"name": "a", "linux_distribution": "sles15"},
        RECIPE | {"recipe_type": "mash"},
        RECIPE | {"arch": "riscv"},
        RECIPE | {"require_dkms": "perhaps"},
        RECIPE | {"template_dictionary": None},
        RECIPE | {"template_dictionary": {"a": "1"}},
        RECIPE | {"template_dictionary": [{"key": "a"}]},
        RECIPE | {"template_dictionary": TWICE},
        RECIPE | {"link": "s3://ims/x"},
        RECIPE | {"link": {"path": "s3://ims/x"}},
        RECIPE | {"link": {"path": "s3://ims/x", "type": "http"}},
        RECIPE | {"link": {"path": "ims/x", "type": "s3"}},
        RECIPE | {"link": {"path": "s3:///x", "type": "s3"}},
        RECIPE | {"id": new_id()},
        RECIPE | {"created": "2026-01-01T00:00:00Z"},
    ],
    "images": [
        {"name": None},
        {"name": ["a"]},
        {"name": LONG},
        {"name": "a\u202eb"},
        {"name": "a\nb"},
        {"name": "a\u0000"},
        {"name": "a", "arch": "x86"},
        {"name": "a", "metadata": {"a": {"b": "c"}}},
        {"name": "a", "metadata": {"key": "k"}},
        {"name": "a", "metadata": [{"key": "k", "value": "v"}]},
        {"name": "a", "collection": "deleted"},
        {"name": "a", "journal": {}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body"), [(path, body) for path, bodies in REFUSED.items() for body in bodies if body]
)
@in_memory
def test_what_does_not_fit_the_schema_is_refused(
    api: httpx.Client, own_catalogue: Catalogue, path: str, body: dict[str, Any]
) -> None:
    problem = assert_problem(api.post(f"/v3/{path}", json=body), 422)
    assert problem["errors"]
    assert len(problem["detail"]) < 1000
    stored = [own_catalogue.of(kind).list(None) for kind in DELETABLE_KINDS]
    assert stored == [[], [], []]


PATCHES: dict[str, list[dict[str, Any]]] = {
    "recipes": [{"name": "b"}, {"arch": "x"}, {"template_dictionary": {"a": "b"}}, {"template_dictionary": TWICE},
                {"require_dkms": 2}, {"id": new_id()}],
    "images": [{"name": "b"}, {"metadata": {"a": {}}}, {"metadata": {"operation": "drop", "key": "a"}},
               {"metadata": {"operation": "remove"}}, {"link": {"path": "s3://x/y"}}],
}  # fmt: skip


@in_memory
def test_a_refused_change_changes_nothing(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    records = one_of_each(own_catalogue, store, s3_settings)
    for path, bodies in PATCHES.items():
        address = f"/v3/{path}/{records[path].id}"
        before = api.get(address).content
        missing, other = f"s3://{s3_settings.bucket}/none", manifest_link(store, s3_settings.bucket)
        for body in bodies:
            assert_problem(api.patch(address, json=body), 422)
            # A field that could be changed, beside the one that is refused.
            assert_problem(api.patch(address, json={"arch": "x86_64"} | body), 422)
        for link in ({"path": missing, "type": "s3"}, other):
            changes = {"arch": "x86_64", "link": link}
            assert_problem(api.patch(address, json=changes), 409, "already")
        assert_problem(api.patch(address, json={"arch": "x86_64"}, headers={"If-Match": '"x"'}), 412)
        assert api.get(address).content == before
        assert_problem(api.patch(f"/v3/{path}/{new_id()}", json={"arch": "x86_64"}), 404)
        etag = api.get(address).headers["etag"]
        assert api.patch(address, json={"arch": "x86_64"}, headers={"If-Match": etag}).status_code == 200


@on_both
def test_a_link_leads_to_what_is_there_and_is_one_records_own(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    bucket = s3_settings.bucket
    nothing = {"path": f"s3://{bucket}/nothing", "etag": "", "type": "s3"}
    archive, manifest = link_to(store, bucket), manifest_link(store, bucket)
    large = link_to(store, bucket, b" " * LARGEST_MANIFEST_BYTES + b"x")
    assert api.post("/v3/recipes", json=RECIPE | {"link": archive}).status_code == 201
    assert api.post("/v3/images", json={"name": "a", "link": manifest}).status_code == 201
    empty = api.post("/v3/images", json={"name": "b"}).json()["id"]
    for link, word in ((nothing, "does not exist"), (archive, "not the manifest"), (manifest, "is the link of"),
                       (large, "bytes"), (nothing | {"path": "s3://no-such-bucket/x"}, "")):  # fmt: skip
        assert_problem(api.post("/v3/images", json={"name": "c", "link": link}), 422, word)
        assert_problem(api.patch(f"/v3/images/{empty}", json={"link": link, "arch": "aarch64"}), 422, word)
    for link, word in ((nothing, "does not exist"), (archive, "is the link of")):
        assert_problem(api.post("/v3/recipes", json=RECIPE | {"link": link}), 422, word)
    # Another object than the one that is meant.
    stale = link_to(store, bucket) | {"etag": "0" * 32}
    assert_problem(api.post("/v3/recipes", json=RECIPE | {"link": stale}), 409, "etag")
    assert [len(each.list()) for each in (own_catalogue.recipes, own_catalogue.images)] == [1, 2]
    assert own_catalogue.images.get(empty).arch == "x86_64"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [*RECIPE, "link", "metadata", "arch", "template_dictionary", "require_dkms", "public_key", "id"]
)


@in_memory
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES | st.text(max_size=5), ANYTHING, max_size=5), st.sampled_from(sorted(REFUSED)))
def test_no_input_is_answered_as_a_defect(api: httpx.Client, body: dict[str, Any], path: str) -> None:
    for complete in (body, {"name": "a", "public_key": KEY} | body, RECIPE | body):
        for answer in (api.post(f"/v3/{path}", json=complete), api.patch(f"/v3/{path}/{new_id()}", json=complete)):
            assert answer.status_code == 201 or assert_problem(answer, answer.status_code)
            assert answer.status_code < 500
