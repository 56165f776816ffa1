"""Tests of what builder/programs/prepare.py does without kiwi."""

from pathlib import Path

import pytest

from builder.programs.prepare import _forget_repositories


@pytest.mark.parametrize(
    "files",
    ["zypper/repos/a.repo", "dnf/repos/a.repo", "apt-get/sources.list.d/a.sources"],
    ids=["zypper", "dnf", "APT"],
)
def test_repository_files_of_the_build_are_forgotten_and_downloads_are_kept(tmp_path: Path, files: str) -> None:
    for name in (files, "zypper/packages/a.rpm", "apt-get/archives/a.deb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("https://u:p@h/")
    _forget_repositories(tmp_path)
    assert not (tmp_path / files).exists()
    assert (tmp_path / "zypper/packages/a.rpm").exists()
    assert (tmp_path / "apt-get/archives/a.deb").exists()
