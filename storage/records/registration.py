"""Registering recipes and images, and changing what may change of them: the rules of every way in.

A refused request changes nothing: everything is checked before the one conditional write.
"""

from collections.abc import Callable
from typing import Any

from errors import Conflict, NotFound
from storage.models.changes import ImageChanges, JobUpdate, MetadataChange, RecipeChanges
from storage.models.jobs import Job
from storage.models.records import Image, NewImage, NewRecipe, Recipe, new_id
from storage.records.catalogue import Catalogue
from storage.records.links import BadLink, archive_link, is_new_link, manifest_link
from storage.s3.objects import ObjectStore


def register_recipe(store: ObjectStore, catalogue: Catalogue, wanted: NewRecipe, recipe_id: str = "") -> Recipe:
    """Store the record of a recipe, and return it.

    Args:
        store: The object store.
        catalogue: The catalogue.
        wanted: The recipe; its link may be set later.
        recipe_id: Its id; a new one when left out.

    Raises:
        BadLink: Its archive does not exist, or another recipe has it.
        Conflict: Its archive has another etag.
    """
    recipe_id = recipe_id or new_id()
    link = wanted.link and archive_link(store, catalogue, wanted.link, recipe_id)
    return catalogue.recipes.create(Recipe(**wanted.model_dump(exclude={"link"}), id=recipe_id, link=link))


def register_image(store: ObjectStore, catalogue: Catalogue, wanted: NewImage, image_id: str = "") -> Image:
    """Store the record of an image, and return it.

    Args:
        store: The object store.
        catalogue: The catalogue.
        wanted: The image; its link, which leads to its manifest, may be set later.
        image_id: Its id; a new one when left out.

    Raises:
        BadLink: Its manifest does not exist or is not valid, or another image has it.
        Conflict: Its manifest has another etag.
    """
    image_id = image_id or new_id()
    link = wanted.link and manifest_link(store, catalogue, wanted.link, image_id)
    return catalogue.images.create(Image(**wanted.model_dump(exclude={"link"}), id=image_id, link=link))


def change_recipe(
    store: ObjectStore,
    catalogue: Catalogue,
    recipe_id: str,
    changes: RecipeChanges,
    precondition: Callable[[Recipe], None] = lambda _: None,
) -> Recipe:
    """Change a recipe that is not deleted, and return it as it is stored then.

    Args:
        store: The object store.
        catalogue: The catalogue.
        recipe_id: The recipe.
        changes: What is changed of it. A dictionary replaces the one before.
        precondition: Raises what keeps the stored record from being changed.

    Raises:
        NotFound: There is no such recipe, or it is deleted.
        BadLink, Conflict: As `register_recipe`; Conflict, too, when it has another link.
    """
    link = changes.link
    if link and is_new_link(catalogue.recipes.available(recipe_id), link):
        link = archive_link(store, catalogue, link, recipe_id)

    def change(recipe: Recipe) -> Recipe:
        precondition(recipe)
        fields: dict[str, Any] = {
            "arch": changes.arch or recipe.arch,
            "link": link if is_new_link(recipe, link) else recipe.link,
        }
        if changes.require_dkms is not None:
            fields["require_dkms"] = changes.require_dkms
        if changes.template_dictionary is not None:
            fields["template_dictionary"] = changes.template_dictionary
        return recipe.model_copy(update=fields)

    return catalogue.recipes.change_available(recipe_id, change)


def change_image(
    store: ObjectStore,
    catalogue: Catalogue,
    image_id: str,
    changes: ImageChanges,
    precondition: Callable[[Image], None] = lambda _: None,
) -> Image:
    """Change an image that is not deleted, and return it as it is stored then.

    Args:
        store: The object store.
        catalogue: The catalogue.
        image_id: The image.
        changes: What is changed of it; the metadata that they do not name stays.
        precondition: Raises what keeps the stored record from being changed.

    Raises:
        NotFound: There is no such image, or it is deleted.
        BadLink, Conflict: As `register_image`; Conflict, too, when it has another link.
    """
    link = changes.link
    if link and is_new_link(catalogue.images.available(image_id), link):
        link = manifest_link(store, catalogue, link, image_id)

    def change(image: Image) -> Image:
        precondition(image)
        return image.model_copy(
            update={
                "arch": changes.arch or image.arch,
                "link": link if is_new_link(image, link) else image.link,
                "metadata": _changed(image.metadata, changes.metadata),
            }
        )

    return catalogue.images.change_available(image_id, change)


def change_job(
    catalogue: Catalogue, job_id: str, changes: JobUpdate, precondition: Callable[[Job], None] = lambda _: None
) -> Job:
    """Change what a job's record says of its progress, and return it as it is stored then.

    Args:
        catalogue: The catalogue.
        job_id: The job.
        changes: What is changed of it.
        precondition: Raises what keeps the stored record from being changed.

    Raises:
        NotFound: There is no such job.
        BadLink: There is no such image, or it has no manifest yet: an image that a job names is whole.
        Conflict: The job has ended otherwise, or a flow run works on it, which alone knows how far it is.
    """
    if changes.resultant_image_id is not None:
        _refuse_unfinished_image(catalogue, changes.resultant_image_id)
    fields = changes.model_dump(exclude_none=True)

    def change(job: Job) -> Job:
        precondition(job)
        if all(getattr(job, name) == value for name, value in fields.items()):
            return job
        if job.hold is not None:
            raise Conflict(
                f"flow run {job.hold.run_id} works on job {job.id}, and writes to its record how far it is",
                resolution="cancel the run, or let it end",
            )
        if job.status.is_final and changes.status not in {None, job.status}:
            raise Conflict(f"job {job.id} has ended: it is {job.status}", resolution="start a new job")
        return job.changed(fields)

    return catalogue.jobs.change(job_id, change)


def _refuse_unfinished_image(catalogue: Catalogue, image_id: str) -> None:
    try:
        image = catalogue.images.available(image_id)
    except NotFound as error:
        raise BadLink(error.message, resolution="register the image first") from error
    if image.link is None:
        raise BadLink(f"image {image.id} ({image.name}) has no manifest yet", resolution="link it first")


def _changed(metadata: dict[str, str], change: MetadataChange | None) -> dict[str, str]:
    if change is None:
        return metadata
    if change.operation == "set":
        return {**metadata, change.key: change.value}
    return {key: value for key, value in metadata.items() if key != change.key}
