"""Tests of builder/pod/context.py."""

import tarfile
from pathlib import Path

import pytest

from builder.pod.context import Options, Squashfs, unpack
from builder.pod.step import StepFailed


def test_every_option_has_a_default() -> None:
    assert Options.parse("{}") == Options()


def test_options_are_read() -> None:
    options = Options.parse('{"squashfs": {"compressor": "xz"}, "profiles": ["a", "b"], "epoch": 7}')
    assert options == Options(squashfs=Squashfs("xz"), profiles=("a", "b"), epoch=7)


@pytest.mark.parametrize(
    ("arch", "asked", "name"),
    [("x86_64", "", "vmlinuz"), ("aarch64", "", "Image"), ("aarch64", "mine", "mine")],
    ids=["x86_64", "aarch64", "as the job says"],
)
def test_a_kernel_without_a_name_is_called_as_the_architectures_own(arch: str, asked: str, name: str) -> None:
    assert Options(arch=arch, kernel_file_name=asked).kernel_name == name


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"squashfs": {"speed": 9}}', "cannot be read"),
        ('{"epoch": 1, "colour": "red", "age": 2}', "unknown to this builder image: age, colour"),
    ],
    ids=["not JSON", "no object", "unknown option of squashfs", "unknown options"],
)
def test_what_cannot_be_understood_is_refused(document: str, reason: str) -> None:
    with pytest.raises(StepFailed, match=reason):
        Options.parse(document)


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
