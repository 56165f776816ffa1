"""`ims backup` and `ims restore`, as an administrator runs them."""

import json
from pathlib import Path

from config.settings import Settings
from storage.models.records import Image, Link
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import Ims


def test_what_was_removed_comes_back(ims: Ims, catalogue: Catalogue, tmp_path: Path) -> None:
    kept, lost = (catalogue.images.create(Image(name=name)) for name in ("kept", "lost"))
    folder = str(tmp_path / "backup")
    made = ims("backup", folder)
    assert (made.returncode, made.stdout) == (
        0,
        f"{folder}: 0 public-keys, 0 recipes, 2 images, 0 jobs, 0 remote-build-nodes\n",
    )
    assert ims("backup", folder).returncode == 2
    catalogue.images.remove(lost.id)
    dry = ims("restore", folder, "--dry-run", "--format", "json")
    assert dry.stderr == "1 taken, 1 already there (dry run: nothing was written)\n"
    assert {each["id"]: each["verdict"] for each in json.loads(dry.stdout)} == {
        kept.id: "already there",
        lost.id: "taken",
    }
    assert catalogue.images.list() == [kept]
    assert ims("restore", folder).stderr == "1 taken, 1 already there\n"
    assert catalogue.images.list() == [kept, lost]


def test_everything_comes_back_with_artifacts(
    ims: Ims, catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, tmp_path: Path
) -> None:
    bucket = s3_settings.boot_images_bucket
    etag = store.write(bucket, "x/manifest.json", b"{}")
    link = Link(path=f"s3://{bucket}/x/manifest.json", etag=etag)
    image = catalogue.images.create(Image(name="it", link=link))
    made = ims("backup", str(tmp_path / "all"), "--artifacts")
    assert made.stdout.endswith(" 1 objects\n")
    store.delete(bucket, "x/manifest.json")
    catalogue.images.remove(image.id)
    assert ims("restore", str(tmp_path / "all")).stderr == "2 taken\n"
    assert store.head(bucket, "x/manifest.json").etag == etag
    assert catalogue.images.list() == [image]


def test_what_differs_stays_and_ends_with_2(ims: Ims, catalogue: Catalogue, tmp_path: Path) -> None:
    image = catalogue.images.create(Image(name="it"))
    folder = str(tmp_path / "backup")
    assert ims("backup", folder).returncode == 0
    changed = catalogue.images.change(image.id, lambda it: it.model_copy(update={"arch": "aarch64"}))
    refused = ims("restore", folder)
    assert (refused.returncode, refused.stderr) == (2, "1 in conflict\n")
    assert image.id in refused.stdout
    assert catalogue.images.get(image.id) == changed
