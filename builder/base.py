"""The base of the builder image: Debian 12 with kiwi and what it calls, made from the host's own APT sources.

Nothing is pulled: mmdebstrap writes a tar, Podman imports it.
"""

import hashlib
import json
import logging
import os
import platform
import shutil
import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from builder.mirror import RELEASE, host_sources
from builder.podman import podman
from errors import Broken

logger = logging.getLogger(__name__)

NAME = "localhost/ims-builder-base"

PACKAGES = (
    # kiwi, and the package managers it drives
    *("kiwi", "zypper", "dnf", "rpm", "debootstrap", "debian-archive-keyring", "gnupg", "python3"),
    # what kiwi calls while it prepares a root
    *("rsync", "openssl", "ca-certificates", "kmod", "mount", "e2fsprogs", "procps", "cpio"),
    # the CA RPM, repositories, artifacts
    *("createrepo-c", "squashfs-tools", "dracut-core", "zstd", "xz-utils", "bzip2"),
    # the shell of a customize or debug pod, and a look around in it
    *("openssh-server", "curl", "iproute2", "less"),
    # customizing without a user: 29 MB, and two seconds; lsinitrd reads initrds that are packed by lz4
    *("ansible-core", "lz4"),
    # mounting a rootfs before it is downloaded: 5 MB
    "python3-pyfuse3",
    # package managers that do not wait for the disk: 0.1 MB
    "python3-seccomp",
)

MINIMAL = (
    "--variant=minbase",
    "--format=tar",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)
FORGET_HOST = '--customize-hook=rm -f "$1"/etc/resolv.conf "$1"/etc/hostname'
_OPTIONS = (
    *MINIMAL,
    # Host keys are made when a shell is opened: keys in an image would be the same everywhere.
    '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_*',
    # kiwi imports signing keys with a gpg that makes no home of its own.
    '--customize-hook=mkdir -m 700 "$1"/root/.gnupg',
    FORGET_HOST,
)
# An imported image has no PATH of its own: without one, `sh` is not found.
_CHANGES = ("ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ENV LANG=C.UTF-8")

# The host's settings for reaching the archives, which APT needs during the build.
_CARRIED = ("Acquire::http::", "Acquire::https::", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def base_inputs() -> str:
    """Return the digest of all that decides what the base holds (the archives' state at the time aside)."""
    inputs = json.dumps([RELEASE, platform.machine(), sorted(PACKAGES), _OPTIONS, _CHANGES])
    return hashlib.sha256(inputs.encode()).hexdigest()


def base_reference() -> str:
    """Return the base image's reference, built or not."""
    return f"{NAME}:{base_inputs()[:12]}"


def build_base(scratch: Path) -> None:
    """Build the base image, in one to three minutes.

    Args:
        scratch: An empty folder on a disk with 2 GB to spare; the caller removes it.

    Raises:
        Broken: mmdebstrap or Podman is missing or failed.
    """
    import_debian(base_reference(), PACKAGES, _OPTIONS, (*_CHANGES, f"LABEL ims.inputs={base_inputs()}"), scratch)


def import_debian(
    reference: str, packages: Sequence[str], options: Sequence[str], changes: Sequence[str], scratch: Path
) -> None:
    """Make an image of Debian packages.

    The tar is imported only once it is whole, so a cut-off build leaves no image.

    Args:
        reference: The image's reference.
        packages: What it holds, besides a minimal Debian.
        options: mmdebstrap's.
        changes: Lines of a Containerfile.
        scratch: An empty folder on a disk with 2 GB to spare; the caller removes it.

    Raises:
        Broken: mmdebstrap or Podman is missing or failed.
    """
    if not shutil.which("mmdebstrap"):
        raise Broken("mmdebstrap is not installed", resolution="apt-get install mmdebstrap")
    sources, tar = scratch / "sources.list", scratch / "base.tar"
    sources.write_text("".join(f"{source}\n" for source in host_sources()))
    keyring = [f"--keyring={_KEYRING}"] if _KEYRING.exists() else []
    carried = [f"--aptopt={line}" for line in _carried_settings()]
    command = [
        *confinement(),
        *("mmdebstrap", *options, *keyring, *carried),
        *(f"--include={','.join(packages)}", RELEASE, str(tar), str(sources)),
    ]
    _run(command, scratch)
    logger.info("importing the base image, %d MB", tar.stat().st_size // 10**6)
    podman(["import", "--quiet", *(f"--change={change}" for change in changes), str(tar), reference])


def confinement() -> list[str]:
    """Return a prefix that ends a command's mounts and processes with it and with this process.

    Without root's rights no such namespaces can be made here; mmdebstrap makes them itself.
    """
    if os.geteuid():
        return []
    namespaces = ("--mount", "--pid", "--mount-proc", "--fork", "--kill-child")
    return ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces]


def _carried_settings() -> list[str]:
    asked = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    return [line for line in asked.stdout.splitlines() if line.startswith(_CARRIED)]


def _run(command: list[str], scratch: Path) -> None:
    """Run mmdebstrap and log its output; it is ended when this process is interrupted."""
    last_lines: deque[str] = deque(maxlen=5)
    # mmdebstrap unpacks below TMPDIR: the next build removes what a build that was cut off has left there.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    try:
        for line in process.stdout or ():
            logger.info("%s", line.rstrip())
            last_lines.append(line.strip())
    finally:
        if process.poll() is None:
            process.kill()
        exit_code = process.wait()
    if exit_code:
        raise Broken(f"the base image was not built: {' '.join(last_lines)}")
