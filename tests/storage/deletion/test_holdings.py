"""storage/deletion/holdings.py: which objects are deleted with a record, and which deletions are refused."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import BadInput, Conflict, Corrupt, ImsError, NotFound
from storage.deletion.holdings import left_behind, links_of, moves_of
from storage.models.layout import artifact_key, deleted_key
from storage.models.manifest import LARGEST_MANIFEST_BYTES, MANIFEST_NAME, Artifact, Manifest
from storage.models.records import Collection, Image, Journal, Link, Move, PublicKey, Recipe, new_id
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv me"


def planned(stored: Stored, record: Image | Recipe, *links: Link) -> tuple[list[Move], list[str]]:
    """Plan the moves of a record's own objects, or of others."""
    held = list(links) or links_of(stored.store, record)
    return moves_of(stored.store, stored.catalogue, stored.buckets, record, held)


def with_manifest(stored: Stored, make: Callable[[Image, list[Artifact]], bytes]) -> Image:
    """Store an image whose manifest is made from its artifacts."""
    image = stored.uploaded()
    manifest = Manifest.model_validate_json(
        stored.store.read(stored.buckets[1], artifact_key(image.id, MANIFEST_NAME))[0]
    )
    link = stored.manifest(image.id, make(image, manifest.artifacts))
    return stored.catalogue.images.create(image.model_copy(update={"link": link}))


def listing(*artifacts: Artifact) -> bytes:
    return Manifest(artifacts=list(artifacts)).model_dump_json().encode()


def test_an_image_holds_the_artifacts_of_its_manifest_and_the_manifest(stored: Stored) -> None:
    image = stored.image()
    stored.artifact(artifact_key(image.id, "initrd"))
    held = {link.path for link in links_of(stored.store, image)}
    bucket = stored.settings.boot_images_bucket
    assert held == {f"s3://{bucket}/{image.id}/{name}" for name in ("rootfs", "kernel", MANIFEST_NAME)}


def test_an_artifact_without_an_md5_is_held_as_the_others_are(stored: Stored) -> None:
    image = with_manifest(stored, lambda _, known: listing(*(each.model_copy(update={"md5": ""}) for each in known)))
    links = links_of(stored.store, image)
    assert len(links) > 1
    moves, missing = planned(stored, image)
    assert [move.source for move in moves] == [link.path for link in links]
    assert missing == []


def test_a_recipe_holds_its_archive_and_a_public_key_nothing(stored: Stored) -> None:
    recipe = stored.recipe()
    assert links_of(stored.store, recipe) == [recipe.link]
    assert links_of(stored.store, PublicKey(name="me", public_key=KEY)) == []
    assert links_of(stored.store, Image(name="without a link")) == []


def _itself(image: Image, known: list[Artifact]) -> bytes:
    return listing(*known, known[0].model_copy(update={"link": image.link}))


MANIFESTS: dict[str, tuple[Callable[[Image, list[Artifact]], bytes], type[ImsError], str]] = {
    "no JSON": (lambda *_: b"{", Corrupt, "is not the manifest"),
    "empty": (lambda *_: listing(), BadInput, "lists no artifacts"),
    "too large": (lambda *_: b" " * (LARGEST_MANIFEST_BYTES + 1), BadInput, "more than"),
    "an artifact twice": (lambda _, known: listing(*known, known[0]), BadInput, "twice"),
    "itself": (_itself, BadInput, "twice"),
}


