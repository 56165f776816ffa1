"""The contract with IMS's clients: every row of its tables of the API, of PATCH, of errors and of jobs, over HTTP."""

from typing import Any

import httpx
import pytest

from config.settings import Settings
from storage.models.jobs import JobStatus
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.api.contract import Row, ask, failures, names_of
from tests.memory_s3.fixtures import on_both

V3, V2 = "/apis/ims/v3", "/apis/ims/v2"
RECIPE = {"name": "r", "recipe_type": "kiwi-ng", "linux_distribution": "sles15"}
JOB = {"public_key_id": "{key}", "image_root_archive_name": "new"}
CREATE = JOB | {"job_type": "create", "artifact_id": "{recipe}"}
CUSTOMIZE = JOB | {"job_type": "customize", "artifact_id": "{image}"}
NODE = "x3000c0s17b0n0"

READING: list[Row] = [
    ("GET healthz/live", None, 200),
    ("GET version", None, 200),
    *((f"GET {kind}", None, 200) for kind in ("public-keys", "recipes", "images", "jobs", "remote-build-nodes")),
    *((f"GET {kind}/{{unknown}}", None, 404) for kind in ("public-keys", "recipes", "images", "jobs")),
    *((f"GET {kind}/x", None, 404) for kind in ("public-keys", "recipes", "images", "jobs")),
    ("GET public-keys/{key}", None, 200),
    ("GET recipes/{recipe}", None, 200),
    ("GET images/{image}", None, 200),
    ("GET jobs/{job}", None, 200),
    ("GET jobs?age=1w2d&status=success&status=error&job_type=create", None, 200),
    ("GET jobs?age=garbage", None, 400),
    ("GET unknown", None, 404),
]
POSTED: list[Row] = [
    *((f"POST {kind}", b"", 400) for kind in ("public-keys", "recipes", "images", "jobs", "remote-build-nodes")),
    *((f"POST {kind}", [], 422) for kind in ("public-keys", "recipes", "images", "jobs", "remote-build-nodes")),
    ("POST public-keys", {"name": "k", "public_key": "{public_key}"}, 201),
    ("POST public-keys", {"name": "k"}, 422),
    ("POST recipes", RECIPE, 201),
    *(("POST recipes", RECIPE | {"recipe_type": word}, 201) for word in ("kiwi-ng", "packer")),
    *(("POST recipes", RECIPE | {"linux_distribution": word}, 201) for word in ("sles12", "sles15", "centos7")),
    *(("POST recipes", RECIPE | {"arch": word}, 201) for word in ("x86_64", "aarch64")),
    ("POST recipes", RECIPE | {"require_dkms": False, "template_dictionary": [{"key": "a", "value": "b"}]}, 201),
    ("POST recipes", RECIPE | {"link": "{archive}"}, 201),
    ("POST recipes", RECIPE | {"link": "{archive}"}, 422),
    ("POST recipes", RECIPE | {"link": "{gone}"}, 422),
    ("POST recipes", RECIPE | {"link": None}, 201),
    ("POST recipes", RECIPE | {"id": "{unknown}"}, 422),
    ("POST recipes", RECIPE | {"template_dictionary": None}, 422),
    ("POST images", {"name": "i"}, 201),
    ("POST images", {"name": "i", "arch": "aarch64", "link": None, "metadata": {"key": "k", "value": "v"}}, 201),
    ("POST images", {"name": "i", "link": "{manifest}"}, 201),
    ("POST images", {"name": "i", "link": "{manifest}"}, 422),
    ("POST images", {"name": "i", "link": "{gone}"}, 422),
    ("POST images", {"name": "i", "link": "{no_manifest}"}, 422),
    ("POST images", {"name": "i", "metadata": {"k": "v"}}, 422),
    ("POST images", {"name": "i", "x": 1}, 422),
    ("POST remote-build-nodes", {"xname": NODE}, 201),
    (f"GET remote-build-nodes/{NODE}", None, 200),
    (f"GET remote-build-nodes/{NODE}/status", None, 200),
    ("GET remote-build-nodes/status", None, 200),
    (f"GET remote-build-nodes/status/{NODE}", None, 200),
    (f"DELETE remote-build-nodes/{NODE}", None, 204),
    (f"DELETE remote-build-nodes/{NODE}", None, 404),
    (f"GET remote-build-nodes/status/{NODE}", None, 404),
    ("DELETE remote-build-nodes", None, 204),
]
PATCHED: list[Row] = [
    *((f"PATCH {path}", b"", 400) for path in ("recipes/{recipe}", "images/{image}", "jobs/{job}")),
    *((f"PATCH {path}", {}, 400) for path in ("recipes/{recipe}", "images/{image}", "jobs/{job}")),
    *((f"PATCH {kind}/{{unknown}}", {"arch": "x86_64"}, 404) for kind in ("recipes", "images")),
    ("PATCH jobs/{unknown}", {"status": "error"}, 404),
    ("PATCH public-keys/{key}", {"name": "x"}, 405),
    # A link: only when it is unset or the same.
    ("PATCH recipes/{empty_recipe}", {"link": "{gone}"}, 422),
    ("PATCH recipes/{empty_recipe}", {"link": "{recipes_link}"}, 422),
    ("PATCH recipes/{empty_recipe}", {"link": "{archive}"}, 200),
    ("PATCH recipes/{empty_recipe}", {"link": "{archive}"}, 200),
    ("PATCH recipes/{empty_recipe}", {"link": "{other_archive}"}, 409),
    ("PATCH recipes/{recipe}", {"arch": "aarch64"}, 200),
    ("PATCH recipes/{recipe}", {"require_dkms": False}, 200),
    ("PATCH recipes/{recipe}", {"template_dictionary": [{"key": "a", "value": "b"}]}, 200),
    ("PATCH recipes/{recipe}", {"template_dictionary": []}, 200),
    ("PATCH recipes/{recipe}", {"template_dictionary": {"a": "b"}}, 422),
    ("PATCH recipes/{recipe}", {"name": "x"}, 422),
    ("PATCH images/{empty_image}", {"link": "{gone}"}, 422),
    ("PATCH images/{empty_image}", {"link": "{no_manifest}"}, 422),
    ("PATCH images/{empty_image}", {"link": "{images_link}"}, 422),
    ("PATCH images/{empty_image}", {"link": "{manifest}"}, 200),
    ("PATCH images/{empty_image}", {"link": "{manifest}"}, 200),
    ("PATCH images/{empty_image}", {"link": "{other_manifest}"}, 409),
    ("PATCH images/{image}", {"arch": "x86_64"}, 200),
    ("PATCH images/{image}", {"metadata": {"operation": "set", "key": "k", "value": "v"}}, 200),
    ("PATCH images/{image}", {"metadata": {"operation": "set", "key": "k", "value": "v"}}, 200),
    ("PATCH images/{image}", {"metadata": {"operation": "remove", "key": "k"}}, 200),
    ("PATCH images/{image}", {"metadata": {"operation": "remove", "key": "k", "value": "v"}}, 200),
    ("PATCH images/{image}", {"metadata": {"operation": "drop", "key": "k"}}, 422),
    ("PATCH images/{image}", {"metadata": {"k": {"k": "v"}}}, 422),
    ("PATCH images/{image}", {"name": "x"}, 422),
    # How far a job is.
    *(("PATCH jobs/{job}", {"status": str(status)}, 200) for status in JobStatus if not status.is_final),
    ("PATCH jobs/{job}", {"status": "done"}, 422),
    ("PATCH jobs/{job}", {"resultant_image_id": "{unknown}"}, 422),
    ("PATCH jobs/{job}", {"resultant_image_id": "{image}"}, 200),
    ("PATCH jobs/{job}", {"status": "success"}, 200),
    ("PATCH jobs/{ended_job}", {"image_root_archive_name": "x"}, 422),
]
JOBS_REFUSED: list[Row] = [
    ("POST jobs", CREATE | {"artifact_id": "{unknown}"}, 400),
    ("POST jobs", CREATE | {"artifact_id": "{image}"}, 400),
    ("POST jobs", CREATE | {"public_key_id": "{unknown}"}, 400),
    ("POST jobs", CREATE | {"artifact_id": "{empty_recipe}"}, 400),
    ("POST jobs", CREATE | {"artifact_id": "{recipe_without_archive}"}, 422),
    ("POST jobs", CREATE | {"ssh_containers": [{"name": "x", "jail": False}]}, 400),
    ("POST jobs", CUSTOMIZE | {"ssh_containers": [{"name": "x"}, {"name": "y"}]}, 400),
    ("POST jobs", CUSTOMIZE | {"artifact_id": "{recipe}"}, 400),
    ("POST jobs", CUSTOMIZE | {"artifact_id": "{empty_image}"}, 400),
    ("POST jobs", CUSTOMIZE | {"artifact_id": "{image_without_rootfs}"}, 400),
    ("POST jobs", CUSTOMIZE | {"artifact_id": "{image_of_two_rootfs}"}, 400),
    ("POST jobs", CUSTOMIZE | {"artifact_id": "{image_of_a_large_manifest}"}, 400),
    ("POST jobs", CUSTOMIZE | {"artifact_id": "{image_of_no_manifest}"}, 422),
    *(("POST jobs", {name: CREATE[name] for name in CREATE if name != left_out}, 422) for left_out in CREATE),
    ("POST jobs", CREATE | {"job_type": "x"}, 422),
    ("POST jobs", CREATE | {"image_root_archive_name": ""}, 422),
    ("POST jobs", CREATE | {"build_env_size": 0}, 422),
    ("POST jobs", CREATE | {"job_mem_size": 0}, 422),
    ("POST jobs", CREATE | {"enable_debug": 2}, 422),
    ("POST jobs", CREATE | {"id": "{unknown}"}, 422),
    ("DELETE jobs?age=garbage", None, 400),
    ("DELETE jobs?status=x", None, 400),
    ("DELETE jobs?job_type=x", None, 400),
    ("DELETE jobs/{unknown}", None, 404),
]


