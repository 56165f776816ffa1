"""The manifest's format is that of the Cray Image Management Service."""

import json

import pytest
from pydantic import ValidationError

from storage.models.manifest import Artifact, ArtifactType, Manifest
from storage.models.records import Link

ROOTFS = {
    "link": {"path": "s3://boot-images/1/rootfs", "etag": "e", "type": "s3"},
    "type": "application/vnd.cray.image.rootfs.squashfs",
    "md5": "0" * 32,
}


def test_a_manifest_is_written_in_the_form_that_boot_services_read() -> None:
    artifact = Artifact(link=Link(path="s3://boot-images/1/rootfs", etag="e"), type=ArtifactType.ROOTFS, md5="0" * 32)
    written = json.loads(Manifest(artifacts=[artifact]).model_dump_json())
    assert written["version"] == "1.0"
    assert written["artifacts"] == [ROOTFS]


def test_fields_of_other_releases_survive_reading_and_writing() -> None:
    foreign = {"version": "1.0", "created": "2024-01-01T00:00:00Z", "artifacts": [ROOTFS | {"sha256": "x"}], "more": 1}
    written = json.loads(Manifest.model_validate(foreign).model_dump_json())
    assert (written["artifacts"][0]["sha256"], written["more"]) == ("x", 1)


@pytest.mark.parametrize(
    "manifest",
    [
        {"version": "2.0", "artifacts": []},
        {"version": "1.0"},
        {"version": "1.0", "artifacts": [ROOTFS | {"type": "application/zip"}]},
        {"version": "1.0", "artifacts": [ROOTFS | {"link": {"path": "/rootfs"}}]},
    ],
    ids=["another version", "no artifacts", "unknown media type", "link that is no S3 address"],
)
def test_what_is_no_manifest_is_refused(manifest: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest)