@pytest.mark.parametrize(("make", "kind", "message"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_is_not_valid_says_nothing_of_what_an_image_holds(
    stored: Stored, make: Callable[[Image, list[Artifact]], bytes], kind: type[ImsError], message: str
) -> None:
    image = with_manifest(stored, make)
    with pytest.raises(kind, match=message):
        links_of(stored.store, image)


def test_a_manifest_that_is_gone_or_replaced_is_not_read(stored: Stored) -> None:
    image = stored.image()
    stored.manifest(image.id, listing())
    with pytest.raises(Conflict, match="has the etag"):
        links_of(stored.store, image)
    stored.store.delete(stored.settings.boot_images_bucket, artifact_key(image.id, MANIFEST_NAME))
    with pytest.raises(NotFound):
        links_of(stored.store, image)


def test_every_object_moves_within_its_bucket_and_the_plan_changes_nothing(stored: Stored) -> None:
    image, recipe = stored.image(), stored.recipe()
    before = stored.uris()
    for record in (image, recipe):
        links = links_of(stored.store, record)
        moves, missing = planned(stored, record)
        assert missing == []
        assert [(move.source, move.etag) for move in moves] == [(link.path, link.etag) for link in links]
        for move, link in zip(moves, links, strict=True):
            there = stored.store.head(link.bucket, link.key)
            assert move.target == f"s3://{link.bucket}/{deleted_key(link.key)}"
            assert (move.size, move.md5) == (there.size, there.metadata.get("md5sum", ""))
    assert stored.uris() == before


def test_an_object_that_is_gone_is_reported_and_the_others_move(stored: Stored) -> None:
    image = stored.image()
    key = artifact_key(image.id, "kernel")
    stored.store.delete(stored.settings.boot_images_bucket, key)
    moves, missing = planned(stored, image)
    assert missing == [f"s3://{stored.settings.boot_images_bucket}/{key}"]
    assert [move.source.rpartition("/")[2] for move in moves] == ["rootfs", MANIFEST_NAME]


def _of_another_image(stored: Stored, _: Image) -> Link:
    return stored.artifact(artifact_key(stored.image().id, "initrd")).link


def _deleted(stored: Stored, image: Image) -> Link:
    return stored.artifact(deleted_key(artifact_key(image.id, "initrd"))).link


def _replaced(stored: Stored, image: Image) -> Link:
    link = stored.artifact(artifact_key(image.id, "initrd")).link
    stored.store.write(link.bucket, link.key, b"another")
    return link


def _taken(stored: Stored, image: Image) -> Link:
    key = artifact_key(image.id, "initrd")
    stored.artifact(deleted_key(key))
    return stored.artifact(key).link


def _of_every_node(stored: Stored, _: Image) -> Link:
    return stored.artifact("PE/CPE-base.x86_64-26.11.squashfs").link


REFUSED: dict[str, tuple[Callable[[Stored, Image], Link], type[ImsError], str]] = {
    "another bucket": (lambda *_: Link(path="s3://other/key"), BadInput, "none of our buckets"),
    "deleted": (_deleted, BadInput, "belongs to something that was deleted"),
    "of another image": (_of_another_image, BadInput, "is an artifact of image"),
    "below PE/": (_of_every_node, BadInput, "what lies below PE/ is left alone"),
    "replaced": (_replaced, Conflict, "as it was linked"),
    "the target is taken": (_taken, Conflict, "is taken"),
}


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_the_records_own_is_not_moved(
    stored: Stored, make: Callable[[Stored, Image], Link], kind: type[ImsError], message: str
) -> None:
    image = stored.image()
    link = make(stored, image)
    with pytest.raises(kind, match=message):
        planned(stored, image, link)


@pytest.mark.parametrize("key", ["elsewhere/initrd", f"{new_id()}/initrd"], ids=["no id", "id of no image"])
def test_an_artifact_may_lie_below_another_prefix(stored: Stored, key: str) -> None:
    image = stored.image()
    moves, _ = planned(stored, image, stored.artifact(key).link)
    assert [move.target for move in moves] == [f"s3://{stored.settings.boot_images_bucket}/deleted/{key}"]


def test_a_link_without_an_etag_is_not_compared(stored: Stored) -> None:
    image = stored.image()
    link = _replaced(stored, image)
    moves, _ = planned(stored, image, Link(path=link.path))
    assert moves[0].etag == stored.store.head(link.bucket, link.key).etag


@pytest.mark.parametrize("state", Collection)
def test_what_two_records_link_is_not_moved_whatever_the_state_of_the_other(stored: Stored, state: Collection) -> None:
    image, recipe = stored.image(), stored.recipe()
    other = stored.catalogue.images.create(Image(name="other", link=image.link, collection=state))
    with pytest.raises(Conflict, match=f"is also that of {other.id}"):
        planned(stored, image)
    copied = Recipe(name="other", linux_distribution="sles15", link=recipe.link, collection=state)
    with pytest.raises(Conflict, match=f"is also that of {stored.catalogue.recipes.create(copied).id}"):
        planned(stored, recipe)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text("abc/._-é ", min_size=1, max_size=30).filter(lambda key: key.strip() and key.isprintable()))
def test_the_move_of_any_key_can_be_undone(stored: Stored, key: str) -> None:
    bucket = stored.settings.boot_images_bucket
    etag = stored.store.write(bucket, key, b"x")
    path = f"s3://{bucket}/{key}"
    (move,), missing = planned(stored, Image(name="image"), Link(path=path, etag=etag))
    assert (move.source, move.target, missing) == (path, f"s3://{bucket}/deleted/{key}", [])
    assert move.back.back == move


def test_only_a_deletion_that_could_not_read_the_manifest_leaves_objects(stored: Stored) -> None:
    image = stored.image()
    assert image.link is not None
    bucket = stored.settings.boot_images_bucket
    unread = image.model_copy(update={"journal": Journal(link=image.link)})
    below = sorted(f"s3://{bucket}/{image.id}/{name}" for name in ("kernel", "rootfs", MANIFEST_NAME))
    assert left_behind(stored.store, bucket, unread) == below

    moves, _ = planned(stored, image)
    journals = [None, Journal(), Journal(link=image.link, moves=moves), _without(image.link)]
    for journal in journals:
        assert left_behind(stored.store, bucket, image.model_copy(update={"journal": journal})) == []


def _without(link: Link) -> Journal:
    return Journal(link=link, missing=[link.path])