@on_both
@pytest.mark.parametrize("rows", [READING, POSTED, PATCHED, JOBS_REFUSED], ids=["GET", "POST", "PATCH", "jobs"])
def test_every_row_has_its_answer(
    api: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, rows: list[Row]
) -> None:
    for prefix in (V3, V2):
        assert failures(api, prefix, rows, names_of(own_catalogue, store, s3_settings)) == []


UNDELETE = {"operation": "undelete"}
DELETED_V3: list[Row] = [
    row
    for kind, name in (("public-keys", "key"), ("recipes", "recipe"), ("images", "image"))
    for row in (
        (f"GET deleted/{kind}", None, 200),
        (f"GET deleted/{kind}/{{{name}}}", None, 404),
        (f"PATCH deleted/{kind}/{{{name}}}", UNDELETE, 404),
        (f"DELETE {kind}/{{unknown}}", None, 404),
        (f"DELETE {kind}/{{{name}}}", None, 204),
        (f"DELETE {kind}/{{{name}}}", None, 404),
        (f"GET {kind}/{{{name}}}", None, 404),
        (f"GET deleted/{kind}/{{{name}}}", None, 200),
        (f"PATCH deleted/{kind}/{{{name}}}", b"", 400),
        (f"PATCH deleted/{kind}", {}, 400),
        (f"PATCH deleted/{kind}/{{{name}}}", {"operation": "x"}, 422),
        (f"PATCH deleted/{kind}", {"operation": "x"}, 422),
        (f"PATCH deleted/{kind}/{{unknown}}", UNDELETE, 404),
        (f"PATCH deleted/{kind}/{{{name}}}", UNDELETE, 204),
        (f"GET {kind}/{{{name}}}", None, 200),
        (f"DELETE {kind}/{{{name}}}", None, 204),
        (f"PATCH deleted/{kind}", UNDELETE, 204),
        (f"DELETE {kind}/{{{name}}}", None, 204),
        (f"DELETE deleted/{kind}/{{{name}}}", None, 204),
        (f"DELETE deleted/{kind}/{{{name}}}", None, 404),
        (f"DELETE deleted/{kind}", None, 204),
    )
]
DELETED_V2: list[Row] = [
    row
    for kind, name in (("public-keys", "key"), ("recipes", "recipe"), ("images", "image"))
    for row in (
        (f"DELETE {kind}/{{unknown}}", None, 404),
        (f"DELETE {kind}/{{{name}}}?cascade=x", None, 400),
        (f"DELETE {kind}/{{{name}}}?cascade=True", None, 204),
        (f"DELETE {kind}/{{{name}}}", None, 404),
        (f"GET deleted/{kind}", None, 404),
    )
] + [(f"DELETE {kind}", None, 204) for kind in ("public-keys", "recipes")]


