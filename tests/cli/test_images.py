"""`ims images`, and the download of what they consist of."""

import hashlib
import json
from pathlib import Path

import pytest

from config.settings import Settings
from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Image, Link, new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import Ims

CONTENT = {"rootfs": b"r" * 3_000_000, "kernel": b"k" * 1000, "initrd": b"i" * 2000}
TYPES = {"rootfs": ArtifactType.ROOTFS, "kernel": ArtifactType.KERNEL, "initrd": ArtifactType.INITRD}


@pytest.fixture
def image(store: ObjectStore, s3_settings: Settings, catalogue: Catalogue) -> Image:
    """An image of three artifacts."""
    return publish(store, s3_settings.boot_images_bucket, catalogue, CONTENT)


def publish(
    store: ObjectStore, bucket: str, catalogue: Catalogue, content: dict[str, bytes], md5s: dict[str, str] | None = None
) -> Image:
    image_id = new_id()
    artifacts = []
    for name, body in content.items():
        etag = store.write(bucket, f"{image_id}/{name}", body)
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest() if md5s is None else md5s[name]
        link = Link(path=f"s3://{bucket}/{image_id}/{name}", etag=etag)
        artifacts.append(Artifact(link=link, type=TYPES[name], md5=md5))
    manifest = Manifest(artifacts=artifacts).model_dump_json().encode()
    key = f"{image_id}/manifest.json"
    link = Link(path=f"s3://{bucket}/{key}", etag=store.write(bucket, key, manifest))
    return catalogue.images.create(Image(id=image_id, name="minimal", link=link))


def test_images_are_listed_and_described(ims: Ims, image: Image) -> None:
    described = json.loads(ims("images", "describe", image.id, "--format", "json").stdout)
    assert described["id"] == image.id
    assert json.loads(ims("images", "list", "--format", "json").stdout) == [described]


def test_the_artifacts_of_an_image_are_those_of_its_manifest(ims: Ims, image: Image) -> None:
    listed = json.loads(ims("images", "artifacts", image.id, "--format", "json").stdout)
    assert {artifact["type"]: artifact["md5"] for artifact in listed} == {
        TYPES[name]: hashlib.md5(body).hexdigest() for name, body in CONTENT.items()
    }


def test_a_download_ends_with_the_files_of_the_image(ims: Ims, image: Image, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder"
    done = ims("images", "download", image.id, "--directory", str(target))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(target / name) for name in [*CONTENT, "manifest.json"]]
    assert {name: (target / name).read_bytes() for name in CONTENT} == CONTENT
    assert len(Manifest.model_validate_json((target / "manifest.json").read_bytes()).artifacts) == 3
    assert done.stderr == ""


