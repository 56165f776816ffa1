"""builder/pod/inspection/boot.py: the kernel's modules and initrd, and an init that can be started."""

import json
from pathlib import Path

import pytest

from builder.contract.options import Options
from builder.pod.inspection.boot import check_init
from builder.pod.inspection.inspection import inspect_root
from tests.builder.whole_root import VERSION, Choices, make_root, program, put
from tests.builder_pod import run_in_builder


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


_LIST = """
import json, shutil, subprocess, sys
from pathlib import Path
sys.path.insert(0, "/usr/lib/ims")
from builder.contract.options import Options
from builder.pod.image_root.boot_choice import choose_boot_files
from builder.pod.inspection.boot import check_initrd_content
root, found = Path("/workspace/root"), {}
for version in ("6.1.0-31-amd64", "5.10.0-1-amd64", ""):
    shutil.rmtree("/tmp/tree", ignore_errors=True)
    for folder in (f"usr/lib/modules/{version}" if version else "usr/bin", "bin"):
        Path("/tmp/tree", folder).mkdir(parents=True)
        Path("/tmp/tree", folder, "file").touch()
    (root / "boot/initrd").unlink(missing_ok=True)
    pack = f"cd /tmp/tree && find . | cpio -o -H newc --quiet | zstd -q > {root}/boot/initrd"
    subprocess.run(["sh", "-c", pack], check=True)
    found[version] = [each.what for each in check_initrd_content(root, choose_boot_files(root, Options()))]
print(json.dumps(found))
"""


@pytest.mark.containers
def test_an_initrd_without_a_version_in_its_name_is_known_by_its_modules(tmp_path: Path) -> None:
    make_root(tmp_path / "root")
    ran = run_in_builder(["python3", "-c", _LIST], workspace=tmp_path)
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        VERSION: [],
        "5.10.0-1-amd64": [
            f"/boot/vmlinuz-{VERSION} is kernel {VERSION}, and /boot/initrd has the modules of 5.10.0-1-amd64"
        ],
        "": [],
    }, ran.stdout
