"""Whether an image boots: its kernel has modules and an initrd of its own, and its init can be started."""

import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from builder.contract.options import Options
from builder.pod.image_root.boot_choice import BootFiles, shown_in_root
from builder.pod.image_root.boot_files import initrd_version
from builder.pod.image_root.kernel import stated_version
from builder.pod.image_root.kernel_modules import module_versions
from builder.pod.inspection.file_in_root import begin_of, find, text_of
from builder.pod.inspection.found import Found, listed

# What dracut's and the kernel's own search end with is a shell: that is no init.
_INITS = ("sbin/init", "etc/init", "init", "bin/init")
_PARAMETER = re.compile(r"(?:^|\s)init=(\S+)")
_MODULES = re.compile(r"\s(?:usr/)?lib/modules/([^/\s]+)/")
_INTERPRETER = 3
_LONGEST_HEADER_BYTES = 64 << 10


def check_boot(root: Path, files: BootFiles) -> Iterator[Found]:
    """Check the kernel and the initrd that were chosen."""
    version, kernel = stated_version(files.kernel), shown_in_root(root, files.kernel)
    yield from _check_modules(root, kernel, version)
    of_initrd = initrd_version(files.initrd.name)
    if version and of_initrd and of_initrd != version:
        yield Found(
            "initrd-of-another-kernel",
            f"{kernel} is kernel {version}, and {shown_in_root(root, files.initrd)} is the initrd of {of_initrd}",
            f"make the initrd of {version}: dracut --no-hostonly --force /boot/initrd {version}",
        )
    if files.others and files.version:
        yield Found(
            "several-kernels",
            f"{kernel} is packed, and the image root has also the kernels {listed(files.others)}",
            "remove those that are not wanted: each takes room for its modules",
        )


def check_initrd_content(root: Path, files: BootFiles) -> Iterator[Found]:
    """Check the modules in an initrd whose name does not tell which kernel it is of."""
    version = stated_version(files.kernel)
    if not version or initrd_version(files.initrd.name):
        return
    inside = _module_versions_in(files.initrd)
    if inside and version not in inside:
        yield Found(
            "initrd-of-another-kernel",
            f"{shown_in_root(root, files.kernel)} is kernel {version}, and {shown_in_root(root, files.initrd)} has the "
            f"modules of {listed(inside)}",
            f"make the initrd of {version}: dracut --no-hostonly --force /boot/initrd {version}",
        )


def check_init(root: Path, options: Options, parameters: str) -> Iterator[Found]:
    """Check the program that the initrd starts in the root.

    Args:
        root: The image root.
        options: The job's.
        parameters: The image's kernel parameters.
    """
    own = text_of(root, f"boot/{options.kernel_parameters_file_name}") or parameters
    asked = _PARAMETER.search(own)
    places = (asked[1].lstrip("/"),) if asked else _INITS
    found = [file for place in places if (file := find(root, place)) and file.is_file()]
    if not found:
        broken = [f"/{place}" for place in places if (root / place).is_symlink()]
        what = (
            f"{listed(broken)} leads nowhere" if broken else f"there is no {' or '.join(f'/{each}' for each in places)}"
        )
        yield Found("no-init", f"the image root has no init: {what}", "add the package of the init, usually systemd")
        return
    if reason := _cannot_start(root, found[0]):
        place = shown_in_root(root, found[0])
        yield Found("no-init", f"the image root's init {place} cannot be started: {reason}", "see what replaced it")


def _check_modules(root: Path, kernel: str, version: str) -> Iterator[Found]:
    known = module_versions(root)
    if not known:
        yield Found(
            "no-modules",
            f"the image root has no kernel modules: {kernel} boots with what is built into it",
            "add the kernel's package of modules, or run depmod if they were copied",
        )
    elif version and version not in known:
        yield Found(
            "kernel-without-modules",
            f"{kernel} is kernel {version}, and the image root has no modules of it: /lib/modules has {listed(known)}",
            "install the kernel and its modules together, or name the kernel to boot as the job's kernel file",
        )


def _module_versions_in(initrd: Path) -> list[str]:
    """Return the versions of the kernels that an initrd has modules of; none when it cannot be listed."""
    try:
        said = subprocess.run(["lsinitrd", str(initrd)], capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        return []
    return sorted(set(_MODULES.findall(said.stdout)))


def _cannot_start(root: Path, file: Path) -> str:
    """Return why a program cannot be started in the root; empty when nothing is known against it."""
    if not file.stat().st_mode & 0o111:
        return "it is not executable"
    begin = begin_of(file, _LONGEST_HEADER_BYTES)
    interpreter = _script_interpreter(begin) if begin.startswith(b"#!") else _elf_interpreter(begin)
    if interpreter and find(root, interpreter.lstrip("/")) is None:
        return f"the image root has no {interpreter}, which it needs"
    return ""


def _script_interpreter(begin: bytes) -> str:
    words = begin[2:].partition(b"\n")[0].split()
    return words[0].decode(errors="replace") if words else ""


def _elf_interpreter(begin: bytes) -> str:
    """Return the program interpreter that a 64-bit ELF file names (elf(5), PT_INTERP); empty when it names none."""
    if not begin.startswith(b"\x7fELF\x02\x01") or len(begin) < 64:
        return ""
    [table] = struct.unpack_from("<Q", begin, 32)
    size, count = struct.unpack_from("<HH", begin, 54)
    for number in range(count):
        at = table + number * size
        if at + 40 > len(begin):
            break
        [kind], (offset,), (length,) = (
            struct.unpack_from("<I", begin, at),
            struct.unpack_from("<Q", begin, at + 8),
            struct.unpack_from("<Q", begin, at + 32),
        )
        if kind == _INTERPRETER:
            return begin[offset : offset + length].rstrip(b"\0").decode(errors="replace")
    return ""
