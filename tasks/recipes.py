"""Recipes: fetched, unpacked, rendered and read, before anything of them runs."""

import logging
import shutil
from pathlib import Path

from builder.kiwi_packages import kiwi_packages
from config.site import read_site
from errors import BadInput, NotFound
from ingest.description import Description
from ingest.recipe import read_description, render_recipe, unpack_recipe
from storage.models.jobs import Job, JobStatus
from storage.models.records import Recipe
from storage.records.catalogue import catalogue
from storage.records.public_keys import ssh_key_of_job
from storage.s3.objects import object_store
from tasks.jobs import report
from tasks.retries import retryable
from tasks.workspaces import fresh, ingest_limits, scratch

logger = logging.getLogger(__name__)


@retryable
def find_recipe(job: Job) -> Recipe:
    """Look up the job's recipe and public key.

    Raises:
        NotFound: Either is unknown.
        BadInput: The recipe has no link, or is not one that this service builds; or the shells do not take the key.
    """
    recipe = catalogue().recipes.available(job.artifact_id)
    ssh_key_of_job(catalogue(), job)
    if recipe.link is None:
        raise BadInput(
            f"recipe {recipe.id} ({recipe.name}) has no archive",
            resolution=f"upload one with `ims recipes update {recipe.id} --file FOLDER_OR_TGZ`",
        )
    if recipe.recipe_type != "kiwi-ng":
        raise BadInput(f"recipe {recipe.id} is of type {recipe.recipe_type}", resolution="give a kiwi-ng recipe")
    return recipe


@retryable
def fetch_recipe(recipe: Recipe, job: Job) -> Path:
    """Download a recipe's archive and check it against the link's etag.

    Safe to repeat: the archive is written beside its final name and renamed when whole.

    Raises:
        NotFound: The archive is gone.
        Conflict: The object's etag is not the one that was linked.
        Corrupt: What came is not what was stored.
    """
    report(job, status=JobStatus.FETCHING_RECIPE)
    if recipe.link is None:
        raise NotFound(f"recipe {recipe.id} has no archive")
    archive = _archive(job)
    fetched = object_store().download(recipe.link.bucket, recipe.link.key, archive, etag=recipe.link.etag)
    logger.info("fetched %s: %d bytes, sha256 %s", recipe.link.path, fetched.size, fetched.sha256)
    return archive


@retryable
def untar_recipe(archive: Path, job: Job) -> Path:
    """Unpack a recipe's archive into the job's scratch folder.

    Raises:
        BadInput: The archive is not one, or holds what a recipe must not hold; the entry is named.
    """
    folder = fresh(scratch(job.id) / "recipe")
    unpack_recipe(archive, folder, ingest_limits(archive))
    return folder


@retryable
def render_description(unpacked: Path, recipe: Recipe, job: Job) -> Description:
    """Render a copy of the recipe with its dictionary, and read the description that results.

    Safe to repeat: what was unpacked stays as it came.

    Raises:
        BadInput: A template or the description is refused; file and line are named.
    """
    folder = fresh(description_folder(job))
    shutil.copytree(unpacked, folder, symlinks=True)
    dictionary = {entry.key: entry.value for entry in recipe.template_dictionary}
    limits = ingest_limits(_archive(job))
    rendered = render_recipe(folder, dictionary, limits)
    logger.info("rendered %s", ", ".join(rendered) or "nothing: the recipe has no templates")
    description = read_description(
        folder,
        limits,
        kiwi_packages,
        profiles=job.profiles,
        arch=job.arch,
        replaced=read_site().replace_repositories,
    )
    logger.info(
        "schema %s, kiwi %d, profiles: %s",
        description.schema_version,
        description.kiwi,
        ", ".join(description.applying_profiles) or "none",
    )
    return description


def _archive(job: Job) -> Path:
    return scratch(job.id) / "recipe.tgz"


def description_folder(job: Job) -> Path:
    """Return where the job's rendered description lies."""
    return scratch(job.id) / "description"
