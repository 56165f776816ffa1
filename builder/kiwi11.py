"""The base of the second builder image: kiwi 11, for the descriptions that kiwi 9.24 does not read.

Its packages (kiwi11.txt) are installed on this host into a folder, which becomes a layer: containers reach no index.
"""

import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from builder.base import base_inputs, base_reference, confinement
from builder.podman import podman
from errors import Broken, Unreachable

logger = logging.getLogger("ims.builder")

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
    _install(context / "packages", scratch)
    shutil.copyfile(_PROGRAM, context / "kiwi-ng")
    podman(
        [
            *("build", "--quiet", "--pull=never", "--tag", kiwi11_reference()),
            *("--label", f"ims.inputs={kiwi11_inputs()}", "--build-arg", f"BASE={base_reference()}"),
            *("--file", str(_CONTAINERFILE), str(context)),
        ]
    )


def _install(folder: Path, scratch: Path) -> None:
    # Without dependencies: the pins are all that is needed, and others may be compiled, for this host's Python.
    command = [
        *(*confinement(), sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"),
        *("install", "--quiet", "--no-deps", "--target", str(folder), "--requirement", str(_PINS)),
    ]
    logger.info("fetching kiwi 11 and its Python packages")
    # pip unpacks and builds below TMPDIR.
    exit_code, said = _run_to_the_end(command, {**os.environ, "TMPDIR": str(scratch)})
    if exit_code == 0:
        return
    last_words = " ".join(said.strip().splitlines()[-3:])
    if "No module named pip" in last_words:
        raise Broken(f"{sys.executable} has no pip", resolution=_RESOLUTION)
    raise Unreachable(f"the packages of kiwi 11 cannot be fetched: {last_words}", resolution=_RESOLUTION)


def _run_to_the_end(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run pip and return its exit code and its complaints; cut off, it ends at once, the builds that it began too."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        _, said = process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, said
