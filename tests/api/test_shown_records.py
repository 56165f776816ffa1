"""api/shown_records.py: what is kept of earlier lists is what would be made now."""

import json

from hypothesis import given
from hypothesis import strategies as st

from api.models.records import ShownImage
from api.shown_records import ShownRecords
from storage.models.records import Image

IMAGES = [
    Image(id=f"a0000000-0000-4000-8000-00000000000{number}", name=name) for number in range(6) for name in ("x", "é")
]


@given(st.lists(st.lists(st.sampled_from(IMAGES), unique_by=lambda image: image.id), max_size=6))
def test_a_list_is_the_same_whatever_was_shown_before(lists: list[list[Image]]) -> None:
    shown = ShownRecords(ShownImage.of)
    for images in lists:
        content = shown.content(images)
        fresh = ShownRecords(ShownImage.of).content(images)
        assert (content.body, content.etag) == (fresh.body, fresh.etag)
        assert [each["name"] for each in json.loads(content.body)] == [image.name for image in images]
        assert shown.content(images) is content


def test_what_is_kept_does_not_grow_for_ever() -> None:
    shown = ShownRecords(ShownImage.of)
    for _ in range(5):
        shown.content([Image(name="x") for _ in range(500)])
    assert len(shown._made) <= 2500
