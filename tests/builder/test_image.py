"""Tests of builder/image.py and builder/base.py."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from builder.base import base_inputs, base_reference
from builder.image import builder_image_reference, ensure_builder_image, image_inputs, shipped_files
from builder.podman import has_image, podman
from errors import Broken
from tests.builder_pod import run_in_builder

BUILDER = Path(__file__).parents[2] / "builder"


def test_only_the_programs_are_shipped() -> None:
    shipped = {str(file.relative_to(BUILDER)) for file in shipped_files()}
    assert {"__init__.py", "programs/__init__.py", "programs/prepare.py", "programs/package.py"} <= shipped
    assert all(name == "__init__.py" or name.startswith("programs/") for name in shipped)


def test_the_names_follow_from_the_inputs() -> None:
    assert builder_image_reference() == f"localhost/ims-builder:{image_inputs()[:12]}"
    assert base_reference() == f"localhost/ims-builder-base:{base_inputs()[:12]}"


def test_a_changed_program_makes_another_image_on_the_same_base(tmp_path: Path) -> None:
    copy = tmp_path / "builder"
    subprocess.run(["cp", "-r", BUILDER, copy], check=True)
    subprocess.run(["cp", BUILDER.parent / "errors.py", tmp_path], check=True)
    ask = "from builder.image import *; print(builder_image_reference(), base_reference())"

    def references() -> list[str]:
        asked = subprocess.run(["python3", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
        return asked.stdout.split()

    before = references()
    assert before == [builder_image_reference(), base_reference()]
    program = copy / "programs" / "prepare.py"
    program.write_text(program.read_text() + "\n# changed\n")
    after = references()
    assert after[0] != before[0]
    assert after[1] == before[1]


@pytest.mark.containers
def test_an_image_that_is_there_is_not_built_again() -> None:
    reference = ensure_builder_image()
    before = podman(["image", "inspect", "--format", "{{.Id}} {{.Created}}", reference])
    assert ensure_builder_image() == reference == builder_image_reference()
    assert podman(["image", "inspect", "--format", "{{.Id}} {{.Created}}", reference]) == before


@pytest.mark.containers
def test_the_image_says_what_it_was_made_of() -> None:
    labels = json.loads(podman(["image", "inspect", "--format", "{{json .Labels}}", ensure_builder_image()]))
    assert labels["ims.inputs"] == image_inputs()


@pytest.mark.containers
def test_the_image_holds_the_programs_of_this_tree_and_what_they_call(tmp_path: Path) -> None:
    tools = "kiwi-ng zypper dnf rpmbuild createrepo_c debootstrap mksquashfs dracut sshd curl gpg rsync"
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
def test_what_podman_refuses_is_told() -> None:
    assert not has_image("localhost/ims-builder:no-such-tag")
    with pytest.raises(Broken, match=r"podman image failed with exit code 125: .*no-such-tag"):
        podman(["image", "inspect", "localhost/ims-builder:no-such-tag"])
