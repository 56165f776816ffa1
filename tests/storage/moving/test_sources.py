"""storage/moving/sources.py: what is no data file, no export and no IMS is refused with its name."""

import json
import tarfile
from pathlib import Path

import pytest

from errors import BadInput
from storage.moving.sources import read_archive, read_folder


@pytest.mark.parametrize("text", ["", "[", "7", '"[]"', "[" * 100_000, '[{"id": 1, "id": 2}]', '{"ims_data": []}'])
def test_files_that_are_cut_short_or_something_else_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "v2.1_images.json").write_text(text)
    if "ims_data" not in text:
        with pytest.raises(BadInput, match=r"v2\.1_images\.json"):
            read_folder(tmp_path)
    (tmp_path / "export.json").write_text(text)
    with pytest.raises(BadInput, match=r"export\.json"):
        read_folder(tmp_path)


def test_archives_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "it.tar").write_bytes(b"x" * 1000)
    with pytest.raises(BadInput, match="not a tar archive"):
        read_archive(tmp_path / "it.tar")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../export.json"))
    with pytest.raises(BadInput, match=r"holds no export\.json"):
        read_archive(tmp_path / "other.tar")


def test_the_newest_file_of_a_list_counts(tmp_path: Path) -> None:
    for version, name in (("2", "old"), ("2.10", "new"), ("2.9", "older")):
        (tmp_path / f"v{version}_images.json").write_text(json.dumps([{"name": name}]))
    assert [each.fields for each in read_folder(tmp_path)] == [{"name": "new"}]
