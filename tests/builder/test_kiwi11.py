"""Tests of builder/kiwi11.py: the second builder image, built and used."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.base import base_reference
from builder.image import builder_image_reference, ensure_builder_image, image_inputs
from builder.kiwi11 import kiwi11_reference
from builder.podman import has_image, podman
from tests.builder.test_image import copy, processes_left_that_name, processes_that_name
from tests.builder.test_pod_programs import Lab, lab
from tests.builder_pod import run_in_builder
from tests.distribution import KERNEL_VERSION
from tests.repository import REPOSITORY

__all__ = ["copy", "lab"]

PINS = REPOSITORY / "builder/kiwi11.txt"


def references(copy: Path) -> list[str]:
    ask = (
        "from builder.image import *; from builder.kiwi11 import *;"
        "print(builder_image_reference(9), builder_image_reference(11), kiwi11_reference())"
    )
    asked = subprocess.run([sys.executable, "-c", ask], cwd=copy, capture_output=True, text=True, check=True)
    return asked.stdout.split()


def start_build(copy: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "builder.image", "--kiwi", "11"],
        cwd=copy,
        env={**os.environ, "XDG_CACHE_HOME": str(copy / "cache"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command_lines(copy: Path) -> list[str]:
    """Return the command lines that name the copy's build."""
    lines = []
    for process in processes_that_name(copy / "cache"):
        with contextlib.suppress(OSError):
            lines.append((process / "cmdline").read_text(errors="replace"))
    return lines


def change(copy: Path) -> list[str]:
    """Make the copy's second image another one, and return the references that belong to it alone."""
    pins = copy / "builder/kiwi11.txt"
    pins.write_text(f"{pins.read_text()}# {copy}\n")
    return references(copy)[1:]


def test_changed_pins_make_another_second_image_and_leave_the_first(copy: Path) -> None:
    before = references(copy)
    assert before == [builder_image_reference(), builder_image_reference(11), kiwi11_reference()]
    change(copy)
    after = references(copy)
    assert after[0] == before[0]
    assert not set(after[1:]) & set(before[1:])


@pytest.mark.containers
def test_of_two_that_need_it_at_once_one_builds_it(copy: Path) -> None:
    ensure_builder_image(11)
    mine = change(copy)
    try:
        ended = [build.communicate(timeout=120) for build in [start_build(copy), start_build(copy)]]
        assert [printed for printed, _ in ended] == [f"{mine[0]}\n"] * 2
        progress = sorted(progress for _, progress in ended)
        assert progress[0] == ""
        assert progress[1].endswith(f"fetching kiwi 11 and its Python packages\nbuilt {mine[0]}\n")
        parents = podman(["image", "inspect", "--format", "{{json .RootFS.Layers}}", base_reference(), *mine])
        base, image, middle = map(json.loads, parents.splitlines())
        assert image[: len(middle)] == middle
        assert middle[: len(base)] == base
    finally:
        podman(["rmi", "--ignore", *mine])


@pytest.mark.containers
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_build_that_is_cut_off_leaves_no_image_and_no_process(copy: Path, how: signal.Signals) -> None:
    ensure_builder_image(11)
    mine = change(copy)
    build = start_build(copy)
    assert build.stderr is not None
    assert any("fetching kiwi 11" in line for line in build.stderr)
    end = time.monotonic() + 20
    # Before setpriv has asked for it, nothing ends with us.
    while not any("kiwi11/packages" in line and "setpriv" not in line for line in command_lines(copy)):
        assert time.monotonic() < end
        time.sleep(0.01)
    build.send_signal(how)
    build.communicate(timeout=60)
    assert build.returncode in {143, -how}
    assert not processes_left_that_name(copy)
    assert not any(map(has_image, mine))
    if how == signal.SIGTERM:
        assert [entry.name for entry in (copy / "cache/ims").iterdir()] == ["builder.lock"]


@pytest.mark.containers
def test_packages_that_cannot_be_fetched_are_named_with_what_to_do(copy: Path) -> None:
    ensure_builder_image(11)
    mine = change(copy)
    build = start_build(copy, PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    _, said = build.communicate(timeout=120)
    assert build.returncode == 1
    last = said.splitlines()[-1]
    assert last.startswith("error: the packages of kiwi 11 cannot be fetched: ")
    assert "IMS_BUILDER_IMAGE_KIWI11" in last
    assert not any(map(has_image, mine))


@pytest.mark.containers
def test_the_image_holds_what_is_pinned_and_says_what_it_was_made_of(tmp_path: Path) -> None:
    image = ensure_builder_image(11)
    labels = json.loads(podman(["image", "inspect", "--format", "{{json .Labels}}", image]))
    assert labels["ims.inputs"] == image_inputs(11)
    listing = run_in_builder(
        ["sh", "-c", "ls /usr/lib/kiwi11; find /usr/lib/kiwi11 -name '*.so' >&2; kiwi-ng --version; dnf --version"],
        workspace=tmp_path,
        image=image,
    )
    assert listing.returncode == 0, listing.stdout
    installed = {line.removesuffix(".dist-info") for line in listing.stdout.splitlines() if ".dist-info" in line}
    pinned = {line.replace("==", "-").replace("_", "-") for line in PINS.read_text().splitlines() if "==" in line}
    assert {name.replace("_", "-") for name in installed} == pinned
    assert ".so" not in listing.stdout, "compiled for one architecture and one release of Python"


@pytest.mark.containers
@pytest.mark.parametrize("schema", ["7.6", "8.0", "8.5"])
def test_a_description_of_a_newer_schema_is_built_and_packaged(lab: Lab, schema: str) -> None:
    lab.image = ensure_builder_image(11)
    lab.edit('schemaversion="6.8"', f'schemaversion="{schema}"')
    with (lab.description / "config.sh").open("a") as script:
        script.write("echo made for tiny\n")
    (lab.description / "images.sh").write_text(
        "set -e\ntest -f /.kconfig -a -f /image/config.xml\necho i > /boot/made\n"
    )
    prepared = lab.prepare()
    assert prepared.returncode == 0, prepared.stdout
    assert "building the image root with kiwi-ng 11.1.6" in prepared.stdout.splitlines()
    assert (lab.workspace / "root/etc/motd").read_text() == "made by config.sh\n"
    assert "config.sh: made for tiny" in prepared.stdout.splitlines()
    assert (lab.workspace / "root/boot/made").read_text() == "i\n"
    # The pods after it run in the first image.
    lab.image = ensure_builder_image()
    result = lab.package()
    assert result["kernel"] == f"vmlinuz-{KERNEL_VERSION}"
    listing = run_in_builder(["unsquashfs", "-lln", "/workspace/artifacts/rootfs"], workspace=lab.workspace).stdout
    assert "squashfs-root/usr/bin/busybox" in listing
    assert not re.search(r"squashfs-root/(image|\.kconfig|\.profile|var/cache/kiwi)", listing)


@pytest.mark.containers
def test_kiwi_9_refuses_a_newer_schema_so_that_the_choice_matters(lab: Lab) -> None:
    lab.edit('schemaversion="6.8"', 'schemaversion="8.0"')
    ran = lab.prepare()
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1].startswith("error: kiwi-ng system prepare failed: KiwiDescriptionInvalid")
