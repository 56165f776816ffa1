"""storage/records/registration.py: the rules by which recipes and images are registered and changed."""

from collections.abc import Callable

import pytest

from errors import Conflict, ImsError, NotFound
from storage.models.changes import ImageChanges, RecipeChanges
from storage.models.records import Collection, Image, Link, NewImage, NewRecipe, Recipe, new_id
from storage.records.links import BadLink
from storage.records.registration import change_image, change_recipe, register_image, register_recipe
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory

RECIPE = {"name": "recipe", "linux_distribution": "rocky9"}
MANIFEST = b'{"version": "1.0", "artifacts": []}'


@pytest.fixture
def recipe(stored: Stored) -> Recipe:
    """A recipe without an archive."""
    return register_recipe(stored.store, stored.catalogue, NewRecipe.model_validate(RECIPE))


@pytest.fixture
def image(stored: Stored) -> Image:
    """An image without a manifest."""
    return register_image(stored.store, stored.catalogue, NewImage(name="image", metadata={"a": "1"}))


def test_a_recipe_may_be_registered_before_its_archive_is_there(stored: Stored, recipe: Recipe) -> None:
    assert recipe.link is None
    link = stored.archive(recipe.id)
    changed = change_recipe(stored.store, stored.catalogue, recipe.id, RecipeChanges(link=Link(path=link.path)))
    assert changed.link == link
    assert stored.catalogue.recipes.get(recipe.id) == changed


def test_an_image_may_be_registered_before_its_manifest_is_there(stored: Stored, image: Image) -> None:
    assert image.link is None
    link = stored.manifest(image.id, MANIFEST)
    changed = change_image(stored.store, stored.catalogue, image.id, ImageChanges(link=Link(path=link.path)))
    assert changed.link == link
    assert stored.catalogue.images.get(image.id) == changed


def test_a_change_leaves_what_it_does_not_name(stored: Stored) -> None:
    before = stored.recipe()
    changes = RecipeChanges.model_validate({"require_dkms": False, "template_dictionary": [{"key": "a", "value": "1"}]})
    after = change_recipe(stored.store, stored.catalogue, before.id, changes)
    assert after.model_dump() == before.model_dump() | {
        "require_dkms": False,
        "template_dictionary": [{"key": "a", "value": "1"}],
    }
    assert change_recipe(stored.store, stored.catalogue, before.id, RecipeChanges(arch="aarch64")).arch == "aarch64"
    emptied = change_recipe(stored.store, stored.catalogue, before.id, RecipeChanges(template_dictionary=[]))
    assert (emptied.template_dictionary, emptied.require_dkms, emptied.arch) == ([], False, "aarch64")


@pytest.mark.parametrize(
    ("change", "metadata"),
    [
        ({"operation": "set", "key": "b", "value": "2"}, {"a": "1", "b": "2"}),
        ({"operation": "set", "key": "a", "value": "1"}, {"a": "1"}),
        ({"operation": "set", "key": "a", "value": ""}, {"a": ""}),
        ({"operation": "remove", "key": "a"}, {}),
        ({"operation": "remove", "key": "none", "value": "x"}, {"a": "1"}),
    ],
    ids=["another", "the same", "an empty value", "removed", "removed though it is not there"],
)
def test_an_entry_of_the_metadata_is_set_or_removed(
    change: dict[str, str], metadata: dict[str, str], stored: Stored, image: Image
) -> None:
    changes = ImageChanges.model_validate({"metadata": change})
    assert change_image(stored.store, stored.catalogue, image.id, changes).metadata == metadata


def test_the_same_link_again_is_no_change(stored: Stored) -> None:
    image = stored.image()
    assert image.link is not None
    for link in (image.link, Link(path=image.link.path), Link(path=image.link.path, etag=f'"{image.link.etag}"')):
        assert change_image(stored.store, stored.catalogue, image.id, ImageChanges(link=link)) == image


def test_a_precondition_sees_the_record_as_it_is_stored_and_keeps_it(stored: Stored, image: Image) -> None:
    def refuse(found: Image) -> None:
        assert found == image
        raise Conflict("somebody else")

    with pytest.raises(Conflict, match="somebody else"):
        change_image(stored.store, stored.catalogue, image.id, ImageChanges(arch="aarch64"), refuse)
    assert stored.catalogue.images.get(image.id) == image


def _linked(stored: Stored, link: Link) -> None:
    """Give a new image a link, and its architecture in the same change."""
    image = register_image(stored.store, stored.catalogue, NewImage(name="image"))
    try:
        change_image(stored.store, stored.catalogue, image.id, ImageChanges(link=link, arch="aarch64"))
    finally:
        # A change that is refused changes nothing.
        assert stored.catalogue.images.get(image.id) == image


