"""flows/create_image.py, for real: S3, pods, kiwi, rpm and squashfs, on a recipe that builds in seconds."""

import hashlib
import io
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from storage.models.jobs import JobStatus
from storage.models.layout import artifact_key
from storage.models.manifest import ArtifactType, Manifest
from storage.models.records import new_id
from tests.flows.platforms import on_every_platform
from tests.flows.site import Site

pytestmark = pytest.mark.containers


def manifest_of(site: Site, image_id: str) -> Manifest:
    body, _ = site.store.read(site.boot_images_bucket, artifact_key(image_id, "manifest.json"))
    return Manifest.model_validate_json(body)


def assert_whole(site: Site, job_id: str) -> None:
    """Assert that the job made one image, that every byte of it is right, and that nothing else is left."""
    job = site.job(job_id)
    assert job.status is JobStatus.SUCCESS, job.diagnosis
    assert [image.id for image in site.images()] == [job.resultant_image_id]
    [image] = site.images()
    assert image.link is not None
    manifest_info = site.store.head(image.link.bucket, image.link.key)
    assert image.link.etag == manifest_info.etag
    for artifact in manifest_of(site, image.id).artifacts:
        body, info = site.store.read(artifact.link.bucket, artifact.link.key)
        assert artifact.link.etag == info.etag
        assert artifact.md5 == info.metadata["md5sum"] == hashlib.md5(body).hexdigest()
        assert info.metadata["sha256sum"] == hashlib.sha256(body).hexdigest()
    assert site.leftovers(job_id) == []


@on_every_platform
def test_a_recipe_becomes_an_image(site: Site, tmp_path: Path) -> None:
    job_id = new_id()
    assert site.run(job_id) == 0, site.runs[0].log.read_text()
    assert_whole(site, job_id)
    job = site.job(job_id)
    [image] = site.images()
    assert (image.name, image.arch) == ("tiny image", "x86_64")
    assert image.metadata == {"ims_job_id": job_id, "ims_recipe_id": site.recipe.id}
    assert len(job.repositories) == 1
    assert {Path(log.key).name for log in job.logs} == {"prepare.log", "package.log", "upload.log"}
    types = [artifact.type for artifact in manifest_of(site, image.id).artifacts]
    assert types == [ArtifactType.ROOTFS, ArtifactType.KERNEL, ArtifactType.INITRD]
    info = site.store.head(site.boot_images_bucket, artifact_key(image.id, "rootfs"))
    assert info.metadata["x-shasta-ims-image-name"] == "tiny image"
    assert info.metadata["x-shasta-ims-image-id"] == image.id
    assert info.metadata["x-shasta-ims-job-id"] == job_id
    rootfs = tmp_path / "rootfs"
    site.store.download(site.boot_images_bucket, artifact_key(image.id, "rootfs"), rootfs)
    listed = subprocess.run(["unsquashfs", "-l", rootfs], capture_output=True, text=True, check=True).stdout
    assert "squashfs-root/usr/bin/busybox" in listed
    assert "squashfs-root/boot/initrd" in listed


def test_a_job_that_has_succeeded_is_not_run_again(site: Site) -> None:
    job_id = new_id()
    assert site.run(job_id) == 0
    [image] = site.images()
    etag = site.store.head(site.boot_images_bucket, artifact_key(image.id, "rootfs")).etag
    assert site.run(job_id) == 0
    assert site.images() == [image]
    assert site.store.head(site.boot_images_bucket, artifact_key(image.id, "rootfs")).etag == etag
    assert site.leftovers(job_id) == []


def test_two_jobs_at_once_are_independent(site: Site) -> None:
    first, second = new_id(), new_id()
    runs = [site.start(first, image_root_archive_name="one"), site.start(second, image_root_archive_name="two")]
    assert [run.wait() for run in runs] == [0, 0], "".join(run.log.read_text() for run in runs)
    assert sorted(image.name for image in site.images()) == ["one", "two"]
    assert site.leftovers(first) == site.leftovers(second) == []


@on_every_platform
def test_a_build_that_fails_says_why_and_leaves_nothing(site: Site, tiny_recipe_archive: bytes) -> None:
    archive = with_text(
        tiny_recipe_archive, "config.xml", '<package name="bash"/>', '<package name="no-such-package"/>'
    )
    job_id = new_id()
    assert site.run(job_id, recipe_id=site.add_recipe(archive).id) == 1
    job = site.job(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert job.diagnosis.step == "prepare"
    assert "no-such-package" in job.diagnosis.summary + "".join(job.diagnosis.log_tail)
    [log] = job.logs
    body, _ = site.store.read(log.bucket, log.key)
    assert b"no-such-package" in body
    assert site.images() == []
    assert site.leftovers(job_id) == []


@on_every_platform
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM, as Prefect cancels"])
def test_a_cancelled_job_stops_its_pods_and_says_so(site: Site, number: signal.Signals) -> None:
    job_id = new_id()
    run = site.start(job_id)
    site.wait_for(lambda: job_id in site.runtime.jobs())
    run.interrupt(number)
    assert run.wait() != 0
    job = site.job(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert job.diagnosis.summary == "cancelled"
    assert site.images() == []
    assert site.leftovers(job_id) == []


@on_every_platform
def test_a_cancelled_run_whose_process_is_gone_is_put_in_order_by_the_hook(site: Site) -> None:
    job_id = new_id()
    run = site.start(job_id)
    site.wait_for(lambda: job_id in site.runtime.jobs())
    run.kill()
    run.wait()
    assert site.cancel(job_id) == 0
    diagnosis = site.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "cancelled"
    assert site.leftovers(job_id) == []


def test_the_job_of_other_parameters_is_not_continued(site: Site) -> None:
    job_id = new_id()
    assert site.run(job_id) == 0
    assert site.run(job_id, image_root_archive_name="another") == 1
    assert "asked for with other parameters" in site.runs[-1].log.read_text()
    assert [image.name for image in site.images()] == ["tiny image"]


def with_text(archive: bytes, name: str, old: str, new: str) -> bytes:
    """Return a recipe archive with a text in one of its files replaced."""
    changed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as source, tarfile.open(fileobj=changed, mode="w:gz") as target:
        for entry in source:
            file = source.extractfile(entry) if entry.isfile() else None
            body = file.read() if file else b""
            if entry.name.removeprefix("./") == name:
                assert old.encode() in body
                body = body.replace(old.encode(), new.encode())
                entry.size = len(body)
            target.addfile(entry, io.BytesIO(body))
    return changed.getvalue()
