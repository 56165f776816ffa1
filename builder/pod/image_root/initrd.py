"""Rebuilding an image root's initrd: by its own dracut, with the modules that the old one has, or by mkinitramfs."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from builder.contract.options import Options
from builder.pod.enclosure import Command, run_enclosed
from builder.pod.image_root.boot_choice import choose_boot_files, choose_kernel
from builder.pod.image_root.boot_files import find_optional, initrd_version, resolve_in_root
from builder.pod.image_root.kernel import Kernels, kernels_of, version_of
from builder.pod.step import StepFailed, say
from builder.pod.whole_file import whole_file

# In /boot, so that a rename makes it the initrd.
_NEW = ".initrd.of-ims"
_DRACUT = ("usr/bin/dracut", "usr/sbin/dracut", "sbin/dracut")
_MKINITRAMFS = ("usr/sbin/mkinitramfs",)
_LIMIT_SECONDS = 1800.0


@dataclass(frozen=True)
class Before:
    """The root as it was before it was changed: its kernels, and a copy of its initrd when it had one."""

    kernels: Kernels
    initrd: Path | None


def is_due(root: Path, before: Before, options: Options) -> bool:
    """Return whether a root's initrd is to be rebuilt: that was asked for, or its kernel has changed."""
    return options.rebuild_initrd or kernels_of(root, options) != before.kernels


def rebuild_initrd(root: Path, before: Before, options: Options) -> None:
    """Rebuild the initrd when that is due.

    Args:
        root: The image root, ready for programs that run in it.
        before: What it was.
        options: The names of kernel and initrd, and whether it was asked for.

    Raises:
        StepFailed: The root has nothing to make an initrd by, or that failed.
    """
    if not is_due(root, before, options):
        return
    kernel = choose_kernel(root, options)
    version = version_of(root, kernel)
    modules = dracut_modules(before.initrd) if before.initrd else []
    words = _program(root, version, modules)
    if not words:
        if not options.rebuild_initrd and _is_another(root, before, options):
            say("the kernel has changed, and so has the initrd: it is kept as it is")
            return
        raise StepFailed(
            f"the initrd cannot be rebuilt for kernel {version}: the image root has neither dracut nor mkinitramfs",
            advice="install dracut in the image, or put the initrd of the new kernel there yourself",
        )
    why = "as asked for" if options.rebuild_initrd else "because the kernel has changed"
    say(f"rebuilding the initrd of kernel {version}, {why}: {' '.join(words)}")
    target = _place(root, version, options)
    with whole_file(target, beside=resolve_in_root(root, "boot") / _NEW) as new:
        ending = run_enclosed(Command(words, root, _LIMIT_SECONDS))
        if ending.exit_code or ending.cut or not new.is_file() or not new.stat().st_size:
            raise StepFailed(f"{words[0]} made no initrd of kernel {version}: exit code {ending.exit_code}")
    say(f"/boot/{target.name} is the new initrd, {target.stat().st_size} bytes")


def dracut_modules(initrd: Path) -> list[str]:
    """Return the dracut modules that an initrd was made of; none when dracut did not make it."""
    listed = subprocess.run(["lsinitrd", "-m", str(initrd)], capture_output=True, text=True, check=False)
    _, found, after = listed.stdout.partition("dracut modules:\n")
    names = after.partition("\n=")[0].split("\n") if found else []
    return [name.strip() for name in names if name.strip()]


def _program(root: Path, version: str, modules: list[str]) -> list[str]:
    """Return the command that makes an initrd in the root; none when there is nothing to make it by."""
    target = f"/boot/{_NEW}"
    dracut, mkinitramfs = _first(root, _DRACUT), _first(root, _MKINITRAMFS)
    if not dracut or (mkinitramfs and not modules):
        return [mkinitramfs, "-o", target, version] if mkinitramfs else []
    # Not for this host, which is not the node that boots.
    command = [dracut, "--force", "--no-hostonly", "--kver", version]
    if modules:
        command += ["--modules", " ".join(_still_there(root, modules))]
    else:
        say("the modules of the old initrd are not known: dracut takes those of its configuration")
    return [*command, target]


def _first(root: Path, places: tuple[str, ...]) -> str:
    for place in places:
        try:
            if resolve_in_root(root, place).is_file():
                return f"/{place}"
        except (FileNotFoundError, NotADirectoryError):
            continue
    return ""


def _still_there(root: Path, modules: list[str]) -> list[str]:
    """Leave out the modules that the root's dracut does not have: it would fail at the first of them."""
    folder = root / "usr/lib/dracut/modules.d"
    # Their folders have the names of the modules, after two digits that order them.
    known = {entry.name.lstrip("0123456789") for entry in folder.iterdir()} if folder.is_dir() else set(modules)
    if gone := [name for name in modules if name not in known]:
        say(f"the dracut of the image root no longer has the module {', '.join(gone)}: the initrd is built without it")
    return [name for name in modules if name in known]


def _is_another(root: Path, before: Before, options: Options) -> bool:
    """Return whether the root's initrd was made for the kernel that it has now: its name or its content says so."""
    try:
        files = choose_boot_files(root, options)
    except StepFailed:
        return False
    named = initrd_version(files.initrd.name)
    its_own = bool(named) and named == files.version
    return its_own or before.initrd is None or _sha256(files.initrd) != _sha256(before.initrd)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _place(root: Path, version: str, options: Options) -> Path:
    """Return the new initrd's place: the job's name; where that is a link to one of the same kernel, its target."""
    named = find_optional(root, options.initrd_file_name)
    return named if named and version in named.name else resolve_in_root(root, "boot") / options.initrd_file_name
