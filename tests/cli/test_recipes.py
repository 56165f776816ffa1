"""`ims recipes`."""

import json
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import Ims

REQUIRED = ("recipes", "create", "--name", "minimal", "--linux-distribution", "debian12", "--format", "json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recipe = tmp_path / "minimal"
    recipe.mkdir()
    (recipe / "config.xml").write_text("<image/>")
    return recipe


def test_a_folder_is_packed_uploaded_and_linked(ims: Ims, folder: Path, store: ObjectStore, bucket: str) -> None:
    created = ims(*REQUIRED, "--file", str(folder))
    assert created.returncode == 0, created.stderr
    record = json.loads(created.stdout)
    key = f"recipes/{record['id']}/minimal.tgz"
    body, known = store.read(bucket, key)
    assert record["link"] == {"path": f"s3://{bucket}/{key}", "etag": known.etag, "type": "s3"}
    with tarfile.open(fileobj=BytesIO(body)) as tar:
        assert tar.getnames() == ["config.xml"]


def test_an_archive_is_uploaded_as_it_is(ims: Ims, tmp_path: Path, store: ObjectStore, bucket: str) -> None:
    archive = tmp_path / "my recipe.tgz"
    archive.write_bytes(b"\x1f\x8bwhatever it is, the flow looks at it")
    record = json.loads(ims(*REQUIRED, "--file", str(archive)).stdout)
    body, _ = store.read(bucket, f"recipes/{record['id']}/my recipe.tgz")
    assert body == archive.read_bytes()


def test_what_is_no_tar_archive_is_refused_before_it_is_uploaded(
    ims: Ims, tmp_path: Path, folder: Path, store: ObjectStore, bucket: str
) -> None:
    (tmp_path / "my.zip").write_bytes(b"PK\3\4" + bytes(99))
    (tmp_path / "README.md").write_text("# The recipe of the compute nodes\n")
    for file, what in (
        (tmp_path / "my.zip", "a zip archive"),
        (folder / "config.xml", "a bare XML file"),
        (tmp_path / "README.md", "not a tar archive"),
    ):
        refused = ims(*REQUIRED, "--file", str(file))
        assert refused.returncode == 2
        assert f"the recipe {file} is {what}" in refused.stderr
        assert "tar -C FOLDER" in refused.stderr
    assert list(store.keys(bucket, "recipes/")) == []


def test_files_of_other_systems_are_not_uploaded_and_said_so(ims: Ims, folder: Path) -> None:
    (folder / ".DS_Store").touch()
    created = ims(*REQUIRED, "--file", str(folder))
    assert created.returncode == 0
    assert created.stderr == "left out files of other systems (1): '.DS_Store'\n"


def test_a_folder_that_a_job_would_refuse_is_not_uploaded(
    ims: Ims, folder: Path, store: ObjectStore, bucket: str
) -> None:
    (folder / "x").symlink_to("/etc/passwd")
    refused = ims(*REQUIRED, "--file", str(folder))
    assert refused.returncode == 2
    assert "'x', a symbolic link to '/etc/passwd', leads out of the archive" in refused.stderr
    assert list(store.keys(bucket, "recipes/")) == []


def test_an_object_that_is_there_is_linked_with_its_etag(ims: Ims, store: ObjectStore, bucket: str) -> None:
    etag = store.write(bucket, "mine.tgz", b"x")
    created = ims(*REQUIRED, "--link-path", f"s3://{bucket}/mine.tgz", "--link-type", "s3")
    assert json.loads(created.stdout)["link"]["etag"] == etag


def test_a_link_to_nothing_is_refused(ims: Ims, bucket: str, catalogue: Catalogue) -> None:
    refused = ims(*REQUIRED, "--link-path", f"s3://{bucket}/none.tgz")
    assert refused.returncode == 2
    assert f"Error: Bad link: s3://{bucket}/none.tgz does not exist" in refused.stderr
    assert catalogue.recipes.list() == []


def test_a_link_with_another_etag_is_refused(ims: Ims, store: ObjectStore, bucket: str, catalogue: Catalogue) -> None:
    store.write(bucket, "mine.tgz", b"x")
    refused = ims(*REQUIRED, "--link-path", f"s3://{bucket}/mine.tgz", "--link-etag", "0123")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: Conflict:")
    assert catalogue.recipes.list() == []


def test_nothing_is_uploaded_when_a_field_is_refused(
    ims: Ims, folder: Path, store: ObjectStore, bucket: str, catalogue: Catalogue
) -> None:
    refused = ims(*REQUIRED[:-2], "--arch", "sparc", "--file", str(folder))
    assert refused.returncode == 2
    assert "Error: Bad input: arch:" in refused.stderr
    assert list(store.keys(bucket, "recipes/")) == []
    assert catalogue.recipes.list() == []


def test_a_file_and_a_link_exclude_each_other(ims: Ims, folder: Path) -> None:
    refused = ims(*REQUIRED, "--file", str(folder), "--link-path", "s3://ims/x.tgz")
    assert refused.returncode == 2
    assert "--file and --link-path" in refused.stderr


def test_a_file_that_is_not_there_is_named(ims: Ims, tmp_path: Path) -> None:
    refused = ims(*REQUIRED, "--file", str(tmp_path / "none"))
    assert refused.returncode == 2
    assert str(tmp_path / "none") in refused.stderr


def test_template_values_are_taken_both_ways(ims: Ims) -> None:
    created = ims(
        *REQUIRED,
        *("--template-value", "list=a,b=c"),
        *("--template-dictionary-key", "A,B", "--template-dictionary-value", "1,2"),
    )
    assert json.loads(created.stdout)["template_dictionary"] == [
        {"key": "list", "value": "a,b=c"},
        {"key": "A", "value": "1"},
        {"key": "B", "value": "2"},
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--template-dictionary-key", "A,B", "--template-dictionary-value", "1,2,3"], "different numbers of entries"),
        (["--template-value", "novalue"], "has no '='"),
        (["--template-value", "a=1", "--template-value", "a=2"], "names a more than once"),
        (["--template-value", "not a name=1"], "template_dictionary.0.key"),
    ],
    ids=["more values than keys", "no equals sign", "a key twice", "no identifier"],
)
def test_a_template_dictionary_that_is_none_is_refused(options: list[str], words: str, ims: Ims) -> None:
    refused = ims(*REQUIRED, *options)
    assert refused.returncode == 2
    assert words in refused.stderr


