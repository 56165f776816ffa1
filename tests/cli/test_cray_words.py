"""The lines of the manuals of `cray ims`, with `ims` in place of `cray ims`, are understood as they stand."""

import shlex
from typing import Any

import pytest
import typer.main

from cli.job_start import ssh_containers
from cli.main import app

ID = "a506a6f6-54d9-4e5a-9e8d-1fc052d62504"
JOB = f"jobs create --image-root-archive-name n --artifact-id {ID} --public-key-id {ID}"
# What each line says, as the fields that its command gets.
LINES: dict[str, dict[str, Any]] = {
    "recipes create --name r --recipe-type kiwi-ng --linux-distribution sles15 --arch x86_64 --require-dkms False": {
        "require_dkms": False
    },
    'recipes create --name "My Recipe" --recipe-type kiwi-ng --linux-distribution sles15 --arch "aarch64" '
    "--require-dkms False --template-dictionary-key CSM_RELEASE_VERSION,SLE_VERSION "
    "--template-dictionary-value 1.2.5,15sp4 --format toml": {"template_dictionary_value": "1.2.5,15sp4"},
    f"recipes update {ID} --link-type s3 --link-path s3://ims/recipes/{ID}/r.tgz --format toml": {"recipe_id": ID},
    f"recipes update --require-dkms true {ID}": {"recipe_id": ID, "require_dkms": True},
    f"recipes update --arch aarch64 {ID} --format toml": {"recipe_id": ID, "require_dkms": None},
    "recipes list --format json": {},
    f"recipes delete {ID}": {"record_id": ID},
    f"{JOB} --job-type create --enable-debug False": {"enable_debug": False},
    f"{JOB} --job-type create --enable-debug True --require-dkms True": {"enable_debug": True, "require_dkms": True},
    f"{JOB} --job-type create --enable-debug": {"enable_debug": True},
    f"{JOB} --job-type create --no-enable-debug --no-require-dkms": {"enable_debug": False, "require_dkms": False},
    f"{JOB} --job-type create --kernel-file-name vmlinuz --initrd-file-name initrd --enable-debug False": {
        "kernel_file_name": "vmlinuz"
    },
    f"{JOB} --job-type create --kernel-parameters-file-name kernel-parameters --build-env-size 15 --job-mem-size 8": {
        "build_env_size": 15
    },
    f"{JOB} --job-type customize --ssh-containers-name a --ssh-containers-jail True": {"ssh_containers_jail": "True"},
    f"{JOB} --job-type customize --ssh-containers-jail --ssh-containers-name a": {"ssh_containers_jail": "true"},
    f"jobs describe {ID} --format toml": {"job_id": ID},
    f"jobs delete {ID}": {},
    "images list --format=json": {},
    "images create --name n": {"name": "n"},
    'images create --name "My New Image" --arch aarch64 --format toml': {"arch": "aarch64"},
    f"images update {ID} --link-type s3 --link-path s3://boot-images/{ID}/manifest.json "
    "--link-etag 6d04c3a4546888ee740d7149eaecea68 --format toml": {"image_id": ID},
    f"images update {ID} --metadata-operation set --metadata-value value --metadata-key key": {"metadata_key": "key"},
    f"images update {ID} --metadata-operation set --metadata-key sbps-project --metadata-value true": {
        "metadata_value": "true"
    },
    f"images update {ID} --metadata-operation remove --metadata-key key": {"metadata_value": None},
    f"images update --arch aarch64 {ID} --format json": {"image_id": ID},
    f"images describe {ID} --format json": {"image_id": ID},
    f"images delete {ID}": {"record_id": ID},
    "public-keys create --name 'username public key' --public-key ~/.ssh/id_rsa.pub --format toml": {},
    "deleted images list --format toml": {},
    f"deleted images describe {ID}": {"record_id": ID},
    f"deleted images update {ID} --operation undelete": {"record_id": ID},
    f"deleted images update --operation undelete {ID}": {"record_id": ID},
    f"deleted images delete {ID}": {"record_id": ID},
}


def parsed(line: str) -> dict[str, Any]:
    """Return the fields that the command of a line gets; nothing is run."""
    command: Any = typer.main.get_command(app)
    arguments = shlex.split(line)
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    fields: dict[str, Any] = command.make_context("ims", arguments).params
    return fields


@pytest.mark.parametrize(("line", "fields"), LINES.items(), ids=LINES)
def test_a_line_of_the_manuals_is_understood(line: str, fields: dict[str, Any]) -> None:
    assert fields.items() <= parsed(line).items()


@pytest.mark.parametrize(
    ("names", "jails", "shells"),
    [
        ("a", "True", [{"name": "a", "jail": True}]),
        ("a", "FALSE", [{"name": "a", "jail": False}]),
        ("a,b", "true,no", [{"name": "a", "jail": True}, {"name": "b", "jail": False}]),
        ("", "True", [{"name": "customize", "jail": True}]),
        ("a", "", [{"name": "a", "jail": False}]),
    ],
)
def test_the_shells_of_cray_ims_are_those_of_ours(names: str, jails: str, shells: list[dict[str, Any]]) -> None:
    assert ssh_containers(names, jails, jail=False) == shells
