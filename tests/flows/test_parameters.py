"""The parameters of the flows, as the Prefect server of a running `ims up` knows and checks them."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient

from errors import BadInput
from runs.client import Runs, connected
from tests.cli.running import Up

ID = str(uuid4())
JOB = {"public_key_id": ID, "image_root_archive_name": "image"}
CREATE = {"recipe_id": ID, **JOB}
CUSTOMIZE = {"image_id": ID, **JOB}

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("create-image", CREATE, {"recipe_id": "the newest"}),
    ("create-image", CREATE, {"image_root_archive_name": "  "}),
    ("create-image", CREATE, {"build_env_size": 0}),
    ("create-image", CREATE, {"job_mem_size": "much"}),
    ("create-image", CREATE, {"initrd_file_name": "boot/initrd"}),
    ("create-image", CREATE, {"require_dkms": "perhaps"}),
    ("create-image", CREATE, {"profiles": "a;b"}),
    ("create-image", CREATE, {"job_id": "mine"}),
    ("customize-image", CUSTOMIZE, {"ssh_container_name": "-rm"}),
    ("customize-image", CUSTOMIZE, {"script": "run.sh"}),
    ("customize-image", CUSTOMIZE, {"script_entry": "../run.sh"}),
    ("rebuild-image", CREATE, {"playbook": "site.yml"}),
    ("soft-delete", {"kind": "image", "record_id": ID}, {"kind": "job"}),
    ("undelete", {"kind": "recipe", "record_id": ID}, {"record_id": "all"}),
    ("hard-delete", {"kind": "public-key", "record_id": ID}, {"force": "perhaps"}),
    ("delete-jobs", {"job_ids": [ID]}, {"job_ids": [ID, "all"]}),
    ("finish-shell", {"job_id": ID}, {"operation": "end"}),
    ("finish-shell", {"job_id": ID}, {"hours": 169}),
]


@pytest.fixture
def runs(up: Up) -> Iterator[Runs]:
    with connected(up.endpoints.prefect_api_url) as found:
        yield found


@pytest.mark.parametrize(
    ("flow", "right", "wrong"), REFUSED, ids=[f"{flow} {next(iter(wrong))}" for flow, _, wrong in REFUSED]
)
def test_a_wrong_value_is_refused_when_a_run_is_created(
    runs: Runs, flow: str, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        runs.start(f"{flow}/{flow}", {**right, **wrong}, idempotency_key=str(uuid4()))


def test_the_form_has_bounds_defaults_and_descriptions(up: Up) -> None:
    with SyncPrefectClient(up.endpoints.prefect_api_url) as client:
        known = client.read_deployment_by_name("create-image/create-image").parameter_openapi_schema
    assert known is not None
    form = known["properties"]
    assert (
        form["build_env_size"].items()
        >= {
            "title": "build_env_size",
            "type": "integer",
            "minimum": 1,
            "maximum": 65536,
            "default": 60,
            "description": "Size of the workspace, GiB.",
        }.items()
    )
    assert form["recipe_id"]["pattern"]
    assert form["initrd_file_name"].items() >= {"default": "initrd", "maxLength": 255}.items()
    assert form["require_dkms"]["enum"] == ["as the recipe says", "yes", "no"]
    assert form["require_dkms"]["default"] == "as the recipe says"
    assert all(field["description"] for field in form.values())
    assert set(known["required"]) == {"recipe_id", "public_key_id", "image_root_archive_name"}
