"""The pod that makes a workspace's image root of an image that is customized without a user.

Environment besides the root's (original.py): IMS_CONTEXT_URL (presigned), IMS_CONTEXT_SHA256. Safe to run again: a root
that is ready is kept, with what was changed in it.
"""

from builder.pod.context import fetch
from builder.pod.lease import run_in_workspace
from builder.pod.rootfs.original import make_root
from builder.pod.rootfs.rootfs import Rootfs
from builder.pod.step import end_with, required, workspace


def fetch_root() -> None:
    """Make the image root, unless it is there already."""
    here, rootfs = workspace(), Rootfs.asked()
    fetch(required("IMS_CONTEXT_URL"), required("IMS_CONTEXT_SHA256"), here / "context")
    make_root(here, rootfs)


if __name__ == "__main__":
    end_with(run_in_workspace(fetch_root))
