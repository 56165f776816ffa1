"""The manifest's format is that of the Cray Image Management Service."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
        {"version": "1.0", "artifacts": [ROOTFS | {"type": "two\nlines"}]},
        {"version": "1.0", "artifacts": [ROOTFS | {"type": None}]},
        {"version": "1.0", "artifacts": [ROOTFS | {"link": {"path": "/rootfs"}}]},
    ],
    ids=["another version", "no artifacts", "a type of two lines", "no type", "link that is no S3 address"],
)
def test_what_is_no_manifest_is_refused(manifest: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest)


ETAG, MD5 = "0f343b0931126a20f133d67c2b018a3b", "94165af4373e5ace3e817eb4baba2284"
# How clients write an etag, an md5 and a time, and what is read.
ETAGS: dict[Any, str] = {None: "", "": "", f'"{ETAG}"': ETAG, ETAG: ETAG, f'W/"{ETAG}"': ETAG, f"{ETAG}-5": f"{ETAG}-5"}
MD5S: dict[Any, str] = {None: "", "": "", MD5: MD5, MD5.upper(): MD5, f" {MD5}\n": MD5}
TYPES = [*ArtifactType, "application/vnd.cray.image.rootfs.ext4", "application/octet-stream"]
TIMES = ["2024-01-14 03:17:14", "2024-01-14T03:17:14.5+01:00", None, "yesterday"]


@settings(max_examples=60)
@given(
    artifacts=st.lists(
        st.tuples(
            st.sampled_from(list(ETAGS)),
            st.sampled_from(list(MD5S)),
            st.sampled_from(TYPES),
            st.sets(st.sampled_from(["etag", "link type", "md5"])),
        ),
        max_size=4,
    ),
    created=st.sampled_from(TIMES),
    version=st.sampled_from(["1.0", 1.0]),
    beginning=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_a_manifest_is_read_as_clients_write_it(
    artifacts: list[tuple[Any, Any, str, set[str]]], created: Any, version: Any, beginning: bytes
) -> None:
    """Whatever way an etag, an md5 or a time is written, or left out: none is lost, and none makes it unreadable."""
    written = []
    for number, (etag, md5, type_, left_out) in enumerate(artifacts):
        link = {"path": f"s3://b/{number}", "etag": etag, "type": None if "link type" in left_out else "s3", "size": 1}
        link = {name: value for name, value in link.items() if name not in left_out}
        written.append({"link": link, "type": type_, **({} if "md5" in left_out else {"md5": md5})})
    body = json.dumps({"version": version, "created": created, "artifacts": written}).encode()
    read = Manifest.parse(beginning + body)
    for number, (artifact, (etag, md5, type_, left_out)) in enumerate(zip(read.artifacts, artifacts, strict=True)):
        assert artifact.link == Link(path=f"s3://b/{number}", etag="" if "etag" in left_out else ETAGS[etag])
        assert artifact.md5 == ("" if "md5" in left_out else MD5S[md5])
        assert artifact.type == type_
        assert isinstance(artifact.type, ArtifactType) is (type_ in list(ArtifactType))
    # What was read can be written and read again.
    assert Manifest.parse(read.model_dump_json().encode()).artifacts == read.artifacts


def test_the_manifest_of_the_field_is_read() -> None:
    body = (
        b'{"version": "1.0", "created": "2024-01-14 03:17:14", "artifacts": [{"link": {"path": "s3://boot-images/'
        b'd88521c3-b339-43bc-afda-afdfda126399/rootfs", "etag": null, "type": "s3"}, "md5": '
        b'"94165af4373e5ace3e817eb4baba2284", "type": "application/vnd.cray.image.rootfs.squashfs"}]}'
    )
    read = Manifest.parse(body)
    assert (read.artifacts[0].link.etag, read.artifacts[0].type) == ("", ArtifactType.ROOTFS)
    assert isinstance(read.created, datetime)
    assert read.created.replace(tzinfo=UTC) == datetime(2024, 1, 14, 3, 17, 14, tzinfo=UTC)
