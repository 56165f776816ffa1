"""storage/records/images.py: the manifest that an image's record points at."""

from collections.abc import Callable

import pytest

from errors import BadInput, Conflict, Corrupt, ImsError, NotFound
from storage.models.manifest import LARGEST_MANIFEST_BYTES, Manifest
from storage.models.records import Image, Link
from storage.records.images import read_manifest
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory


def written(stored: Stored, body: bytes) -> Image:
    image = Image(name="image")
    return image.model_copy(update={"link": stored.manifest(image.id, body)})


def test_a_manifest_is_read_byte_for_byte(stored: Stored) -> None:
    body = b' {"version": "1.0", "artifacts": [], "other": 1}\n'
    manifest, read = read_manifest(stored.store, written(stored, body))
    assert read == body
    assert manifest.artifacts == []
    assert manifest.model_dump()["other"] == 1


def test_a_link_without_an_etag_is_not_compared(stored: Stored) -> None:
    image = written(stored, Manifest(artifacts=[]).model_dump_json().encode())
    assert image.link is not None
    unchecked = image.model_copy(update={"link": Link(path=image.link.path)})
    assert read_manifest(stored.store, unchecked)[0].artifacts == []


def _gone(stored: Stored) -> Image:
    image = written(stored, b"{}")
    assert image.link is not None
    stored.store.delete(image.link.bucket, image.link.key)
    return image


def _replaced(stored: Stored) -> Image:
    image = written(stored, b"{}")
    stored.manifest(image.id, b'{"artifacts": []}')
    return image


REFUSED: dict[str, tuple[Callable[[Stored], Image], type[ImsError], str]] = {
    "no link": (lambda _: Image(name="image"), NotFound, "has no manifest"),
    "gone": (_gone, NotFound, "no such object"),
    "replaced": (_replaced, Conflict, "has the etag"),
    "no JSON": (lambda stored: written(stored, b"x"), Corrupt, "is not the manifest of an image"),
    "without artifacts": (lambda stored: written(stored, b"{}"), Corrupt, "is not the manifest of an image"),
    "another version": (
        lambda stored: written(stored, b'{"version": "2.0", "artifacts": []}'),
        Corrupt,
        "is not the manifest of an image",
    ),
    "too large": (lambda stored: written(stored, b" " * (LARGEST_MANIFEST_BYTES + 1)), BadInput, "more than"),
}


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_the_linked_manifest_is_refused(
    stored: Stored, make: Callable[[Stored], Image], kind: type[ImsError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        read_manifest(stored.store, make(stored))
