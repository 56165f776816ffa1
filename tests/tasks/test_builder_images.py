"""Tests of tasks/builder_images.py."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.image import Kiwi, builder_image_reference, ensure_builder_image
from builder.podman import has_image, podman
from config.settings import settings
from ingest.description import Description
from ingest.packing import pack_files
from tasks.builder_images import builder_image, find_builder_image, identity_of


@pytest.fixture(autouse=True)
def _settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("IMS_BUILDER_IMAGE", raising=False)
    monkeypatch.delenv("IMS_BUILDER_IMAGE_KIWI11", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def description(kiwi: Kiwi) -> Description:
    return Description(
        file="config.xml",
        name="a",
        schema_version={9: "6.8", 11: "8.0"}[kiwi],
        kiwi=kiwi,
        package_manager="dnf",
        repositories=[],
    )


def test_the_first_image_is_named_but_not_built() -> None:
    assert find_builder_image.fn(description(9)) == builder_image() == builder_image_reference()


@pytest.mark.parametrize(("kiwi", "image"), [(9, "localhost/first:1"), (11, "localhost/second:1")])
def test_finished_images_are_taken_each_for_its_kiwi(monkeypatch: pytest.MonkeyPatch, kiwi: Kiwi, image: str) -> None:
    monkeypatch.setenv("IMS_BUILDER_IMAGE", "localhost/first:1")
    monkeypatch.setenv("IMS_BUILDER_IMAGE_KIWI11", "localhost/second:1")
    settings.cache_clear()
    assert find_builder_image.fn(description(kiwi)) == image


@pytest.mark.containers
def test_the_second_image_is_there_once_it_is_found() -> None:
    image = find_builder_image.fn(description(11))
    assert image == ensure_builder_image(11) == builder_image_reference(11)
    assert has_image(image)


@pytest.mark.containers
def test_another_image_of_the_same_name_is_told_from_the_first(tmp_path: Path) -> None:
    name, archive = "localhost/ims-test-identity:1", tmp_path / "image.tar"
    identities, ids = [identity_of(name)], []
    assert identities == [f"{name} "]
    try:
        for text in (b"one", b"two"):
            archive.write_bytes(gzip.decompress(pack_files({"file": text})))
            ids.append(podman(["import", "--quiet", str(archive), name]).strip())
            identities.append(identity_of(name))
        assert len(set(identities)) == 3
    finally:
        podman(["rmi", "--force", *ids])
