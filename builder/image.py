"""The builder images: made when needed, named by a digest of their inputs, so that one name is always one content.

There are two, with the same programs: one on the base with kiwi 9.24, one on that with kiwi 11. `python -m
builder.image` prints a reference and builds the image first when it is missing; progress goes to stderr.
"""

import argparse
import hashlib
import logging
import shutil
import sys
from pathlib import Path
from typing import Literal

from builder.base import base_inputs, base_reference, build_base
from builder.command import print_reference
from builder.kiwi11 import build_kiwi11, kiwi11_inputs, kiwi11_reference
from builder.podman import has_image, podman
from builder.scratch import one_at_a_time

logger = logging.getLogger(__name__)

# By major version.
Kiwi = Literal[9, 11]

NAMES: dict[Kiwi, str] = {9: "localhost/ims-builder", 11: "localhost/ims-builder-kiwi11"}
_HERE = Path(__file__).parent
# All of this package that the image holds; what makes the image stays outside.
_SHIPPED = ("__init__.py", "contract", "pod", "programs", "ansible")


def builder_image_reference(kiwi: Kiwi = 9) -> str:
    """Return the reference of the builder image that belongs to this source tree, built or not."""
    return f"{NAMES[kiwi]}:{image_inputs(kiwi)[:12]}"


def image_inputs(kiwi: Kiwi = 9) -> str:
    """Return the digest of all inputs: the base's, the Containerfile and the programs."""
    digest = hashlib.sha256((base_inputs() if kiwi == 9 else kiwi11_inputs()).encode())
    for file in (_HERE / "Containerfile", *shipped_files()):
        digest.update(f"\0{file.relative_to(_HERE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def shipped_files() -> list[Path]:
    """Return the files that are copied into the image, in a fixed order."""
    found: set[Path] = set()
    for name in _SHIPPED:
        path = _HERE / name
        found.update(path.rglob("*.py") if path.is_dir() else [path])
    return sorted(found)


def ensure_builder_image(kiwi: Kiwi = 9, *, fresh: bool = False) -> str:
    """Return a builder image's reference, building what is missing of it first.

    Safe to call at the same time from several processes: one builds, the others wait. A cut-off build leaves no image.

    Args:
        kiwi: The kiwi that it is to hold.
        fresh: Build again what is there, to get the Debian archive's newest packages.

    Raises:
        Unreachable: Packages cannot be fetched at the moment.
        Broken: A program it needs is missing or failed.
    """
    reference = builder_image_reference(kiwi)
    if has_image(reference) and not fresh:
        return reference
    with one_at_a_time() as scratch:
        if fresh or not has_image(base_reference()):
            logger.info("building the base of the builder image (once; one to three minutes)")
            build_base(scratch)
        if kiwi == 11 and (fresh or not has_image(kiwi11_reference())):
            logger.info("adding kiwi 11 to the base of the builder image (once; some ten seconds)")
            build_kiwi11(scratch)
        if fresh or not has_image(reference):
            _build_programs_layer(kiwi, scratch)
            logger.info("built %s", reference)
    return reference


def _build_programs_layer(kiwi: Kiwi, scratch: Path) -> None:
    context = scratch / "context"
    for file in shipped_files():
        copy = context / "builder" / file.relative_to(_HERE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    base = base_reference() if kiwi == 9 else kiwi11_reference()
    podman(
        [
            *("build", "--quiet", "--pull=never", "--tag", builder_image_reference(kiwi)),
            *("--label", f"ims.inputs={image_inputs(kiwi)}", "--build-arg", f"BASE={base}"),
            *("--file", str(_HERE / "Containerfile"), str(context)),
        ]
    )


def main() -> int:
    """Build the image when needed and print its reference."""
    parser = argparse.ArgumentParser(prog="python -m builder.image", description=main.__doc__)
    parser.add_argument("--fresh", action="store_true", help="build again, with the Debian archive's newest packages")
    parser.add_argument("--kiwi", type=int, choices=NAMES, default=9, help="the kiwi that the image is to hold")
    arguments = parser.parse_args()
    return print_reference(lambda: ensure_builder_image(arguments.kiwi, fresh=arguments.fresh))


if __name__ == "__main__":
    sys.exit(main())
