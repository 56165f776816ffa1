"""builder/pod/inspection/folders.py: links that became folders, and folders that users cannot enter."""

import subprocess
from pathlib import Path

import pytest

from builder.contract.options import Options
from builder.pod.inspection.folders import check_closed, check_links
from builder.pod.inspection.inspection import inspect_root
from tests.builder.whole_root import Choices, make_root


@pytest.mark.parametrize("name", ["bin", "sbin", "lib", "lib64"])
def test_a_folder_in_the_place_of_a_link_is_found(name: str, tmp_path: Path) -> None:
    """As an overlay's root/lib leaves it: rsync without --keep-dirlinks replaces the link by the folder."""
    root, overlay = make_root(tmp_path / "root"), tmp_path / "overlay"
    (overlay / name).mkdir(parents=True)
    (overlay / name / "site-tool").touch()
    subprocess.run(["cp", "-r", "--remove-destination", "-T", overlay / name, root / f"{name}.new"], check=True)
    (root / name).unlink()
    (root / f"{name}.new").rename(root / name)
    [found] = check_links(root)
    assert found.what.startswith(f"/{name} is a folder, while /")
    assert f"put the files into /usr/{name} instead" in found.advice


@pytest.mark.parametrize("merged", [True, False])
def test_a_distribution_is_merged_or_not(merged: bool, tmp_path: Path) -> None:
    assert list(check_links(make_root(tmp_path / "root", Choices(merged=merged)))) == []


def test_when_all_links_were_replaced_the_init_cannot_be_started(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).unlink()
        (root / name).mkdir()
    assert "no-init" in {each.name for each in inspect_root(root, Options()).errors}


def test_folders_that_only_root_may_enter_are_all_named(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    for place in ("", "etc", "boot", "opt"):
        (root / place).chmod(0o700)
    system, other = check_closed(root)
    assert system.what == "only root can enter / (0700), /etc (0700)"
    assert system.advice.startswith("chmod 755 / /etc: ")
    assert other.what == "only root can enter /opt (0700)"
