"""Podman on this host, as far as making images needs it."""

import subprocess
from collections.abc import Sequence

from errors import Broken


def podman(arguments: Sequence[str]) -> str:
    """Run one podman command and return what it printed.

    Raises:
        Broken: Podman is missing or refused the command; its last lines are in the message.
    """
    try:
        ran = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Broken(f"podman does not run: {error}", resolution="apt-get install podman") from error
    if ran.returncode:
        last_lines = " ".join(ran.stderr.split("\n")[-4:]).strip()
        raise Broken(f"podman {arguments[0]} failed with exit code {ran.returncode}: {last_lines}")
    return ran.stdout


def has_image(reference: str) -> bool:
    """Return whether the image is in this host's storage.

    Raises:
        Broken: Podman is missing.
    """
    try:
        asked = subprocess.run(["podman", "image", "exists", reference], capture_output=True, check=False)
    except OSError as error:
        raise Broken(f"podman does not run: {error}", resolution="apt-get install podman") from error
    return asked.returncode == 0


def image_id(reference: str) -> str:
    """Return the id of an image in this host's storage, which no other content has; empty when it is not there.

    Raises:
        Broken: Podman is missing.
    """
    return podman(["image", "inspect", "--format", "{{.Id}}", reference]).strip() if has_image(reference) else ""
