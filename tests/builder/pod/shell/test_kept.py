"""Tests of builder/pod/shell/kept.py: changes are on the disk, and what may be missing is reported once."""

import time
from pathlib import Path

import pytest

from builder.pod.lease import LOSS
from builder.pod.shell.kept import Keeper, take_loss


def look_until(keeper: Keeper, file: Path) -> None:
    end = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < end
        keeper.sync_when_due()
        time.sleep(0.02)


def test_the_time_of_the_last_sync_is_that_of_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.pod.shell.kept.SYNC_SECONDS", 0.1)
    keeper, began = Keeper(tmp_path), time.time()
    look_until(keeper, tmp_path / "synced")
    assert began <= float((tmp_path / "synced").read_text()) <= time.time()


def test_a_sync_that_fails_is_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.pod.shell.kept.SYNC_SECONDS", 0.05)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sync").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "sync").chmod(0o755)
    keeper, end = Keeper(tmp_path), time.monotonic() + 0.5
    while time.monotonic() < end:
        keeper.sync_when_due()
    assert not (tmp_path / "synced").exists()


def test_what_may_be_missing_is_reported_once(tmp_path: Path) -> None:
    assert take_loss(tmp_path) == ""
    (tmp_path / LOSS).write_text("ims-x-shell-1")
    assert take_loss(tmp_path) == "ims-x-shell-1 was lost with its node: what was written in it may be missing"
    assert take_loss(tmp_path) == ""
    (tmp_path / LOSS).write_text("ims-x-shell-1")
    (tmp_path / "synced").write_text("1764288000")
    told = "ims-x-shell-1 was lost with its node: what was written after 2025-11-28 00:00:00 UTC may be missing"
    assert take_loss(tmp_path) == told