def test_dkms_is_needed_unless_it_is_said_otherwise(ims: Ims) -> None:
    assert json.loads(ims(*REQUIRED).stdout)["require_dkms"] is True
    assert json.loads(ims(*REQUIRED, "--no-require-dkms").stdout)["require_dkms"] is False


def test_recipes_are_listed_and_described(ims: Ims) -> None:
    record = json.loads(ims(*REQUIRED).stdout)
    assert json.loads(ims("recipes", "list", "--format", "json").stdout) == [record]
    assert json.loads(ims("recipes", "describe", record["id"], "--format", "json").stdout) == record


def test_a_recipe_gets_its_archive_later(ims: Ims, folder: Path, store: ObjectStore, bucket: str) -> None:
    record = json.loads(ims(*REQUIRED).stdout)
    etag = store.write(bucket, f"recipes/{record['id']}/r.tgz", b"x")
    path = f"s3://{bucket}/recipes/{record['id']}/r.tgz"
    update = ("recipes", "update", record["id"], "--format", "json")
    updated = ims(*update, "--link-type", "s3", "--link-path", path, "--name", "minimal")
    assert updated.returncode == 0, updated.stderr
    link = {"path": path, "etag": etag, "type": "s3"}
    assert json.loads(updated.stdout) == record | {"link": link}
    for refused, words in (
        (ims(*update, "--file", str(folder)), f"has its archive {path} already"),
        (ims(*update, "--name", "another"), "--name of recipe"),
        (ims(*update), "nothing to change is given"),
        (ims(*update, "--link-path", f"s3://{bucket}/other.tgz"), "a link is set once"),
    ):
        assert refused.returncode == 2
        assert words in refused.stderr
    assert json.loads(ims("recipes", "describe", record["id"], "--format", "json").stdout)["link"] == link


def test_an_update_uploads_a_file_and_changes_the_dictionary(ims: Ims, folder: Path, bucket: str) -> None:
    record = json.loads(ims(*REQUIRED).stdout)
    updated = ims(
        *("recipes", "update", record["id"], "--file", str(folder), "--format", "json", "--arch", "aarch64"),
        *("--template-dictionary-key", "A", "--template-dictionary-value", "1", "--no-require-dkms"),
    )
    assert updated.returncode == 0, updated.stderr
    changed = json.loads(updated.stdout)
    assert changed["link"]["path"] == f"s3://{bucket}/recipes/{record['id']}/minimal.tgz"
    assert (changed["arch"], changed["require_dkms"]) == ("aarch64", False)
    assert changed["template_dictionary"] == [{"key": "A", "value": "1"}]
