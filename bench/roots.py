"""Image roots for benchmarks: Debian systems, made from the host's APT sources."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from builder.mirror import RELEASE, host_sources

# The packages, beside a kernel, of every image that boots.
BOOTABLE = (
    *("systemd-sysv", "udev", "dracut", "dracut-live", "openssh-server"),
    *("iproute2", "python3", "perl", "gnupg", "curl"),
)


def debian_root(folder: Path, packages: Sequence[str]) -> Path:
    """Make a Debian root of these packages in a folder, which is not /tmp: that may be memory.

    Args:
        folder: Gets the root, as `root`.
        packages: A kernel's among them.
    """
    sources, root = folder / "sources.list", folder / "root"
    sources.write_text("".join(f"{source}\n" for source in host_sources()))
    include = f"--include={','.join(packages)}"
    command = ["mmdebstrap", "--variant=important", include, RELEASE, str(root), str(sources)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return root
