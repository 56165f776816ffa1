"""Tests of builder/pod/image_root/mounts.py. Real mounts are tested in the builder image: test_pod_programs.py."""

from pathlib import Path

from builder.pod.image_root.mounts import mounts_below

MOUNTINFO = """\
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 21 0:5 / /workspace/root rw - ext4 /dev/vda rw
31 30 0:5 / /workspace/root/dev rw - devtmpfs udev rw
32 31 0:6 / /workspace/root/dev/pts rw - devpts devpts rw
33 30 0:5 / /workspace/root/mnt/with\\040blank rw - ext4 /dev/vda rw
34 21 0:5 / /workspace/rootless rw - ext4 /dev/vda rw
"""


def test_the_mounts_below_a_folder_come_innermost_first_and_no_others() -> None:
    assert mounts_below(Path("/workspace/root"), MOUNTINFO) == [
        "/workspace/root/mnt/with blank",
        "/workspace/root/dev/pts",
        "/workspace/root/dev",
        "/workspace/root",
    ]