@pytest.mark.parametrize(("prefix", "rows"), [(V3, DELETED_V3), (V2, DELETED_V2)], ids=["v3", "v2"])
def test_every_row_of_deleting_has_its_answer(
    deleting: httpx.Client,
    own_catalogue: Catalogue,
    store: ObjectStore,
    s3_settings: Settings,
    prefix: str,
    rows: list[Row],
) -> None:
    names = names_of(own_catalogue, store, s3_settings)
    own_catalogue.jobs.remove(names["job"])
    own_catalogue.recipes.remove(names["recipe_without_archive"])
    assert failures(deleting, prefix, rows, names) == []


# A field of a job, what is sent, and what its record has then.
JOB_FIELDS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (CREATE, {}, {"enable_debug": False, "build_env_size": 60, "job_mem_size": 8, "ssh_containers": []}),
    (CREATE, {}, {"kernel_file_name": "vmlinuz", "initrd_file_name": "initrd", "require_dkms": True}),
    (CREATE, {}, {"kernel_parameters_file_name": "kernel-parameters", "status": "creating", "arch": "x86_64"}),
    (CREATE, {}, {"resultant_image_id": None, "remote_build_node": ""}),
    (CREATE, {"build_env_size": 15, "job_mem_size": 1}, {"build_env_size": 15, "job_mem_size": 1}),
    (CREATE, {"kernel_file_name": "kernel"}, {"kernel_file_name": "kernel"}),
    (CREATE, {"require_dkms": False}, {"require_dkms": False}),
    (CREATE, {"initrd_file_name": "i", "kernel_parameters_file_name": "p"},
     {"initrd_file_name": "i", "kernel_parameters_file_name": "p"}),
    (CUSTOMIZE, {}, {"kernel_file_name": "Image", "arch": "aarch64"}),
    (CUSTOMIZE, {"image_root_archive_name": "user: me"}, {"image_root_archive_name": "user: me"}),
]  # fmt: skip
# The names and jails of its shells.
SHELLS: list[tuple[dict[str, Any], dict[str, Any], list[tuple[str, bool]]]] = [
    (CREATE, {"enable_debug": True}, [("debug", False)]),
    (CREATE, {"ssh_containers": []}, []),
    (CUSTOMIZE, {}, [("customize", False)]),
    (CUSTOMIZE, {"ssh_containers": [{"name": "c" * 45, "jail": True}]}, [("c" * 45, True)]),
]


def test_every_field_of_a_job_is_as_it_was_sent_or_has_its_default(
    starting: httpx.Client, own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings
) -> None:
    names = names_of(own_catalogue, store, s3_settings)
    for kind, sent, kept in JOB_FIELDS:
        answer = ask(starting, V3, "POST jobs", kind | sent, names)
        assert (answer.status_code, answer.json() | kept) == (201, answer.json()), sent
    for kind, sent, shells in SHELLS:
        shown = ask(starting, V2, "POST jobs", kind | sent, names).json()["ssh_containers"]
        assert [(shell["name"], shell["jail"]) for shell in shown] == shells, sent
        assert all((shell["status"], shell["connection_info"]) == ("pending", None) for shell in shown)
