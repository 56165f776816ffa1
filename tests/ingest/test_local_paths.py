"""ingest/local_paths.py: which files a description may name."""

from pathlib import Path

import pytest

from errors import BadInput
from ingest.description_xml import parse
from ingest.local_paths import check_local_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe with a link that stays inside, one that leads out and one that leads to itself."""
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    (recipe / "inside").symlink_to("a.tgz")
    (recipe / "out").symlink_to("..")
    (recipe / "loop").symlink_to("loop")
    return recipe


def check(elements: str, folder: Path) -> None:
    check_local_paths(parse(f"<image>\n{elements}\n</image>".encode(), "config.xml"), str(folder))


ALLOWED = [
    '<packages><archive name="a.tgz"/></packages>',
    '<packages><archive name="./b//a.tgz"/></packages>',
    '<packages><archive name="inside" target_dir="opt/a"/></packages>',
    '<packages><archive name=""/></packages>',
    '<packages><file name="a" target="/etc/a"/></packages>',
    '<strip><file name="/usr/share/doc"/></strip>',
    '<signing key="https://example.org/key"/>',
    '<signing key="file:///usr/share/keyrings/debian-archive-keyring.gpg"/>',
    '<type image="tbz" derived_from="http://example.org/a"/>',
    '<type luks="secret"/>',
]


@pytest.mark.parametrize("elements", ALLOWED)
def test_files_of_the_recipe_and_addresses_are_allowed(elements: str, folder: Path) -> None:
    check(elements, folder)


NAMED = ['<archive name="{}"/>', '<repository customize="{}"/>', '<type editbootinstall="{}"/>']
REFUSED = {
    "/etc/passwd": "does not lie in the recipe",
    "../a": "does not lie in the recipe",
    "a/../../b": "does not lie in the recipe",
    " /etc/passwd": "does not lie in the recipe",
    "out": "leads out of the recipe through a link",
    "out/other/a": "leads out of the recipe through a link",
    "loop/a": "leads to nothing",
}


@pytest.mark.parametrize("element", NAMED)
@pytest.mark.parametrize(("path", "why"), REFUSED.items(), ids=lambda text: text[:14])
def test_a_path_out_of_the_recipe_is_refused_with_its_line(element: str, path: str, why: str, folder: Path) -> None:
    with pytest.raises(BadInput, match=rf"^config\.xml, line 2: .*{why}"):
        check(element.format(path), folder)


OTHERS = {
    "a target out of the image": ('<archive name="a" target_dir="../x"/>', "archive target_dir"),
    "an absolute target of an archive": ('<archive name="a" target_dir="/x"/>', "archive target_dir"),
    "a file out of the image": ('<packages><file name="a" target="/../x"/></packages>', "file target"),
    "a file out of the recipe": ('<packages><file name="/a"/></packages>', "file name"),
    "a local key": ('<signing key="file:///etc/key"/>', "not an http"),
    "a keyring elsewhere": ('<signing key="file:///usr/share/keyrings/../a"/>', "not an http"),
    "a local base image": ('<type derived_from="dir:///a"/>', "not an http"),
    "a keyring as a base image": ('<type derived_from="file:///usr/share/keyrings/a"/>', "not an http"),
    "a local key of a disk": ('<type luks="file:///a"/>', "luks names a local file"),
}


@pytest.mark.parametrize(("element", "why"), OTHERS.values(), ids=OTHERS)
def test_other_places_are_refused(element: str, why: str, folder: Path) -> None:
    with pytest.raises(BadInput, match=why):
        check(element, folder)
