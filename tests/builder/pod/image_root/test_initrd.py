"""Tests of builder/pod/image_root/initrd.py: when an initrd is rebuilt, by what, and where it goes.

The dracut here is a script that notes how it was called; tests/flows/test_boot.py boots what the real one makes.
"""

import subprocess
from pathlib import Path

import pytest

from builder.contract.options import Options
from builder.pod.image_root.boot_choice import choose_boot_files
from tests.builder.small_root import VERSION, Workspace
from tests.builder_pod import run_in_builder

pytestmark = pytest.mark.containers

_NOTING = '#!/bin/sh\necho "$0 $*"\nfor last; do :; done\necho "of {name}" > "$last"\n'
# As dracut packs it: a cpio archive that holds the list of its modules.
_WITH_MODULES = """
set -e
mkdir -p /workspace/tree/usr/lib/dracut && cd /workspace/tree && printf '%s\\n' bash base gone dmsquash-live \
    > usr/lib/dracut/modules.txt && find . | cpio -o -H newc --quiet | zstd -q > /workspace/root/boot/initrd
"""
NEW_KERNEL = "echo another > /boot/vmlinuz\n"


def add_dracut(workspace: Workspace, *modules: str) -> None:
    for module in modules:
        (workspace.root / "usr/lib/dracut/modules.d" / module).mkdir(parents=True)
    add_program(workspace, "usr/bin/dracut", _NOTING.format(name="dracut"))


def add_program(workspace: Workspace, place: str, text: str) -> None:
    file = workspace.root / place
    file.write_text(text)
    file.chmod(0o755)


def initrd(workspace: Workspace) -> str:
    return (workspace.root / "boot/initrd").read_text()


def last_line(ran: subprocess.CompletedProcess[str]) -> str:
    return ran.stdout.splitlines()[-1]


def test_the_initrd_of_another_kernel_has_the_modules_that_the_old_one_had(workspace: Workspace) -> None:
    add_dracut(workspace, "00bash", "99base", "90dmsquash-live", "95other")
    environment = workspace.environment({"run.sh": f"rm /boot/initrd\n{NEW_KERNEL}"}, "run.sh")
    ran = run_in_builder(
        ["sh", "-c", f"{_WITH_MODULES}cd /; exec python3 -m builder.programs.script"],
        workspace=workspace.folder,
        environment=environment,
    )
    assert ran.returncode == 0, ran.stdout
    called = f"/usr/bin/dracut --force --no-hostonly --kver {VERSION} --modules bash base dmsquash-live /boot/"
    assert any(line.startswith(called) for line in ran.stdout.splitlines()), ran.stdout
    assert "no longer has the module gone" in ran.stdout
    assert initrd(workspace) == "of dracut\n"
    assert sorted(file.name for file in (workspace.root / "boot").iterdir()) == ["initrd", "vmlinuz"]


@pytest.mark.parametrize(
    ("script", "asked", "made"),
    [("true", False, False), ("true", True, True), (NEW_KERNEL, False, True),
     ("mkdir /lib/modules/7.0; touch /lib/modules/7.0/modules.dep; mv /boot/vmlinuz /boot/vmlinuz-7.0\n", False, True)],
    ids=["the same kernel", "asked for", "another kernel", "another kernel of another name"],
)  # fmt: skip
def test_the_initrd_is_rebuilt_when_asked_for_or_for_another_kernel(
    workspace: Workspace, script: str, asked: bool, made: bool
) -> None:
    add_dracut(workspace)
    workspace.options(rebuild_initrd=asked)
    ran = workspace.script(script)
    assert ran.returncode == 0, ran.stdout
    assert initrd(workspace) == ("of dracut\n" if made else "initrd")


def test_a_link_to_the_initrd_of_the_same_kernel_stays_and_one_to_another_is_replaced(workspace: Workspace) -> None:
    add_dracut(workspace)
    boot = workspace.root / "boot"
    (boot / "initrd").rename(boot / f"initrd-{VERSION}")
    (boot / "initrd").symlink_to(f"initrd-{VERSION}")
    workspace.options(rebuild_initrd=True)
    assert workspace.script("true").returncode == 0
    assert ((boot / "initrd").is_symlink(), (boot / f"initrd-{VERSION}").read_text()) == (True, "of dracut\n")
    workspace.forget()
    new = f"mv /lib/modules/{VERSION} /lib/modules/7.0; echo new > /boot/vmlinuz; echo stays > /boot/initrd-{VERSION}\n"
    assert workspace.script(new).returncode == 0
    assert ((boot / "initrd").is_symlink(), initrd(workspace)) == (False, "of dracut\n")
    assert (boot / f"initrd-{VERSION}").read_text() == "stays\n"


def test_a_root_without_dracut_uses_mkinitramfs(workspace: Workspace) -> None:
    add_program(workspace, "usr/sbin/mkinitramfs", _NOTING.format(name="mkinitramfs").replace('"$last"', '"$2"'))
    ran = workspace.script(NEW_KERNEL)
    assert ran.returncode == 0, ran.stdout
    assert initrd(workspace) == "of mkinitramfs\n"


def test_a_root_with_neither_is_an_error_unless_its_initrd_was_changed_too(workspace: Workspace) -> None:
    ran = workspace.script(NEW_KERNEL)
    assert last_line(ran) == (
        f"error: the initrd cannot be rebuilt for kernel {VERSION}: the image root has neither dracut nor mkinitramfs"
    )
    workspace.forget()
    ran = workspace.script("echo own > /boot/initrd\n")
    assert ran.returncode == 0, ran.stdout
    assert initrd(workspace) == "own\n"


def test_a_dracut_that_fails_is_the_error_and_leaves_the_old_initrd(workspace: Workspace) -> None:
    add_program(workspace, "usr/bin/dracut", "#!/bin/sh\nfor last; do :; done; echo half > $last; exit 7\n")
    workspace.options(rebuild_initrd=True)
    ran = workspace.script("true")
    assert last_line(ran) == f"error: /usr/bin/dracut made no initrd of kernel {VERSION}: exit code 7"
    assert initrd(workspace) == "initrd"
    assert sorted(file.name for file in (workspace.root / "boot").iterdir()) == ["initrd", "vmlinuz"]


def test_the_kernel_of_an_update_is_taken_with_the_initrd_that_came_with_it(workspace: Workspace) -> None:
    boot = workspace.root / "boot"
    for name in ("vmlinuz", "initrd"):
        (boot / name).rename(boot / f"{name}-{VERSION}")
    ran = workspace.script((Path(__file__).parents[2] / "field_cases/two-kernels.sh").read_text())
    assert ran.returncode == 0, ran.stdout
    found = choose_boot_files(workspace.root, Options())
    assert (found.kernel.name, found.initrd.name) == ("vmlinuz-9.9.9-new", "initrd-9.9.9-new")
