"""The door by the REST API shows and changes the same records as the door by the stores."""

from collections.abc import Iterator

import httpx
import pytest

from cli.api_client import ApiClient
from cli.api_door import ApiDoor
from cli.output import fields
from cli.store_door import StoreDoor
from config.settings import Settings, settings
from errors import BadInput, NotFound
from storage.models.changes import ImageChanges, MetadataChange, RecipeChanges
from storage.models.jobs import JobType
from storage.models.kinds import DELETABLE_KINDS, RecordKind
from storage.models.records import Collection, Image, Link, NewImage, NewPublicKey, NewRecipe, new_id, now
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.api.conftest import api, api_address, connection, deleting
from tests.api.stored import KEY, one_of_each
from tests.memory_s3.fixtures import in_memory
from tests.tasks.conftest import own_catalogue

__all__ = ["api", "api_address", "connection", "deleting", "own_catalogue"]

STORES = StoreDoor()


@pytest.fixture
def by_api(api_address: str, own_catalogue: Catalogue) -> Iterator[ApiDoor]:
    """The door to this test's catalogue, by HTTP."""
    with httpx.Client(trust_env=False, timeout=60) as http:
        yield ApiDoor(ApiClient(api_address, http))


@in_memory
def test_both_doors_show_the_same_records(
    by_api: ApiDoor,
    own_catalogue: Catalogue,
    store: ObjectStore,
    s3_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one_of_each(own_catalogue, store, s3_settings)
    monkeypatch.setenv("IMS_API_URL", "http://ims.site")
    settings.cache_clear()
    for kind in (*DELETABLE_KINDS, RecordKind.JOB):
        [stored] = STORES.list(kind)
        [shown] = by_api.list(kind)
        assert by_api.get(kind, stored.id) == shown
        # What the API does not have is not printed as if it were empty.
        printed = {name: value for name, value in fields(shown).items() if name in fields(stored)}
        assert printed.items() <= fields(stored).items()
        assert {"id", "created"} < printed.keys()
        assert "logs" not in fields(shown)


@in_memory
def test_deleted_records_are_shown_with_their_times(by_api: ApiDoor, own_catalogue: Catalogue) -> None:
    gone = own_catalogue.images.create(Image(name="gone", collection=Collection.DELETED, deleted=now()))
    [shown] = by_api.list_deleted(RecordKind.IMAGE)
    assert (shown.id, shown.deleted, shown.collection) == (gone.id, gone.deleted, Collection.DELETED)
    assert by_api.get_deleted(RecordKind.IMAGE, gone.id) == shown
    with pytest.raises(NotFound):
        by_api.get(RecordKind.IMAGE, gone.id)


@in_memory
def test_what_the_api_makes_and_changes_the_stores_show(by_api: ApiDoor) -> None:
    key = by_api.create_public_key(NewPublicKey(name="me", public_key=f"{KEY}\n"))
    assert STORES.get(RecordKind.PUBLIC_KEY, key.id).public_key == f"{KEY}\n"
    image = by_api.create_image(NewImage(name="i", metadata={"team": "storage"}))
    by_api.change_image(image.id, ImageChanges(metadata=MetadataChange(operation="set", key="hall", value="7")))
    assert STORES.get(RecordKind.IMAGE, image.id).metadata == {"team": "storage", "hall": "7"}
    recipe = by_api.create_recipe(NewRecipe(name="r", linux_distribution="sles15"))
    by_api.change_recipe(recipe.id, RecipeChanges(require_dkms=False))
    assert STORES.get(RecordKind.RECIPE, recipe.id).require_dkms is False


@in_memory
def test_an_archive_is_uploaded_for_the_id_that_the_api_gives(by_api: ApiDoor, store: ObjectStore, bucket: str) -> None:
    def upload(recipe_id: str) -> Link:
        written = store.write(bucket, f"recipes/{recipe_id}/r.tgz", b"x")
        return Link(path=f"s3://{bucket}/recipes/{recipe_id}/r.tgz", etag=written)

    recipe = by_api.create_recipe(NewRecipe(name="r", linux_distribution="sles15"), upload)
    assert recipe.link is not None
    assert recipe.link.key == f"recipes/{recipe.id}/r.tgz"


@in_memory
def test_refusals_are_errors_of_ours_with_their_resolutions(by_api: ApiDoor, own_catalogue: Catalogue) -> None:
    with pytest.raises(NotFound, match="no image"):
        by_api.get(RecordKind.IMAGE, new_id())
    image = own_catalogue.images.create(Image(name="i"))
    with pytest.raises(BadInput):
        by_api.change_image(image.id, ImageChanges(link=Link(path="s3://boot-images/none/manifest.json")))


def test_what_the_api_cannot_is_refused_before_it_is_asked() -> None:
    nowhere = ApiDoor(ApiClient("http://127.0.0.1:9", httpx.Client(trust_env=False)))
    with pytest.raises(BadInput, match="profiles: the REST API of IMS does not have this"):
        nowhere.start_job(JobType.CREATE, {"profiles": "a"})


@pytest.mark.slow
@in_memory
def test_a_record_is_deleted_restored_and_removed(
    by_api: ApiDoor, deleting: httpx.Client, own_catalogue: Catalogue
) -> None:
    image = own_catalogue.images.create(Image(name="i"))
    by_api.delete(RecordKind.IMAGE, image.id, force=False)
    assert [each.id for each in by_api.list_deleted(RecordKind.IMAGE)] == [image.id]
    by_api.restore(RecordKind.IMAGE, image.id)
    assert own_catalogue.images.get(image.id).collection is Collection.AVAILABLE
    by_api.delete(RecordKind.IMAGE, image.id, force=True)
    by_api.remove(RecordKind.IMAGE, image.id, force=False)
    with pytest.raises(NotFound):
        own_catalogue.images.get(image.id)
