"""ingest/description_file.py: which file is the recipe's description."""

import pytest

from errors import BadInput
from ingest.description_file import descriptions, is_description

DESCRIPTIONS = {
    "config.xml": True,
    "image/config.xml": True,
    "a.kiwi": True,
    "config.kiwi": True,
    ".kiwi": False,
    ".a.kiwi": False,
    "image/a.kiwi": False,
    "other/config.xml": False,
    "config.xml.bak": False,
    "Config.xml": False,
}


@pytest.mark.parametrize(("path", "is_one"), DESCRIPTIONS.items())
def test_a_description_is_where_kiwi_looks(path: str, is_one: bool) -> None:
    assert is_description(path) is is_one


@pytest.mark.parametrize("name", ["config.xml", "a.kiwi"])
def test_the_one_at_the_top_is_found(name: str) -> None:
    assert descriptions(["root/config.xml", name, "config.sh"]) == [name]


REFUSED = {
    "none": ([], "holds no description"),
    "none where kiwi looks": (["recipe/config.xml"], "holds no description"),
    "two": (["config.xml", "a.kiwi"], "several descriptions: a.kiwi, config.xml"),
    "two, one of them below": (["image/config.xml", "config.xml"], "several descriptions"),
    "below": (["image/config.xml"], "is image/config.xml"),
}


@pytest.mark.parametrize(("paths", "why"), REFUSED.values(), ids=REFUSED)
def test_none_or_several_are_refused(paths: list[str], why: str) -> None:
    with pytest.raises(BadInput) as refusal:
        descriptions(paths)
    refusal.match(why)
    assert refusal.value.resolution


def test_of_many_only_some_are_listed() -> None:
    paths = [f"{letter}.kiwi" for letter in "abcdefghijkl"]
    with pytest.raises(BadInput, match=r"i\.kiwi, j\.kiwi, …; keep one"):
        descriptions(paths)


NAMES = {
    "config.xml leads to another": (["a.kiwi", "config.xml"], {"config.xml": "a.kiwi"}),
    "both lead to a third": (["b.kiwi", "config.xml"], {"config.xml": "sub/d.xml", "b.kiwi": "sub/d.xml"}),
    "the second place, too": (["image/config.xml", "config.xml"], {"image/config.xml": "config.xml"}),
}


@pytest.mark.parametrize(("paths", "links"), NAMES.values(), ids=NAMES)
def test_one_description_by_several_names_is_one(paths: list[str], links: dict[str, str]) -> None:
    names = descriptions(paths, lambda path: links.get(path, path))
    assert (names[0], sorted(names)) == ("config.xml", sorted(paths))
