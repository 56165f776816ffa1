"""Which record a user means: an id, the beginning of one, or a name; of several that fit none is chosen."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.names import chosen
from errors import BadInput, NotFound
from storage.models.kinds import RecordKind
from storage.models.records import Image, new_id


def of(images: Iterable[Any], wanted: str) -> str:
    return chosen(RecordKind.IMAGE, wanted, lambda: images)


def image(name: str, beginning: str = "") -> Image:
    return Image(id=beginning + new_id()[len(beginning) :], name=name)


def test_a_name_or_the_beginning_of_an_id_will_do() -> None:
    first, second = image("compute", "aaaa"), image("login", "bbbb")
    assert of([first, second], "compute") == first.id
    assert of([first, second], "bbb") == second.id
    assert of([first, second], " BBBB ") == second.id


def test_a_whole_id_is_taken_as_it_is_and_nothing_is_asked() -> None:
    def asked() -> list[Any]:
        raise AssertionError

    wanted = new_id()
    assert chosen(RecordKind.IMAGE, f" {wanted.upper()} ", asked) == wanted


def test_an_ambiguous_name_lists_the_candidates() -> None:
    twice = [image("compute"), image("compute")]
    with pytest.raises(BadInput, match="'compute' is 2 images") as raised:
        of(twice, "compute")
    for each in twice:
        assert f"{each.id}  {each.created.astimezone():%Y-%m-%d %H:%M}  compute" in raised.value.message


def test_a_name_that_another_records_id_begins_with_is_ambiguous() -> None:
    with pytest.raises(BadInput, match="'beef' is 2 images"):
        of([image("beef", "aa"), image("other", "beef")], "beef")


@pytest.mark.parametrize("wanted", ["none", "", " ", "comp", "*"])
def test_what_fits_nothing_is_not_found(wanted: str) -> None:
    with pytest.raises(NotFound, match="no image has the name"):
        of([image("compute", "aa")], wanted)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["a", "ab", "f", "e1"]), max_size=5), st.sampled_from(["a", "ab", "f", "e1", "0"]))
def test_what_is_chosen_is_the_only_one_that_fits(names: list[str], wanted: str) -> None:
    images = [image(name) for name in names]
    fitting = [each.id for each in images if each.name == wanted or each.id.startswith(wanted)]
    if len(fitting) == 1:
        assert of(images, wanted) == fitting[0]
        return
    with pytest.raises(NotFound if not fitting else BadInput):
        of(images, wanted)
