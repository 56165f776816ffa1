"""Tests of builder/image.py and builder/base.py."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.base import base_inputs, base_reference
from builder.image import builder_image_reference, ensure_builder_image, image_inputs, shipped_files
from builder.podman import has_image, image_id, podman
from errors import Broken
from tests.builder_pod import run_in_builder
from tests.repository import REPOSITORY

BUILDER = REPOSITORY / "builder"


def test_only_the_programs_are_shipped() -> None:
    shipped = {str(file.relative_to(BUILDER)) for file in shipped_files()}
    assert {
        "__init__.py",
        "contract/inputs.py",
        "pod/kiwi/command.py",
        "programs/__init__.py",
        "programs/prepare.py",
        "programs/package.py",
        "ansible/connection/chroot.py",
    } <= shipped
    assert all(
        name == "__init__.py" or name.startswith(("contract/", "pod/", "programs/", "ansible/")) for name in shipped
    )


def test_the_names_follow_from_the_inputs() -> None:
    assert builder_image_reference() == f"localhost/ims-builder:{image_inputs()[:12]}"
    assert base_reference() == f"localhost/ims-builder-base:{base_inputs()[:12]}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A source tree of its own: the builder package and what it imports."""
    shutil.copytree(BUILDER, tmp_path / "builder")
    shutil.copy(BUILDER.parent / "errors.py", tmp_path)
    return tmp_path


def change_a_program(copy: Path) -> None:
    program = copy / "builder" / "programs" / "prepare.py"
    program.write_text(f"{program.read_text()}\n# {copy}\n")


def references(copy: Path) -> list[str]:
    ask = "from builder.image import *; print(builder_image_reference(), base_reference())"
    asked = subprocess.run([sys.executable, "-c", ask], cwd=copy, capture_output=True, text=True, check=True)
    return asked.stdout.split()


def start_build(copy: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "builder.image", *arguments],
        cwd=copy,
        env={**os.environ, "XDG_CACHE_HOME": str(copy / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_that_name(folder: Path) -> list[Path]:
    """Return the /proc folders of the running processes whose command line holds a folder's name."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # One that ended in the meantime has no command line any more.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if str(folder) in (process / "cmdline").read_text(errors="replace"):
                found.append(process)
    return found


def processes_left_that_name(folder: Path) -> list[Path]:
    """Return those of them that do not end within a few seconds: what dies with its namespace does so after us."""
    end = time.monotonic() + 5
    while (left := processes_that_name(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def test_a_changed_program_makes_another_image_on_the_same_base(copy: Path) -> None:
    before = references(copy)
    assert before == [builder_image_reference(), base_reference()]
    change_a_program(copy)
    after = references(copy)
    assert after[0] != before[0]
    assert after[1] == before[1]


@pytest.mark.containers
def test_an_image_that_is_there_is_not_built_again() -> None:
    reference = ensure_builder_image()
    before = podman(["image", "inspect", "--format", "{{.Id}} {{.Created}}", reference])
    assert ensure_builder_image() == reference == builder_image_reference()
    assert podman(["image", "inspect", "--format", "{{.Id}} {{.Created}}", reference]) == before


@pytest.mark.containers
def test_of_two_that_need_an_image_at_once_one_builds_it(copy: Path) -> None:
    ensure_builder_image()
    change_a_program(copy)
    reference = references(copy)[0]
    try:
        ended = [build.communicate(timeout=60) for build in [start_build(copy), start_build(copy)]]
        assert [printed for printed, _ in ended] == [f"{reference}\n"] * 2
        assert sorted(progress for _, progress in ended) == ["", f"built {reference}\n"]
    finally:
        podman(["rmi", reference])


@pytest.mark.containers
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_build_that_is_cut_off_leaves_no_image_no_mount_and_no_process(copy: Path, how: signal.Signals) -> None:
    reference = ensure_builder_image()
    before = podman(["image", "inspect", "--format", "{{.Id}}", reference, base_reference()])
    build = start_build(copy, "--fresh")
    assert build.stderr is not None
    assert any("running apt-get update" in line for line in build.stderr)
    # Later on mmdebstrap mounts /proc, /sys and /dev in what it makes: none of it may be seen here.
    assert {str(process.joinpath("ns/mnt").readlink()) for process in processes_that_name(copy / "cache")} - {
        str(Path("/proc/self/ns/mnt").readlink())
    }
    build.send_signal(how)
    build.communicate(timeout=60)
    if how == signal.SIGTERM:
        assert build.returncode == 143
        assert [entry.name for entry in (copy / "cache/ims").iterdir()] == ["builder.lock"]
    assert not processes_left_that_name(copy)
    assert podman(["image", "inspect", "--format", "{{.Id}}", reference, base_reference()]) == before


@pytest.mark.containers
def test_the_image_says_what_it_was_made_of() -> None:
    labels = json.loads(podman(["image", "inspect", "--format", "{{json .Labels}}", ensure_builder_image()]))
    assert labels["ims.inputs"] == image_inputs()


@pytest.mark.containers
def test_the_image_holds_the_programs_of_this_tree_and_what_they_call(tmp_path: Path) -> None:
    tools = "kiwi-ng zypper dnf rpmbuild createrepo_c debootstrap mksquashfs dracut lsinitrd sshd curl gpg rsync"
    tools += " ansible-playbook"
    sums = "cd /usr/lib/ims/builder && find . -name '*.py' -exec sha256sum {} +"
    ran = run_in_builder(["sh", "-c", f"{sums}; for tool in {tools}; do command -v $tool; done"], workspace=tmp_path)
    said = ran.stdout.splitlines()
    for file in shipped_files():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert f"{digest}  ./{file.relative_to(BUILDER)}" in said
    assert [line.rpartition("/")[2] for line in said[-len(tools.split()) :]] == tools.split()


@pytest.mark.containers
def test_nothing_of_the_host_stays_in_the_image(tmp_path: Path) -> None:
    ran = run_in_builder(
        ["sh", "-c", "ls /etc/ssh/ssh_host_* /var/lib/apt/lists/*Packages* 2>/dev/null"], workspace=tmp_path
    )
    assert ran.stdout == ""


@pytest.mark.containers
def test_what_podman_refuses_is_named() -> None:
    assert not has_image("localhost/ims-builder:no-such-tag")
    assert image_id("localhost/ims-builder:no-such-tag") == ""
    with pytest.raises(Broken, match=r"podman image failed with exit code 125: .*no-such-tag"):
        podman(["image", "inspect", "localhost/ims-builder:no-such-tag"])
