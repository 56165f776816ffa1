"""The kernel of an image root: which version it is, and whether it is still the one that was there before."""

import gzip
import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from builder.contract.options import Options
from builder.pod.image_root.boot_choice import choose_kernel, shown_in_root
from builder.pod.image_root.boot_files import kernel_version
from builder.pod.image_root.kernel_modules import module_versions
from builder.pod.step import StepFailed

# Documentation/arch/x86/boot.rst: the setup header's magic, and where it says where the version stands.
_HEADER, _HEADER_AT, _VERSION_AT, _SETUP_BYTES = b"HdrS", 0x202, 0x20E, 0x200
# The first line that a kernel prints when it boots; an Image of aarch64 has no header with it.
_BANNER = re.compile(rb"Linux version (\d[!-~]*)")
_VERSION = re.compile(r"\d[!-~]*")


@dataclass(frozen=True)
class Kernels:
    """What of a root's kernels matters to an initrd: their module trees, and the content of the one that boots."""

    module_versions: tuple[str, ...]
    sha256: str


def kernels_of(root: Path, options: Options) -> Kernels:
    """Return what a root's kernels are now; one without the job's kernel has no content of it."""
    try:
        file = choose_kernel(root, options)
    except StepFailed:
        return Kernels(tuple(module_versions(root)), "")
    with file.open("rb") as opened:
        return Kernels(tuple(module_versions(root)), hashlib.file_digest(opened, "sha256").hexdigest())


def version_of(root: Path, kernel: Path) -> str:
    """Return the version of the kernel in a file, of which the root has modules.

    It is read from the file; else from its name; else it is that of the only tree of modules.

    Raises:
        StepFailed: It is none of those that the root has modules of, or its version is not known.
    """
    known = module_versions(root)
    said = stated_version(kernel)
    if said in known:
        return said
    if not said and len(known) == 1:
        return known[0]
    listed, place = ", ".join(known) or "none", shown_in_root(root, kernel)
    if said:
        raise StepFailed(
            f"{place} is kernel {said}, and the image root has no modules of it: /lib/modules has {listed}",
            advice="install the kernel and its modules together, or name the kernel to boot as the job's kernel file",
        )
    raise StepFailed(f"the version of {place} is not known: /lib/modules has {listed}")


def stated_version(kernel: Path) -> str:
    """Return the version of a kernel, as it or its place says; empty when neither does."""
    return _version_in_file(kernel) or kernel_version(kernel)


def _version_in_file(kernel: Path) -> str:
    """Return the version that the file says of itself; nothing when it is in no form that does."""
    with kernel.open("rb") as file:
        begin = file.read(_VERSION_AT + 2)
        if begin[_HEADER_AT : _HEADER_AT + 4] == _HEADER:
            [at] = struct.unpack_from("<H", begin, _VERSION_AT)
            file.seek(at + _SETUP_BYTES)
            words = file.read(256).partition(b"\0")[0].decode("ascii", "replace").split()
            return words[0] if words and _VERSION.fullmatch(words[0]) else ""
    return _banner_version(kernel)


def _banner_version(kernel: Path) -> str:
    body = kernel.read_bytes()
    if body.startswith(b"\x1f\x8b"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError):
            return ""
    found = _BANNER.search(body)
    return found[1].decode() if found else ""
