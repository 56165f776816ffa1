"""storage/models/fields.py, models.py and job_models.py: what a user may say, and what a stored record may be."""

from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from config.refusals import refusals_of
from storage.models.changes import RecipeChanges
from storage.models.jobs import Job, JobStatus, JobType, NewJob
from storage.models.records import (
    MOST_TEMPLATE_VALUES,
    Image,
    Link,
    NewImage,
    NewPublicKey,
    NewRecipe,
    Recipe,
    Record,
)

RECIPE = {"name": "r", "linux_distribution": "debian12"}
ID = "0f2a7c1e-3f0b-4a55-9d0a-6a1f6a2f3b11"
JOB = {"job_type": "create", "artifact_id": ID, "public_key_id": ID, "image_root_archive_name": "n"}


def test_a_record_gets_an_id_and_a_time() -> None:
    image = Image(name="i")
    assert str(UUID(image.id)) == image.id
    assert UUID(image.id).version == 4
    assert image.created.tzinfo is not None


def test_an_id_is_kept_in_its_canonical_spelling() -> None:
    assert Image(id=ID.upper(), name="i").id == ID


def test_defaults_are_those_of_ims() -> None:
    recipe = Recipe.model_validate(RECIPE)
    assert (recipe.arch, recipe.require_dkms, recipe.template_dictionary, recipe.link) == ("x86_64", True, [], None)
    job = Job.model_validate(JOB)
    assert (job.job_type, job.status, job.build_env_size, job.job_mem_size) == (JobType.CREATE, "creating", 60, 8)
    assert (job.initrd_file_name, job.kernel_parameters_file_name) == ("initrd", "kernel-parameters")


def test_a_record_keeps_fields_it_does_not_know() -> None:
    assert Image.model_validate({"name": "i", "future": [1]}).model_dump()["future"] == [1]


def test_a_link_knows_its_bucket_and_key() -> None:
    link = Link(path="s3://boot-images/1/2/rootfs")
    assert (link.bucket, link.key) == ("boot-images", "1/2/rootfs")


def test_only_error_and_success_are_ends() -> None:
    assert {status for status in JobStatus if status.is_final} == {JobStatus.ERROR, JobStatus.SUCCESS}


@pytest.mark.parametrize(
    ("model", "said", "field"),
    [
        (NewImage, {"name": "i", "id": ID}, "id"),
        (NewImage, {"name": "i", "nmae": "x"}, "nmae"),
        (NewImage, {"name": ""}, "name"),
        (NewImage, {"name": " \t"}, "name"),
        (NewImage, {"name": "two\nlines"}, "name"),
        (NewImage, {"name": "\x1b[2J"}, "name"),
        (NewImage, {"name": "n" * 1025}, "name"),
        (NewImage, {"name": "i", "arch": "riscv64"}, "arch"),
        (NewImage, {"name": "i", "link": {"path": "http://x/y"}}, "link"),
        (NewImage, {"name": "i", "link": {"path": "s3://bucket"}}, "link"),
        (NewImage, {"name": "i", "link": {"path": "s3:///key"}}, "link"),
        (NewImage, {"name": "i", "link": {"path": "s3://b/k", "type": "ftp"}}, "link"),
        (NewRecipe, RECIPE | {"recipe_type": "docker"}, "recipe_type"),
        (NewRecipe, RECIPE | {"linux_distribution": "Rocky Linux"}, "linux_distribution"),
        (NewRecipe, RECIPE | {"linux_distribution": ""}, "linux_distribution"),
        (NewRecipe, RECIPE | {"linux_distribution": "sles15\n"}, "linux_distribution"),
        (NewRecipe, RECIPE | {"linux_distribution": "-sles15"}, "linux_distribution"),
        (NewRecipe, RECIPE | {"template_dictionary": [{"key": "a b", "value": ""}]}, "template_dictionary"),
        (
            NewRecipe,
            RECIPE | {"template_dictionary": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]},
            "template_dictionary",
        ),
        (NewJob, JOB | {"job_type": "destroy"}, "job_type"),
        (NewJob, JOB | {"artifact_id": "17"}, "artifact_id"),
        (NewJob, JOB | {"image_root_archive_name": ""}, "image_root_archive_name"),
        (NewJob, JOB | {"build_env_size": 0}, "build_env_size"),
        (NewJob, JOB | {"job_mem_size": -1}, "job_mem_size"),
        (NewJob, JOB | {"kernel_file_name": "../../etc/shadow"}, "kernel_file_name"),
        (NewJob, JOB | {"initrd_file_name": ".."}, "initrd_file_name"),
        (NewJob, JOB | {"kernel_parameters_file_name": ""}, "kernel_parameters_file_name"),
        (NewPublicKey, {"name": "k", "public_key": "garbage"}, "public_key"),
    ],
    ids=lambda value: None if isinstance(value, type) else str(value)[:60],
)
def test_what_makes_no_sense_is_refused_and_the_field_named(
    model: type[BaseModel], said: dict[str, object], field: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        model.model_validate(said)
    assert field in {str(problem["loc"][0]) if problem["loc"] else "" for problem in refusal.value.errors()}


@pytest.mark.parametrize("name", ["2024", "user: me", "Größe 日本語", "'; DROP TABLE", "${HOME} $(id)"])
def test_odd_names_are_names(name: str) -> None:
    assert NewImage(name=name).name == name


def test_one_field_says_in_which_collection_a_record_is() -> None:
    assert Record.model_validate({"collection": "deleted"}).collection == "deleted"


def entries(count: int, value: str = "") -> list[dict[str, str]]:
    return [{"key": f"k{number}", "value": value} for number in range(count)]


DICTIONARIES = {
    "more entries than any has": (entries(MOST_TEMPLATE_VALUES + 1), "has 1001 entries, more than 1000"),
    "as many that are wrong": ([{}] * 100_000, "has 100000 entries, more than 1000"),
    "more text than any has": (entries(17, "v" * 65536), "characters, more than 1048576"),
    "many keys twice": (entries(400) * 2, "names k0, k1, k10, k100, k101 and 395 others more than once"),
}


@pytest.mark.parametrize(("dictionary", "why"), DICTIONARIES.values(), ids=DICTIONARIES)
@pytest.mark.parametrize("model", [NewRecipe, RecipeChanges])
def test_a_template_dictionary_is_limited_by_a_short_message(
    model: type[BaseModel], dictionary: list[dict[str, str]], why: str
) -> None:
    given = RECIPE if model is NewRecipe else {}
    with pytest.raises(ValidationError) as refusal:
        model.model_validate(given | {"template_dictionary": dictionary})
    (line,) = refusals_of(refusal.value, "input")
    assert why in line
    assert len(line) < 200


def test_a_template_dictionary_may_be_as_large_as_the_limit() -> None:
    assert len(NewRecipe.model_validate(RECIPE | {"template_dictionary": entries(1000)}).template_dictionary) == 1000


def test_a_stored_recipe_stays_readable_whatever_its_dictionary_has() -> None:
    stored = Recipe.model_validate(RECIPE | {"template_dictionary": entries(1001, "v" * 2000)})
    assert len(stored.template_dictionary) == 1001
