"""The output of the commands that make an image: the reference on stdout, progress on stderr."""

import logging
import signal
import sys
from collections.abc import Callable

from errors import ImsError


def print_reference(build: Callable[[], str]) -> int:
    """Build an image, print its reference, and return the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.stdout.write(f"{build()}\n")
    except ImsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0
