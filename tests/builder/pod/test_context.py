"""Tests of builder/pod/context.py."""

import tarfile
from pathlib import Path

import pytest

from builder.pod.context import unpack
from builder.pod.step import StepFailed


def test_the_archive_is_unpacked_with_its_links_and_modes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "description" / "root").mkdir(parents=True)
    (source / "description" / "config.sh").write_text("#!/bin/sh\n")
    (source / "description" / "config.sh").chmod(0o755)
    (source / "description" / "root" / "link").symlink_to("/usr/lib/systemd/system/ssh.service")
    (source / "step.json").write_text('{"arch": "aarch64"}')
    with tarfile.open(tmp_path / "context.tar.gz", "w:gz") as archive:
        archive.add(source, ".")
    context = unpack(tmp_path / "context.tar.gz", tmp_path / "context")
    assert context.options.arch == "aarch64"
    assert (context.description / "config.sh").stat().st_mode & 0o777 == 0o755
    assert str((context.description / "root" / "link").readlink()) == "/usr/lib/systemd/system/ssh.service"


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "context.tar.gz").write_text("no archive")
    with pytest.raises(StepFailed, match="the context archive cannot be unpacked: "):
        unpack(tmp_path / "context.tar.gz", tmp_path / "context")
