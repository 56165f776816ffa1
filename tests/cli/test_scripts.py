"""`ims scripts`, and how jobs name scripts and playbooks."""

import hashlib
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from storage.models.records import Link, PublicKey, new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import Ims
from tests.flows.site import PUBLIC_KEY

TEXT = b"#!/bin/sh\necho changed\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "harden.sh"
    file.write_bytes(TEXT)
    return file


def uploaded(ims: Ims, *arguments: str) -> Link:
    ran = ims("scripts", "upload", *arguments)
    assert ran.returncode == 0, ran.stderr
    return Link(path=ran.stdout.strip())


def test_a_script_is_found_by_an_address_that_stands_for_its_content(
    ims: Ims, script: Path, store: ObjectStore, bucket: str
) -> None:
    link = uploaded(ims, str(script))
    assert link.path == f"s3://{bucket}/scripts/{hashlib.sha256(TEXT).hexdigest()}/harden.sh"
    assert store.read(link.bucket, link.key)[0] == TEXT
    before = store.head(link.bucket, link.key)
    assert uploaded(ims, str(script)) == link
    assert store.head(link.bucket, link.key) == before
    script.write_bytes(TEXT + b"echo more\n")
    assert uploaded(ims, str(script)) != link


def test_a_folder_becomes_an_archive(ims: Ims, script: Path, store: ObjectStore) -> None:
    folder = script.parent / "play"
    (folder / "roles").mkdir(parents=True)
    (folder / "site.yml").write_text("[]")
    (folder / "roles/x").write_text("x")
    link = uploaded(ims, str(folder))
    assert link.key.endswith("/play.tgz")
    with tarfile.open(fileobj=BytesIO(store.read(link.bucket, link.key)[0])) as tar:
        assert tar.getnames() == ["roles", "roles/x", "site.yml"]
    assert uploaded(ims, str(folder)) == link


@pytest.mark.parametrize(("named", "said"), [("/nowhere", "/nowhere is neither a file nor a folder"), ("/", "/ holds")])
def test_what_is_no_script_is_refused(ims: Ims, named: str, said: str) -> None:
    ran = ims("scripts", "upload", named)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr


def create(ims: Ims, catalogue: Catalogue, *arguments: str, job_type: str = "customize") -> tuple[int, str]:
    """Ask for a job of an image that is not there: what is said of the arguments comes first."""
    key = catalogue.public_keys.create(PublicKey(name="me", public_key=PUBLIC_KEY))
    ran = ims(
        *("jobs", "create", "--job-type", job_type, "--artifact-id", new_id(), "--public-key-id", key.id),
        *("--image-root-archive-name", "x", *arguments),
    )
    return ran.returncode, ran.stderr


REFUSED = {
    "both": (("--script", "{file}", "--playbook", "{file}"), "customize", "--script and --playbook are both given"),
    "a shell, too": (("--script", "{file}", "--jail"), "customize", "a script or a playbook opens no shell"),
    "no image": (("--script", "{file}"), "create", "script, playbook and rebuild_initrd are of customize jobs"),
    "an entry of nothing": (("--script-entry", "x"), "customize", "script_entry is given without a script"),
    "an entry outside": (("--script", "{file}", "--script-entry", "../x"), "customize", "inside the archive"),
    "an address of nothing": (("--script", "s3://{bucket}/scripts/x"), "customize", "scripts/x: no such object"),
    "two entries": (
        ("--playbook", "{file}.yml", "--script-entry", "x"),
        "customize",
        "both name the file to begin with",
    ),
}


@pytest.mark.parametrize(("arguments", "job_type", "said"), REFUSED.values(), ids=REFUSED)
def test_what_a_job_cannot_do_without_a_user_is_refused_at_once(
    ims: Ims, catalogue: Catalogue, script: Path, bucket: str, arguments: tuple[str, ...], job_type: str, said: str
) -> None:
    Path(f"{script}.yml").write_text("[]")
    given = [argument.format(file=script, bucket=bucket) for argument in arguments]
    code, told = create(ims, catalogue, *given, job_type=job_type)
    assert (code, said in told) == (2, True), told
    assert catalogue.jobs.list(None) == []


def test_the_folder_of_a_playbooks_file_goes_along(
    ims: Ims, catalogue: Catalogue, tmp_path: Path, store: ObjectStore, bucket: str
) -> None:
    folder = tmp_path / "play"
    folder.mkdir()
    for name in ("other.yml", "vars.yml"):
        (folder / name).write_text("[]")
    _, told = create(ims, catalogue, "--playbook", str(folder / "other.yml"))
    assert f"uploading the playbook's folder {folder} with all its files" in told
    assert [key.rpartition("/")[2] for key in store.keys(bucket, "scripts/")] == ["play.tgz"]
