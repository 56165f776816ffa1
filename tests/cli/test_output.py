"""How records are printed, where there is no terminal and where there is one."""

import json
import os
import pty
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from cli.output import Format, print_record, print_records
from storage.models.jobs import Job, JobType
from storage.models.records import Link, PublicKey, Recipe, TemplateValue
from tests.cli.conftest import IMS, Ims

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv me"
KEY_RECORD = PublicKey.model_validate(
    {
        "id": "9e5a3c62-4f14-4f0e-9ad7-7c26e6b0d2b1",
        "created": "2026-11-22T11:41:18.206608Z",
        "name": "me",
        "public_key": KEY,
    }
)
CRAY_LIST = f"""\
[[results]]
id = "9e5a3c62-4f14-4f0e-9ad7-7c26e6b0d2b1"
created = "2026-11-22T11:41:18.206608Z"
name = "me"
public_key = "{KEY}"
"""
RECIPE = Recipe(
    name="r",
    linux_distribution="debian12",
    link=Link(path="s3://ims/recipes/x/r.tgz", etag="abc"),
    template_dictionary=[TemplateValue(key="mirror", value="http://site/a,b")],
)


def test_a_list_in_toml_is_what_cray_prints(capsys: pytest.CaptureFixture[str]) -> None:
    print_records([KEY_RECORD], {}, Format.TOML)
    assert capsys.readouterr().out == CRAY_LIST


def test_a_record_in_toml_has_its_fields_at_the_top(capsys: pytest.CaptureFixture[str]) -> None:
    print_record(KEY_RECORD, Format.TOML)
    assert capsys.readouterr().out == CRAY_LIST.removeprefix("[[results]]\n")


def test_an_empty_list_in_toml_is_an_empty_list_of_results(capsys: pytest.CaptureFixture[str]) -> None:
    print_records([], {}, Format.TOML)
    assert capsys.readouterr().out == "results = []\n"


def test_toml_leaves_nulls_out(capsys: pytest.CaptureFixture[str]) -> None:
    job = Job(
        job_type=JobType.CREATE,
        artifact_id=KEY_RECORD.id,
        public_key_id=KEY_RECORD.id,
        image_root_archive_name="image",
    )
    print_records([job], {}, Format.TOML)
    (printed,) = tomllib.loads(capsys.readouterr().out)["results"]
    assert "resultant_image_id" not in printed
    assert "diagnosis" not in printed
    assert printed["status"] == "creating"


@pytest.mark.parametrize("wanted", [Format.JSON, Format.YAML, Format.TOML])
def test_every_format_says_the_same(wanted: Format, capsys: pytest.CaptureFixture[str]) -> None:
    read: dict[Format, Any] = {Format.JSON: json.loads, Format.YAML: yaml.safe_load, Format.TOML: tomllib.loads}
    print_record(RECIPE, wanted)
    printed = read[wanted](capsys.readouterr().out)
    assert printed["id"] == RECIPE.id
    assert printed["link"] == {"path": "s3://ims/recipes/x/r.tgz", "etag": "abc", "type": "s3"}
    assert printed["template_dictionary"] == [{"key": "mirror", "value": "http://site/a,b"}]
    assert "collection" not in printed


def test_a_list_in_json_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    print_records([KEY_RECORD, KEY_RECORD], {}, Format.JSON)
    assert [record["name"] for record in json.loads(capsys.readouterr().out)] == ["me", "me"]


def test_a_table_is_printed_on_a_terminal(ims: Ims, environment: dict[str, str]) -> None:
    created = ims(
        "recipes", "create", "--name", "[bold]a :smile:", "--linux-distribution", "debian12", "--format", "json"
    )
    assert created.returncode == 0, created.stderr
    shown = _on_a_terminal(["recipes", "list"], environment)
    assert "distribution" in shown.splitlines()[0]
    # A user's text is shown as it is, also when it looks like markup.
    assert "[bold]a :smile:" in shown
    assert "[[results]]" not in shown
    # Ids are there to be copied: they stay whole in 80 columns.
    assert json.loads(created.stdout)["id"] in shown


def test_a_format_that_is_asked_for_is_printed_on_a_terminal_as_well(environment: dict[str, str]) -> None:
    assert json.loads(_on_a_terminal(["recipes", "list", "--format", "json"], environment)) == []


def _on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [*IMS, *arguments],
            env={**environment, "COLUMNS": "80", "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        # Reading fails once the other side has ended.
        try:
            while block := terminal.read(65536):
                shown += block
        except OSError:
            pass
        assert process.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")
