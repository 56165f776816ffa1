"""builder/pod/inspection/boot.py: the kernel's modules and initrd, and an init that can be started."""

from pathlib import Path

import pytest

from builder.contract.options import Options
from builder.pod.inspection.boot import check_init
from builder.pod.inspection.inspection import inspect_root
from tests.builder.whole_root import VERSION, Choices, make_root, program, put


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (program(), 0o644, "it is not executable"),
        (program("/lib/ld-musl-x86_64.so.1"), 0o755, "the image root has no /lib/ld-musl-x86_64.so.1, which it needs"),
        (b"#!/usr/bin/execlineb -P\n", 0o755, "the image root has no /usr/bin/execlineb, which it needs"),
    ],
    ids=["no run bit", "no program interpreter", "no interpreter"],
)
def test_an_init_that_cannot_be_started_is_found(content: bytes, mode: int, reason: str, tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    put(root, "lib/systemd/systemd", content, mode)
    [found] = check_init(root, Options(), "")
    assert found.what == f"the image root's init /usr/lib/systemd/systemd cannot be started: {reason}"


def test_a_link_that_leads_nowhere_is_no_init(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    (root / "lib/systemd/systemd").unlink()
    [found] = check_init(root, Options(), "")
    assert found.what == "the image root has no init: /sbin/init leads nowhere"


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + bytes(60) + b"\xff" * 64, program()[:100]])
def test_a_damaged_program_is_not_taken_apart(content: bytes, tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    put(root, "lib/systemd/systemd", content, 0o755)
    assert list(check_init(root, Options(), "")) == []


def test_the_kernel_parameters_say_which_init_is_started(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    assert list(check_init(root, Options(), "quiet init=/sbin/init")) == []
    [found] = check_init(root, Options(), "quiet init=/opt/init console=ttyS0")
    assert found.what == "the image root has no init: there is no /opt/init"
    put(root, "boot/kernel-parameters", "init=/sbin/init")
    assert list(check_init(root, Options(), "init=/opt/init")) == [], "the root's own file counts"


def test_a_root_without_any_modules_is_a_warning(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    (root / f"lib/modules/{VERSION}/modules.dep").unlink()
    inspection = inspect_root(root, Options())
    assert ([each.name for each in inspection.findings], inspection.errors) == (["no-modules"], ())


def test_a_kernel_beside_its_modules_passes(tmp_path: Path) -> None:
    assert inspect_root(make_root(tmp_path / "root", Choices(beside_modules=True)), Options()).findings == ()
