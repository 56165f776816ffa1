"""The base of the second builder image: kiwi 11, for the descriptions that kiwi 9.24 does not read.

Its packages (kiwi11.txt) are installed on this host into a folder, which becomes a layer: containers reach no index.
"""

import hashlib
import logging
import shutil
from pathlib import Path

from builder.base import base_inputs, base_reference
from builder.pip import install
from builder.podman import podman

logger = logging.getLogger(__name__)

NAME = "localhost/ims-builder-base-kiwi11"

_HERE = Path(__file__).parent
_RESOLUTION = "name a finished image by IMS_BUILDER_IMAGE_KIWI11, or give this host's pip an index that it reaches"
_CONTAINERFILE, _PINS, _PROGRAM = _HERE / "Containerfile.kiwi11", _HERE / "kiwi11.txt", _HERE / "kiwi-ng"


def kiwi11_inputs() -> str:
    """Return the digest of all that decides what this base holds: the first base's, and the files of this layer."""
    digest = hashlib.sha256(base_inputs().encode())
    for file in (_CONTAINERFILE, _PINS, _PROGRAM):
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def kiwi11_reference() -> str:
    """Return the reference of this base, built or not."""
    return f"{NAME}:{kiwi11_inputs()[:12]}"


def build_kiwi11(scratch: Path) -> None:
    """Build this base on the first, which has to be there, in about ten seconds.

    Args:
        scratch: A folder of the caller's, who removes it.

    Raises:
        Unreachable: pip does not get the packages.
        Broken: pip or Podman is missing or failed.
    """
    context = scratch / "kiwi11"
    context.mkdir()
    logger.info("fetching kiwi 11 and its Python packages")
    # Without dependencies: the pins are all that is needed, and others may be compiled, for this host's Python.
    install(
        context / "packages",
        ["--no-deps", "--requirement", str(_PINS)],
        scratch,
        whose="kiwi 11",
        resolution=_RESOLUTION,
    )
    shutil.copyfile(_PROGRAM, context / "kiwi-ng")
    podman(
        [
            *("build", "--quiet", "--pull=never", "--tag", kiwi11_reference()),
            *("--label", f"ims.inputs={kiwi11_inputs()}", "--build-arg", f"BASE={base_reference()}"),
            *("--file", str(_CONTAINERFILE), str(context)),
        ]
    )
