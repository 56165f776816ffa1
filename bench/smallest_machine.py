"""The smallest machine that boots: the test distribution's kernel, and an initrd of a busybox and a script."""

import shutil
import sys
from pathlib import Path

from tests.builder_pod import run_in_builder
from tests.distribution import fetch_busybox
from tests.qemu import MARKER
from tests.rpm_distribution import ensure_rpm_distribution

_INIT = f"""\
#!/busybox sh
/busybox mount -t devtmpfs none /dev
echo {MARKER}
/busybox sleep 1000
"""
_MAKE = """
set -e
cd /workspace
rpm2cpio package.rpm | cpio -id --quiet './boot/*'
mv boot/vmlinuz-* kernel
cp kernel rootfs
mkdir -p root/dev
cp busybox init root
chmod 755 root/busybox root/init
cd root
find . | cpio -o -H newc --quiet >../initrd
"""


def smallest_machine(folder: Path) -> str:
    """Make its kernel, its initrd and a disk that it does not read, and return the name of their folder."""
    name = "smallest-machine"
    workspace = folder / name
    workspace.mkdir()
    [package] = ensure_rpm_distribution().glob("linux-image-6*.rpm")
    shutil.copyfile(package, workspace / "package.rpm")
    (workspace / "init").write_text(_INIT)
    fetch_busybox(workspace)
    made = run_in_builder(["sh", "-c", _MAKE], workspace=workspace)
    if made.returncode:
        sys.exit(made.stdout)
    return name
