"""storage/deletion/deleted_manifests.py: what a deleted image's manifest names."""

import pytest

from storage.deletion.deleted_manifests import remove_deleted_manifest, write_deleted_manifest
from storage.deletion.holdings import links_of, moves_of
from storage.deletion.moves import carry_out
from storage.models.layout import artifact_key, deleted_key, deleted_manifest_key
from storage.models.manifest import Manifest
from storage.models.records import Image, Journal, Link, Move
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory


def moved(stored: Stored, image: Image) -> tuple[Image, Move, dict[str, Move]]:
    """Move the objects of an image; return its record with the journal, the move of its manifest, and all moves."""
    moves, _ = moves_of(stored.store, stored.catalogue, stored.buckets, image, links_of(stored.store, image))
    for move in moves:
        carry_out(stored.store, move)
    journal = Journal(link=image.link, moves=moves)
    return image.model_copy(update={"journal": journal}), moves[-1], {move.source: move for move in moves}


def test_it_names_the_artifacts_where_they_lie_and_may_be_written_again(stored: Stored) -> None:
    image, manifest_move, moves = moved(stored, stored.image())
    bucket = stored.settings.boot_images_bucket
    own, _ = stored.store.read(bucket, deleted_key(artifact_key(image.id, "manifest.json")))
    for _ in range(2):
        link = write_deleted_manifest(stored.store, image, manifest_move, moves)
        assert link.path == f"s3://{bucket}/{deleted_manifest_key(image.id)}"
        assert stored.store.head(link.bucket, link.key).etag == link.etag
    body, _ = stored.store.read(link.bucket, link.key)
    before, after = Manifest.model_validate_json(own), Manifest.model_validate_json(body)
    assert [each.link.path for each in after.artifacts] == [moves[each.link.path].target for each in before.artifacts]
    assert [(each.md5, each.type) for each in after.artifacts] == [(each.md5, each.type) for each in before.artifacts]
    assert all(stored.store.head(each.link.bucket, each.link.key).etag == each.link.etag for each in after.artifacts)
    assert stored.store.read(bucket, deleted_key(artifact_key(image.id, "manifest.json")))[0] == own


def test_it_does_not_name_what_was_missing(stored: Stored) -> None:
    image = stored.image()
    stored.store.delete(stored.settings.boot_images_bucket, artifact_key(image.id, "kernel"))
    link = write_deleted_manifest(stored.store, *moved(stored, image))
    body, _ = stored.store.read(link.bucket, link.key)
    assert [each.link.key.rpartition("/")[2] for each in Manifest.model_validate_json(body).artifacts] == ["rootfs"]


def test_only_the_deleted_manifest_of_an_image_is_removed(stored: Stored) -> None:
    image, manifest_move, moves = moved(stored, stored.image())
    before = stored.uris()
    write_deleted_manifest(stored.store, image, manifest_move, moves)
    for _ in range(2):
        remove_deleted_manifest(stored.store, image)
        assert stored.uris() == before


@pytest.mark.parametrize("journal", [None, Journal()], ids=["no journal", "no link"])
def test_an_image_that_had_no_link_has_none_to_remove(stored: Stored, journal: Journal | None) -> None:
    image = Image(name="image", link=Link(path="s3://b/k"), journal=journal)
    remove_deleted_manifest(stored.store, image)
    remove_deleted_manifest(stored.store, stored.recipe())
