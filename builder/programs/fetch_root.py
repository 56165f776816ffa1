"""The pod that makes a workspace's image root of an image that is customized without a user.

Safe to run again: a root that is ready is kept, with what was changed in it.
"""

import os

from builder.contract.inputs import FetchRootInput
from builder.pod.context import fetch
from builder.pod.lease import run_in_workspace
from builder.pod.rootfs.original import make_root
from builder.pod.rootfs.rootfs import Rootfs
from builder.pod.step import end_with, workspace


def fetch_root() -> None:
    """Make the image root, unless it is there already."""
    here, asked = workspace(), FetchRootInput.from_environment(os.environ)
    fetch(asked.context, here / "context")
    make_root(here, Rootfs.of(asked.rootfs), overlay=asked.overlay)


if __name__ == "__main__":
    end_with(run_in_workspace(fetch_root))