def test_a_second_download_leaves_the_files_alone(ims: Ims, image: Image, tmp_path: Path) -> None:
    ims("images", "download", image.id, "--directory", str(tmp_path))
    before = (tmp_path / "rootfs").stat()
    done = ims("images", "download", image.id, "--directory", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rootfs").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("name", ["kernel", "manifest.json"])
def test_a_file_of_other_content_is_not_overwritten(name: str, ims: Ims, image: Image, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    refused = ims("images", "download", image.id, "--directory", str(tmp_path))
    assert refused.returncode == 2
    assert f"Error: Conflict: {tmp_path / name} exists with other content" in refused.stderr
    assert (tmp_path / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


def test_an_artifact_that_was_replaced_is_refused(
    ims: Ims, image: Image, store: ObjectStore, s3_settings: Settings, tmp_path: Path
) -> None:
    store.write(s3_settings.boot_images_bucket, f"{image.id}/initrd", b"other")
    refused = ims("images", "download", image.id, "--directory", str(tmp_path))
    assert refused.returncode == 2
    assert "it was replaced" in refused.stderr
    assert not (tmp_path / "initrd").exists()


def test_an_artifact_that_is_not_what_the_manifest_says_is_refused(
    ims: Ims, store: ObjectStore, s3_settings: Settings, catalogue: Catalogue, tmp_path: Path
) -> None:
    image = publish(store, s3_settings.boot_images_bucket, catalogue, {"kernel": b"k"}, {"kernel": "0" * 32})
    refused = ims("images", "download", image.id, "--directory", str(tmp_path))
    assert refused.returncode == 1
    assert "Error: Corrupt:" in refused.stderr
    assert not (tmp_path / "kernel").exists()


def test_an_artifact_that_is_gone_is_named(
    ims: Ims, image: Image, store: ObjectStore, s3_settings: Settings, tmp_path: Path
) -> None:
    store.delete(s3_settings.boot_images_bucket, f"{image.id}/kernel")
    refused = ims("images", "download", image.id, "--directory", str(tmp_path))
    assert refused.returncode == 2
    assert f"{image.id}/kernel" in refused.stderr


def test_an_image_without_a_manifest_has_nothing_to_download(ims: Ims, catalogue: Catalogue) -> None:
    image = catalogue.images.create(Image(name="empty"))
    refused = ims("images", "download", image.id)
    assert refused.returncode == 2
    assert "has no manifest" in refused.stderr


def test_a_manifest_that_is_none_is_refused(
    ims: Ims, store: ObjectStore, s3_settings: Settings, catalogue: Catalogue
) -> None:
    bucket = s3_settings.boot_images_bucket
    store.write(bucket, "m.json", b"[]")
    image = catalogue.images.create(Image(name="odd", link=Link(path=f"s3://{bucket}/m.json")))
    refused = ims("images", "download", image.id)
    assert refused.returncode == 1
    assert "is not the manifest of an image" in refused.stderr


def test_an_image_is_registered_without_artifacts_and_linked_later(
    ims: Ims, store: ObjectStore, s3_settings: Settings
) -> None:
    made = ims("images", "create", "--name", "n", "--metadata-key", "a", "--metadata-value", "1", "--format", "json")
    assert made.returncode == 0, made.stderr
    record = json.loads(made.stdout)
    assert (record["link"], record["metadata"]) == (None, {"a": "1"})
    path = f"s3://{s3_settings.boot_images_bucket}/{record['id']}/manifest.json"
    update = ("images", "update", record["id"], "--format", "json")
    refused = ims(*update, "--link-type", "s3", "--link-path", path)
    assert refused.returncode == 2
    assert f"Error: Bad link: {path} does not exist" in refused.stderr
    etag = store.write(s3_settings.boot_images_bucket, f"{record['id']}/manifest.json", b'{"artifacts": []}')
    linked = ims(*update, "--link-type", "s3", "--link-path", path)
    assert linked.returncode == 0, linked.stderr
    assert json.loads(linked.stdout)["link"] == {"path": path, "etag": etag, "type": "s3"}


def test_metadata_is_set_and_removed_by_the_words_of_cray_ims(ims: Ims, image: Image) -> None:
    update = ("images", "update", image.id, "--format", "json", "--metadata-operation")
    done = ims(*update, "set", "--metadata-key", "k", "--metadata-value", "v")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metadata"] == {"k": "v"}
    assert json.loads(ims(*update, "remove", "--metadata-key", "k").stdout)["metadata"] == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing to change is given"),
        (["--metadata-operation", "set", "--metadata-value", "v"], "--metadata-key is missing"),
        (["--metadata-operation", "set", "--metadata-key", "k"], "--metadata-value of k is missing"),
        (["--metadata-operation", "add", "--metadata-key", "k", "--metadata-value", "v"], "operation: "),
    ],
)
def test_an_update_that_says_too_little_is_refused(options: list[str], words: str, ims: Ims, image: Image) -> None:
    refused = ims("images", "update", image.id, *options)
    assert refused.returncode == 2
    assert words in refused.stderr
