"""A recipe of a newer schema, from the archive to the image: built by kiwi 11, in the second builder image."""

import pytest

from storage.models.jobs import JobStatus
from storage.models.layout import artifact_key
from storage.models.manifest import Manifest
from storage.models.records import new_id
from tests.flows.site import Site
from tests.flows.test_create_image import with_text

pytestmark = pytest.mark.containers


def test_a_recipe_of_schema_8_becomes_an_image(site: Site, tiny_recipe_archive: bytes) -> None:
    archive = with_text(tiny_recipe_archive, "config.xml", 'schemaversion="6.8"', 'schemaversion="8.0"')
    job_id = new_id()
    assert site.run(job_id, recipe_id=site.add_recipe(archive).id) == 0, site.runs[0].log.read_text()
    job = site.job(job_id)
    assert job.status is JobStatus.SUCCESS
    log = next(log for log in job.logs if log.key.endswith("prepare.log"))
    body, _ = site.store.read(log.bucket, log.key)
    assert b"building the image root with kiwi-ng 11.1.6" in body
    manifest, _ = site.store.read(site.boot_images_bucket, artifact_key(job.resultant_image_id or "", "manifest.json"))
    assert len(Manifest.model_validate_json(manifest).artifacts) == 3
    assert site.leftovers(job_id) == []


def test_a_schema_that_no_kiwi_here_reads_is_refused_before_any_pod(site: Site, tiny_recipe_archive: bytes) -> None:
    archive = with_text(tiny_recipe_archive, "config.xml", 'schemaversion="6.8"', 'schemaversion="8.6"')
    job_id = new_id()
    assert site.run(job_id, recipe_id=site.add_recipe(archive).id) == 1
    diagnosis = site.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "config.xml, line 2: schemaversion 8.6 is not supported"
    assert diagnosis.resolution == "kiwi 9.24 reads 1.4 to 7.5, kiwi 11 reads 7.4 to 8.5"
    assert site.job(job_id).logs == []


def test_a_finished_image_that_a_setting_names_is_taken_for_the_step_that_needs_it(
    site: Site, tiny_recipe_archive: bytes
) -> None:
    site.environment["IMS_BUILDER_IMAGE_KIWI11"] = "localhost/of-the-site:1"
    archive = with_text(tiny_recipe_archive, "config.xml", 'schemaversion="6.8"', 'schemaversion="8.0"')
    job_id = new_id()
    assert site.run(job_id, recipe_id=site.add_recipe(archive).id) == 1
    diagnosis = site.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.step == "prepare"
    assert "localhost/of-the-site:1" in diagnosis.summary
    # The first image serves the first kiwi as before.
    other = new_id()
    assert site.run(other) == 0, site.runs[-1].log.read_text()
