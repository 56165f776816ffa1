"""The scripts that run in an image root after `kiwi-ng system prepare`: images.sh, and those that make an initrd.

kiwi runs images.sh only when it also makes an image of its own, which is not needed here.
"""

from collections.abc import Callable
from pathlib import Path

from builder.pod.child import run
from builder.pod.image_root.boot_files import INITRD, find_optional
from builder.pod.image_root.mounts import kernel_file_systems
from builder.pod.step import StepFailed, say
from builder.pod.unsynced import unsynced

# What a Debian kernel package runs when it is installed, for each kernel there is.
_KERNEL_HOOKS = """
for kernel in /boot/vmlinuz-*; do
    [ -f "$kernel" ] || continue
    version=${kernel#/boot/vmlinuz-}
    DEB_MAINT_PARAMS=configure run-parts --exit-on-error --arg="$version" --arg="$kernel" /etc/kernel/postinst.d
done
"""


def run_images_script(root: Path, on_line: Callable[[str], None] = say) -> None:
    """Run the description's images.sh in the root, when it has one.

    Args:
        root: The image root.
        on_line: Gets each line that the script says.

    Raises:
        StepFailed: The script failed.
    """
    script = root / "image" / "images.sh"
    if script.is_file():
        # As kiwi does: a script without the executable bit is given to bash.
        interpreter = [] if script.stat().st_mode & 0o111 else ["bash"]
        _run_in(root, [*interpreter, "/image/images.sh"], "images.sh", on_line)


def make_missing_initrd(root: Path) -> None:
    """Run the kernels' installation hooks, held back during the build, when no script has made an initrd.

    Raises:
        StepFailed: A hook failed.
    """
    boot, hooks = root / "boot", root / "etc/kernel/postinst.d"
    if not boot.is_dir() or not hooks.is_dir() or _has_initrd(root, boot):
        return
    _run_in(root, ["sh", "-e", "-c", _KERNEL_HOOKS], "the kernel's installation hooks", say)


def _has_initrd(root: Path, boot: Path) -> bool:
    names = (entry.name for entry in boot.iterdir())
    return any(
        find_optional(root, name) for name in names if name.startswith("initr") or INITRD.versioned.fullmatch(name)
    )


def _run_in(root: Path, command: list[str], what: str, on_line: Callable[[str], None]) -> None:
    say(f"running {what} in the image root")
    with kernel_file_systems(root):
        exit_code = run(unsynced(["chroot", str(root), *command]), on_line=on_line)
    if exit_code:
        raise StepFailed(f"{what} failed in the image root with exit code {exit_code}")
