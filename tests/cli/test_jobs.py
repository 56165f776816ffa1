"""`ims jobs`, as far as it gets without a Prefect server: what is wrong is said before anything is started."""

import json

import pytest

from storage.models.jobs import Job, JobType
from storage.models.records import Image, Link, PublicKey, Recipe, new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import Ims
from tests.cli.test_output import KEY


@pytest.fixture
def recipe(catalogue: Catalogue, store: ObjectStore, bucket: str) -> Recipe:
    etag = store.write(bucket, "recipe.tgz", b"x")
    link = Link(path=f"s3://{bucket}/recipe.tgz", etag=etag)
    return catalogue.recipes.create(Recipe(name="r", linux_distribution="debian12", link=link))


@pytest.fixture
def key(catalogue: Catalogue) -> PublicKey:
    return catalogue.public_keys.create(PublicKey(name="me", public_key=KEY))


def asked(recipe_id: str, key_id: str, *more: str) -> list[str]:
    return [
        *("jobs", "create", "--job-type", "create", "--artifact-id", recipe_id, "--public-key-id", key_id),
        *("--image-root-archive-name", "image", *more),
    ]


def test_an_unknown_recipe_is_refused(ims: Ims, key: PublicKey) -> None:
    unknown = new_id()
    refused = ims(*asked(unknown, key.id))
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: Not found:")
    assert unknown in refused.stderr


def test_an_unknown_key_is_refused(ims: Ims, recipe: Recipe) -> None:
    unknown = new_id()
    refused = ims(*asked(recipe.id, unknown))
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: Not found:")
    assert unknown in refused.stderr


def test_a_recipe_without_an_archive_is_refused(ims: Ims, key: PublicKey, catalogue: Catalogue) -> None:
    recipe = catalogue.recipes.create(Recipe(name="empty", linux_distribution="debian12"))
    refused = ims(*asked(recipe.id, key.id))
    assert refused.returncode == 2
    assert f"recipe {recipe.id} (empty) has no archive" in refused.stderr


def test_a_recipe_whose_archive_is_gone_is_refused(
    ims: Ims, recipe: Recipe, key: PublicKey, store: ObjectStore, bucket: str
) -> None:
    store.delete(bucket, "recipe.tgz")
    refused = ims(*asked(recipe.id, key.id))
    assert refused.returncode == 2
    assert f"s3://{bucket}/recipe.tgz" in refused.stderr


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["--initrd-file-name", "boot/initrd"], "initrd_file_name"),
        (["--kernel-file-name", ".."], "kernel_file_name"),
        (["--image-root-archive-name", " "], "image_root_archive_name"),
        (["--build-env-size", "0"], "--build-env-size"),
        (["--job-mem-size", "much"], "--job-mem-size"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_field_out_of_its_range_is_named(
    options: list[str], field: str, ims: Ims, recipe: Recipe, key: PublicKey
) -> None:
    refused = ims(*asked(recipe.id, key.id, *options))
    assert refused.returncode == 2
    assert field in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("job_type", "options", "said"),
    [
        ("create", ["--jail"], "ssh_containers are of customize jobs"),
        ("customize", ["--ssh-containers-name", "a,b"], "more than one shell"),
        ("customize", ["--ssh-containers-jail", "maybe"], "--ssh-containers-jail is maybe"),
        ("customize", ["--ssh-containers-name", "a b"], "ssh_containers.0.name"),
        ("customize", ["--profile", "p"], "profiles are of recipes"),
        ("customize", [], "has no manifest"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and value else "",
)
def test_a_shell_that_cannot_be_is_refused(
    job_type: str, options: list[str], said: str, ims: Ims, recipe: Recipe, key: PublicKey, catalogue: Catalogue
) -> None:
    image = catalogue.images.create(Image(name="without a manifest"))
    artifact = recipe if job_type == "create" else image
    refused = ims(*asked(artifact.id, key.id, "--job-type", job_type, *options))
    assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
    assert catalogue.jobs.list() == []


def test_a_job_without_a_shell_takes_no_orders(ims: Ims, recipe: Recipe, key: PublicKey, catalogue: Catalogue) -> None:
    job = catalogue.jobs.create(
        Job(job_type=JobType.CREATE, artifact_id=recipe.id, public_key_id=key.id, image_root_archive_name="image")
    )
    for command in ("complete", "abort", "extend"):
        refused = ims("jobs", command, job.id)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"Error: Conflict: no shell of job {job.id} is open: it is creating")
    assert ims("jobs", "complete", new_id()).returncode == 2
    assert "is not a duration" in ims("jobs", "extend", job.id, "--by", "long").stderr


@pytest.mark.slow
def test_without_a_prefect_server_the_user_is_told_how_to_get_one(
    ims: Ims, recipe: Recipe, key: PublicKey, catalogue: Catalogue
) -> None:
    refused = ims(*asked(recipe.id, key.id))
    assert refused.returncode == 2
    assert "no Prefect server is configured" in refused.stderr
    assert catalogue.jobs.list() == []


@pytest.mark.slow
def test_a_prefect_server_that_is_gone_is_our_fault(
    ims: Ims, recipe: Recipe, key: PublicKey, catalogue: Catalogue, environment: dict[str, str]
) -> None:
    environment["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    failed = ims(*asked(recipe.id, key.id))
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: Unreachable: the Prefect server http://127.0.0.1:9/api")
    assert "Traceback" not in failed.stderr
    assert catalogue.jobs.list() == []


def test_jobs_are_listed_and_described(ims: Ims, recipe: Recipe, key: PublicKey, catalogue: Catalogue) -> None:
    job = catalogue.jobs.create(
        Job(
            job_type=JobType.CREATE,
            artifact_id=recipe.id,
            public_key_id=key.id,
            image_root_archive_name="image",
        )
    )
    described = json.loads(ims("jobs", "describe", job.id, "--format", "json").stdout)
    assert described["id"] == job.id
    assert described["status"] == "creating"
    assert json.loads(ims("jobs", "list", "--format", "json").stdout) == [described]