def _manifest(stored: Stored, body: bytes) -> Link:
    return stored.manifest(new_id(), body)


def _of_another_image(stored: Stored) -> Link:
    link = stored.image().link
    assert link is not None
    return link


IMAGE_LINKS: dict[str, tuple[Callable[[Stored], Link], type[ImsError], str]] = {
    "to nothing": (
        lambda stored: Link(path=f"s3://{stored.settings.boot_images_bucket}/none"),
        BadLink,
        "/none does not exist",
    ),
    "to no bucket": (lambda _: Link(path="s3://no-such-bucket-here/none"), BadLink, "/none does not exist"),
    "to what was deleted": (
        lambda stored: Link(path=f"s3://{stored.settings.boot_images_bucket}/deleted/1/deleted_manifest.json"),
        BadLink,
        "was deleted",
    ),
    "to no manifest": (lambda stored: _manifest(stored, b"[]"), BadLink, "is not the manifest of an image"),
    "to a manifest of another version": (
        lambda stored: _manifest(stored, b'{"version": "2.0", "artifacts": []}'),
        BadLink,
        "is not the manifest of an image: version",
    ),
    "to what has another etag": (
        lambda stored: _manifest(stored, MANIFEST).model_copy(update={"etag": "0" * 32}),
        Conflict,
        "has the etag",
    ),
    "to the manifest of another image": (_of_another_image, BadLink, "is the link of .* already"),
}


@pytest.mark.parametrize(("link", "kind", "message"), IMAGE_LINKS.values(), ids=IMAGE_LINKS)
def test_a_link_that_an_image_cannot_have_is_refused(
    link: Callable[[Stored], Link], kind: type[ImsError], message: str, stored: Stored
) -> None:
    found = link(stored)
    with pytest.raises(kind, match=message):
        _linked(stored, found)
    before = stored.catalogue.images.list(None)
    with pytest.raises(kind, match=message):
        register_image(stored.store, stored.catalogue, NewImage(name="image", link=found))
    assert stored.catalogue.images.list(None) == before


def test_a_link_that_a_recipe_cannot_have_is_refused(stored: Stored) -> None:
    known = stored.recipe()
    nothing = Link(path=f"s3://{stored.settings.bucket}/none")
    assert known.link is not None
    other = known.link.model_copy(update={"etag": "0" * 32})
    for link, kind in ((nothing, BadLink), (known.link, BadLink), (other, Conflict)):
        with pytest.raises(kind):
            register_recipe(stored.store, stored.catalogue, NewRecipe.model_validate({**RECIPE, "link": link}))
    assert stored.catalogue.recipes.list(None) == [known]


def test_another_link_is_refused_and_the_rest_of_the_change_with_it(stored: Stored) -> None:
    recipe, image = stored.recipe(), stored.image()
    link = stored.archive(new_id())
    with pytest.raises(Conflict, match="a link is set once"):
        change_recipe(stored.store, stored.catalogue, recipe.id, RecipeChanges(link=link, arch="aarch64"))
    assert stored.catalogue.recipes.get(recipe.id) == recipe
    changes = ImageChanges(link=_manifest(stored, MANIFEST), arch="aarch64")
    with pytest.raises(Conflict, match="a link is set once"):
        change_image(stored.store, stored.catalogue, image.id, changes)
    assert stored.catalogue.images.get(image.id) == image


def test_a_link_that_was_set_meanwhile_is_not_replaced(stored: Stored, image: Image) -> None:
    """The record is looked at again when it is written: here it gets its link after the change was checked."""
    ours, theirs = stored.manifest(image.id, MANIFEST), _manifest(stored, MANIFEST)

    def meanwhile(found: Image) -> None:
        if found.link is None:
            stored.catalogue.images.change(image.id, lambda known: known.model_copy(update={"link": theirs}))

    with pytest.raises(Conflict, match="a link is set once"):
        change_image(stored.store, stored.catalogue, image.id, ImageChanges(link=ours), meanwhile)
    assert stored.catalogue.images.get(image.id).link == theirs


def test_what_is_deleted_or_unknown_is_not_changed(stored: Stored, image: Image) -> None:
    stored.catalogue.images.change(image.id, lambda known: known.model_copy(update={"collection": Collection.DELETED}))
    for image_id in (image.id, new_id()):
        with pytest.raises(NotFound):
            change_image(stored.store, stored.catalogue, image_id, ImageChanges(arch="aarch64"))
        with pytest.raises(NotFound):
            change_recipe(stored.store, stored.catalogue, image_id, RecipeChanges(arch="aarch64"))
    assert stored.catalogue.images.get(image.id).arch == "x86_64"
