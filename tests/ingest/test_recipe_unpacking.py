"""ingest/recipe_unpacking.py: a recipe is unpacked only with exactly one description."""

from pathlib import Path

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.recipe import render_recipe, unpack_recipe
from ingest.recipe_unpacking import run
from tests.ingest.archives import END, archive, config, file, folder, hard_link, link


def unpacked(content: bytes, tmp_path: Path, limits: Limits) -> Path:
    (tmp_path / "recipe.tar").write_bytes(content)
    (tmp_path / "recipe").mkdir()
    run(str(tmp_path / "recipe.tar"), str(tmp_path / "recipe"), limits)
    return tmp_path / "recipe"


def test_a_recipe_is_unpacked(tmp_path: Path, limits: Limits) -> None:
    recipe = unpacked(archive(file("root/etc/motd", b"hello")), tmp_path, limits)
    assert (recipe / "root" / "etc" / "motd").read_bytes() == b"hello"
    assert (recipe / "config.xml").is_file()


def test_the_description_may_be_a_hard_link(tmp_path: Path, limits: Limits) -> None:
    recipe = unpacked(file("a") + hard_link("config.xml", "a") + END, tmp_path, limits)
    assert (recipe / "config.xml").read_bytes() == b"content\n"


NAMES = {
    "config.xml leads to it": file("a.kiwi") + link("config.xml", "a.kiwi"),
    "it leads to config.xml": file("config.xml") + link("a.kiwi", "./config.xml"),
    "both lead to it": file("sub/a") + link("a.kiwi", "sub/a") + link("config.xml", "a.kiwi"),
    "a hard link": file("config.xml") + hard_link("a.kiwi", "config.xml"),
    "copies, as tar -h makes of links": file("config.xml") + file("a.kiwi") + file("image/config.xml"),
    "copies in one folder": folder("r") + file("r/config.xml") + file("r/a.kiwi"),
    "a copy beside a link": file("sub/a.kiwi") + link("config.xml", "sub/a.kiwi") + file("a.kiwi"),
    "a link to a copy": file("a.kiwi")
    + file("config.xml")
    + link("image", "sub")
    + link("sub/config.xml", "../a.kiwi"),
    "a link to a hard link": file("a") + hard_link("a.kiwi", "a") + link("config.xml", "a"),
}


@pytest.mark.parametrize("content", NAMES.values(), ids=NAMES)
def test_one_description_by_several_names_is_one(content: bytes, tmp_path: Path, limits: Limits) -> None:
    recipe = unpacked(content + END, tmp_path, limits)
    assert (recipe / "config.xml").read_bytes() == b"content\n"
    assert len({path.resolve() for path in (*recipe.glob("*.kiwi"), *recipe.glob("*/config.xml"))}) <= 1


def test_a_copy_of_the_description_is_rendered_with_it(tmp_path: Path, limits: Limits) -> None:
    templates = file(".ims_recipe_template.yaml", b"template_files: [config.xml]")
    body = b"{{ mirror }}"
    recipe = unpacked(templates + file("a.kiwi", body) + file("config.xml", body) + END, tmp_path, limits)
    render_recipe(recipe, {"mirror": "here"}, limits)
    assert {(recipe / name).read_text() for name in ("a.kiwi", "config.xml")} == {"here"}


APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        "
OF_MACOS = {
    "beside it": (folder("./") + file("./._my.kiwi", APPLE_DOUBLE) + file("./my.kiwi"), "'./._my.kiwi'"),
    "beside its folder": (file("._my", APPLE_DOUBLE) + folder("my") + file("my/my.kiwi"), "'._my'"),
    "a folder of them": (file("my/my.kiwi") + file("__MACOSX/my/._my.kiwi", APPLE_DOUBLE), "'__MACOSX/my/._my.kiwi'"),
}


@pytest.mark.parametrize(("content", "name"), OF_MACOS.values(), ids=OF_MACOS)
def test_files_of_other_systems_are_left_out_and_named(
    content: bytes, name: str, tmp_path: Path, limits: Limits
) -> None:
    (tmp_path / "recipe.tar").write_bytes(content + END)
    (tmp_path / "recipe").mkdir()
    said = run(str(tmp_path / "recipe.tar"), str(tmp_path / "recipe"), limits)
    assert said == f"left out files of other systems (1): {name}"
    assert [path.name for path in (tmp_path / "recipe").rglob("*")] == ["my.kiwi"]


def test_what_was_left_out_is_logged_once(tmp_path: Path, limits: Limits, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "recipe.tar").write_bytes(archive(file(".DS_Store")))
    with caplog.at_level("INFO"):
        unpack_recipe(tmp_path / "recipe.tar", tmp_path / "recipe", limits)
    assert caplog.messages == ["left out files of other systems (1): '.DS_Store'"]


REFUSED = {
    "none": (file("a") + END, "holds no description"),
    "two": (archive(file("a.kiwi")), "several descriptions"),
    "two of one size": (file("config.xml", b"one\n") + file("a.kiwi", b"two\n") + END, "several descriptions"),
    "three, two of them copies": (file("a.kiwi") + file("b.kiwi") + config() + END, "several descriptions"),
    "a folder": (folder("config.xml") + file("a") + END, "'config.xml' is a folder"),
    "a link to a folder": (folder("a") + link("config.xml", "a") + END, "'a' is a folder"),
    "a link to nothing": (file("a") + link("config.xml", "b") + END, "'b' is a link to nothing"),
    "a link out of it": (file("a") + link("config.xml", "../a") + END, "leads out"),
    "two, one of them a link": (
        file("a") + file("b.kiwi") + link("config.xml", "a") + END,
        r"several descriptions: b\.kiwi, config\.xml",
    ),
    "a refused entry at the end": (config() + file("../a") + END, "leads out"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_nothing_is_written_of_what_is_refused(content: bytes, why: str, tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(BadInput, match=why):
        unpacked(content, tmp_path, limits)
    assert list((tmp_path / "recipe").iterdir()) == []
