"""Registering public keys, recipes and images, and changing recipes and images."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api.answers import one, refuse_other_than_seen
from api.kinds import IMAGES, PUBLIC_KEYS, RECIPES, Resource
from api.models.records import ImagePatch, RecipePatch, SentImage, SentRecipe
from api.problems import documented
from storage.models.records import NewPublicKey, PublicKey, Record
from storage.records.catalogue import catalogue
from storage.records.registration import change_image, change_recipe, register_image, register_recipe
from storage.s3.objects import object_store

CREATED = HTTPStatus.CREATED
_ON_POST = documented(400, 409, 413, 422, 503)
_ON_PATCH = documented(400, 404, 409, 412, 413, 422, 503)


def registration() -> APIRouter:
    """Return the paths that make and change records."""
    router = APIRouter()

    @router.post(PUBLIC_KEYS.path, status_code=CREATED, response_model=PUBLIC_KEYS.shown, responses=_ON_POST)
    def create_public_key(request: Request, wanted: NewPublicKey) -> Response:
        """Register a public key."""
        record = catalogue().public_keys.create(PublicKey(**wanted.model_dump()))
        return one(request, PUBLIC_KEYS.shown.of(record), CREATED)

    @router.post(RECIPES.path, status_code=CREATED, response_model=RECIPES.shown, responses=_ON_POST)
    def create_recipe(request: Request, wanted: SentRecipe) -> Response:
        """Register a recipe; its archive may be linked later."""
        return one(request, RECIPES.shown.of(register_recipe(object_store(), catalogue(), wanted)), CREATED)

    @router.post(IMAGES.path, status_code=CREATED, response_model=IMAGES.shown, responses=_ON_POST)
    def create_image(request: Request, wanted: SentImage) -> Response:
        """Register an image; its manifest may be linked later."""
        return one(request, IMAGES.shown.of(register_image(object_store(), catalogue(), wanted.as_new())), CREATED)

    @router.patch(f"{RECIPES.path}/{{record_id}}", response_model=RECIPES.shown, responses=_ON_PATCH)
    def change_recipe_by_id(request: Request, record_id: str, changes: RecipePatch) -> Response:
        """Change a recipe: link its archive, once, or change how it is built."""
        check = _seen(request, RECIPES)
        recipe = change_recipe(object_store(), catalogue(), record_id, changes, check)
        return one(request, RECIPES.shown.of(recipe))

    @router.patch(f"{IMAGES.path}/{{record_id}}", response_model=IMAGES.shown, responses=_ON_PATCH)
    def change_image_by_id(request: Request, record_id: str, changes: ImagePatch) -> Response:
        """Change an image: link its manifest, once, or set or remove an entry of its metadata."""
        check = _seen(request, IMAGES)
        image = change_image(object_store(), catalogue(), record_id, changes, check)
        return one(request, IMAGES.shown.of(image))

    return router


def _seen(request: Request, resource: Resource) -> Callable[[Record], None]:
    """Return what refuses to change a record that is not the one that the client has seen."""
    return lambda record: refuse_other_than_seen(request, resource.shown.of(record))
