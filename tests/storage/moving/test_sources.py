"""storage/moving/sources.py: what is no data file, no export and no IMS is refused with its name."""

import json
import tarfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Literal

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


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_damaged_archive_is_refused_or_read_as_it_was(tmp_path: Path, mode: Literal["w", "w:gz"]) -> None:
    text = json.dumps({"ims_data": {"images": [{"id": str(number)} for number in range(300)]}}).encode()
    with tarfile.open(tmp_path / "it.tar", mode) as tar:
        for name in ("export.json.bak", "export.json"):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, BytesIO(text))
    whole = (tmp_path / "it.tar").read_bytes()
    assert len(read_archive(tmp_path / "it.tar")) == 300
    for at in range(0, len(whole), len(whole) // 20):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            (tmp_path / "it.tar").write_bytes(damaged)
            with suppress(BadInput):
                found = read_archive(tmp_path / "it.tar")
                # A plain archive has no checksums of what is in it.
                assert len(found) == 300
                assert mode == "w" or [each.fields["id"] for each in found] == [str(number) for number in range(300)]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_what_only_leads_to_an_export_is_none(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "it.tar", "w") as tar:
        member = tarfile.TarInfo("export.json")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(BadInput, match=r"holds no export\.json"):
        read_archive(tmp_path / "it.tar")


def test_the_newest_file_of_a_list_counts(tmp_path: Path) -> None:
    for version, name in (("2", "old"), ("2.10", "new"), ("2.9", "older")):
        (tmp_path / f"v{version}_images.json").write_text(json.dumps([{"name": name}]))
    assert [each.fields for each in read_folder(tmp_path)] == [{"name": "new"}]
