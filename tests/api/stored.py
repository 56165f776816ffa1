"""Records and objects that tests of the API work on."""

from datetime import UTC, datetime
from typing import Any

import httpx

from config.settings import Settings
from storage.models.jobs import Job, JobType
from storage.models.layout import recipe_key
from storage.models.records import Image, Link, PublicKey, Recipe, new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.tasks.deleting import make_image

# ecdsa-sha2-nistp256, as the cluster's configuration service makes them.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv me"
PROBLEM = "application/problem+json"


def assert_problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Assert that an answer is a problem of a status, whose detail has the words; return it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem.keys() - {"errors"} == {"type", "status", "title", "detail"}
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"], problem
    assert "Traceback" not in answer.text
    return problem


def one_of_each(records: Catalogue, store: ObjectStore, where: Settings) -> dict[str, PublicKey | Recipe | Image | Job]:
    """Store a record of each kind, by the path of its collection."""
    key = records.public_keys.create(PublicKey(name="me", public_key=KEY))
    recipe = stored_recipe(records, store, where)
    image = make_image(store, records, where.boot_images_bucket)
    job = records.jobs.create(
        Job(
            job_type=JobType.CREATE,
            artifact_id=recipe.id,
            public_key_id=key.id,
            image_root_archive_name="new",
            created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        )
    )
    return {"public-keys": key, "recipes": recipe, "images": image, "jobs": job}


def stored_recipe(records: Catalogue, store: ObjectStore, where: Settings) -> Recipe:
    """Store a recipe with its archive."""
    recipe_id = new_id()
    key = recipe_key(recipe_id, "recipe.tgz")
    etag = store.write(where.bucket, key, b"archive", metadata={"md5sum": "m"})
    link = Link(path=f"s3://{where.bucket}/{key}", etag=etag)
    return records.recipes.create(Recipe(id=recipe_id, name="recipe", linux_distribution="sles15", link=link))
