"""What the flow refuses before any pod starts, and what the job's record then says."""

import pytest

from storage.models.jobs import JobStatus
from storage.models.records import Recipe, new_id
from tests.flows.site import Site

pytestmark = pytest.mark.containers


def refused(site: Site, **parameters: object) -> str:
    """Run a job that must be refused, and return the reason in its record."""
    job_id = new_id()
    assert site.run(job_id, **parameters) == 1
    job = site.job(job_id)
    assert job.status is JobStatus.ERROR
    assert job.diagnosis is not None
    assert job.logs == [], "a pod was started"
    assert site.leftovers(job_id) == []
    assert site.images() == []
    return job.diagnosis.summary


def test_an_unknown_recipe(site: Site) -> None:
    unknown = new_id()
    assert f"recipe {unknown}" in refused(site, recipe_id=unknown)


def test_an_unknown_public_key(site: Site) -> None:
    unknown = new_id()
    assert f"public key {unknown}" in refused(site, public_key_id=unknown)


def test_a_recipe_without_archive(site: Site) -> None:
    recipe = site.catalogue.recipes.create(Recipe(name="empty", linux_distribution="sles15"))
    assert "has no archive" in refused(site, recipe_id=recipe.id)


def test_a_recipe_whose_archive_is_gone(site: Site, tiny_recipe_archive: bytes) -> None:
    recipe = site.add_recipe(tiny_recipe_archive)
    assert recipe.link is not None
    site.store.delete(recipe.link.bucket, recipe.link.key)
    assert recipe.link.key in refused(site, recipe_id=recipe.id)


def test_a_recipe_whose_archive_was_replaced(site: Site, tiny_recipe_archive: bytes) -> None:
    recipe = site.add_recipe(tiny_recipe_archive)
    assert recipe.link is not None
    site.store.write(recipe.link.bucket, recipe.link.key, b"something else")
    assert recipe.link.etag in refused(site, recipe_id=recipe.id)


def test_an_archive_that_is_none(site: Site) -> None:
    assert "tar" in refused(site, recipe_id=site.add_recipe(b"not an archive").id)


def test_a_template_variable_without_a_value(site: Site, tiny_recipe_archive: bytes) -> None:
    recipe = site.add_recipe(tiny_recipe_archive, template_dictionary=[{"key": "other", "value": "x"}])
    summary = refused(site, recipe_id=recipe.id)
    assert "config.xml" in summary
    assert "repository" in summary


def test_a_repository_that_never_answers(site: Site, tiny_recipe_archive: bytes) -> None:
    silent = "http://127.0.0.1:1/silent"
    recipe = site.add_recipe(tiny_recipe_archive, template_dictionary=[{"key": "repository", "value": silent}])
    summary = refused(site, recipe_id=recipe.id)
    assert f"{silent}/repodata/repomd.xml" in summary
    assert "refused" in summary


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"image_root_archive_name": "a\nb"}, "image_root_archive_name"),
        ({"kernel_file_name": "../vmlinuz"}, "kernel_file_name"),
        ({"build_env_size": 0}, "build_env_size"),
        ({"recipe_id": "not-an-id"}, "recipe_id: Value error, must be an id"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_parameter_out_of_its_range_is_named_and_makes_no_job(
    site: Site, parameters: dict[str, object], named: str
) -> None:
    job_id = new_id()
    assert site.run(job_id, **parameters) == 1
    assert named in site.runs[-1].log.read_text()
    assert site.catalogue.jobs.list(None) == []
