"""tasks/contexts.py: what the pods are given."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from storage.models import Job, JobType, new_id
from tasks.contexts import options, pack


@pytest.fixture
def description(tmp_path: Path) -> Path:
    folder = tmp_path / "description"
    (folder / "root/etc").mkdir(parents=True)
    (folder / "config.xml").write_text("<image/>")
    (folder / "config.sh").write_text("#!/bin/sh\n")
    (folder / "config.sh").chmod(0o755)
    (folder / "root/etc/link").symlink_to("/usr/lib/systemd/system/multi-user.target")
    return folder


def names(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: entry for entry in tar}


def test_modes_and_links_are_kept(description: Path) -> None:
    entries = names(pack(description, {}))
    assert entries["description/config.sh"].mode & 0o777 == 0o755
    assert entries["description/root/etc/link"].linkname == "/usr/lib/systemd/system/multi-user.target"


def test_owners_and_times_are_left_out(description: Path) -> None:
    os.utime(description / "config.xml", (1, 2))
    entries = names(pack(description, {})).values()
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries} == {(0, 0, 0)}


def test_the_same_description_packs_to_the_same_bytes(description: Path) -> None:
    first = pack(description, {"b": 1, "a": 2})
    os.utime(description / "config.xml", (1, 2))
    assert pack(description, {"a": 2, "b": 1}) == first


def test_the_options_come_as_json(description: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(description, {"arch": "x86_64"}))) as tar:
        member = tar.extractfile("step.json")
        assert member is not None
        assert json.load(member) == {"arch": "x86_64"}


def test_the_programs_get_the_names_that_the_job_asks_for() -> None:
    job = Job.model_validate(
        {
            "job_type": JobType.CREATE,
            "artifact_id": new_id(),
            "public_key_id": new_id(),
            "image_root_archive_name": "x",
            "kernel_file_name": "bzImage",
        }
    )
    chosen = options(job)
    assert (chosen["kernel_file_name"], chosen["initrd_file_name"]) == ("bzImage", "initrd")
    assert chosen["epoch"] == int(job.created.timestamp())
