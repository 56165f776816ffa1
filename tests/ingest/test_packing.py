"""Archives made of a folder."""

import os
import tarfile
from pathlib import Path

import pytest

from errors import BadInput
from ingest import packing


def pack(folder: Path, archive: Path) -> None:
    with archive.open("wb") as file:
        packing.pack(folder, file)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "recipe"
    (folder / "root" / "etc").mkdir(parents=True)
    (folder / "config.xml").write_text("<image/>")
    script = folder / "config.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (folder / "root" / "etc" / "link").symlink_to("/usr/lib/systemd/system/x.service")
    return folder


def test_the_same_folder_is_the_same_archive_bit_for_bit(recipe: Path, tmp_path: Path) -> None:
    pack(recipe, tmp_path / "one.tgz")
    for path in recipe.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    pack(recipe, tmp_path / "another-name.tgz")
    assert (tmp_path / "one.tgz").read_bytes() == (tmp_path / "another-name.tgz").read_bytes()


def test_names_modes_and_links_are_kept_and_owners_are_not(recipe: Path, tmp_path: Path) -> None:
    pack(recipe, tmp_path / "recipe.tgz")
    with tarfile.open(tmp_path / "recipe.tgz") as tar:
        entries = {entry.name: entry for entry in tar}
    assert set(entries) == {"config.sh", "config.xml", "root", "root/etc", "root/etc/link"}
    assert entries["config.sh"].mode == 0o755
    assert entries["root/etc/link"].linkname == "/usr/lib/systemd/system/x.service"
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}


def test_a_link_to_itself_is_packed_and_not_followed(recipe: Path, tmp_path: Path) -> None:
    (recipe / "loop").symlink_to("loop")
    pack(recipe, tmp_path / "recipe.tgz")
    with tarfile.open(tmp_path / "recipe.tgz") as tar:
        assert tar.getmember("loop").linkname == "loop"


def test_what_is_no_file_is_refused_by_name(recipe: Path, tmp_path: Path) -> None:
    os.mkfifo(recipe / "pipe")
    with pytest.raises(BadInput, match=r"recipe/pipe, which is not a file"):
        pack(recipe, tmp_path / "recipe.tgz")


def test_the_content_may_lie_in_a_folder_with_more_files_beside_it(recipe: Path, tmp_path: Path) -> None:
    with (tmp_path / "context.tgz").open("wb") as file:
        packing.pack(recipe, file, below="description", also={"step.json": b"{}"})
    with tarfile.open(tmp_path / "context.tgz") as tar:
        assert {"description/config.xml", "description/root/etc/link", "step.json"} <= set(tar.getnames())
