"""storage/records/fingerprints.py: a fingerprint counts only as the record names it, and an image only when whole."""

from collections.abc import Callable

import pytest

from storage.models.fingerprint import LARGEST_FINGERPRINT_BYTES, Fingerprint
from storage.models.layout import artifact_key, fingerprint_key
from storage.models.records import Image
from storage.records.fingerprints import fingerprint_link, is_whole, read_fingerprint, write_fingerprint
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory

FINGERPRINT = Fingerprint.of([("config.xml", "1")])


def with_fingerprint(stored: Stored, fingerprint: Fingerprint | None = FINGERPRINT) -> Image:
    """Return an image, which is not stored, with a fingerprint."""
    image = stored.uploaded()
    digest = write_fingerprint(stored.store, stored.buckets[1], image.id, fingerprint, {})
    return image.model_copy(update={"inputs_digest": digest})


def test_what_was_written_is_read(stored: Stored) -> None:
    assert read_fingerprint(stored.store, with_fingerprint(stored)) == FINGERPRINT


def test_an_image_without_one_has_none(stored: Stored) -> None:
    image = with_fingerprint(stored, None)
    assert (fingerprint_link(image), read_fingerprint(stored.store, image)) == (None, None)


@pytest.mark.parametrize("body", [None, b"{}", Fingerprint.of([("config.xml", "2")]).body, b"x" * (1 << 23)])
def test_one_that_is_gone_or_another_is_none(stored: Stored, body: bytes | None) -> None:
    image = with_fingerprint(stored)
    if body is None:
        stored.store.delete(stored.buckets[1], fingerprint_key(image.id))
    else:
        stored.store.write(stored.buckets[1], fingerprint_key(image.id), body)
    assert read_fingerprint(stored.store, image) is None


def test_one_that_is_too_large_is_not_kept(stored: Stored) -> None:
    image = with_fingerprint(stored, Fingerprint.of([("x" * LARGEST_FINGERPRINT_BYTES, "1")]))
    assert fingerprint_link(image) is None


BROKEN: dict[str, Callable[[Stored, Image], object]] = {
    "an artifact is gone": lambda stored, image: stored.store.delete(
        stored.buckets[1], artifact_key(image.id, "rootfs")
    ),
    "an artifact is another": lambda stored, image: stored.store.write(
        stored.buckets[1], artifact_key(image.id, "rootfs"), b"another"
    ),
    "the manifest is gone": lambda stored, image: stored.store.delete(
        stored.buckets[1], artifact_key(image.id, "manifest.json")
    ),
    "the manifest is another": lambda stored, image: stored.manifest(image.id, b'{"artifacts": []}'),
}


@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_an_image_is_whole_until_something_is_gone(stored: Stored, damage: Callable[[Stored, Image], object]) -> None:
    image = stored.uploaded()
    assert is_whole(stored.store, image)
    damage(stored, image)
    assert not is_whole(stored.store, image)


def test_an_image_without_a_manifest_is_not_whole(stored: Stored) -> None:
    assert not is_whole(stored.store, Image(name="x"))
