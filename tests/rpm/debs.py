"""The Debian packages of the test distribution, resolved and downloaded by the host's APT; nothing is installed."""

import subprocess
import tempfile
from pathlib import Path

# What a recipe of a real site asks for; APT adds what these need.
SEEDS = (
    # package managers, and what makes their downloads trusted
    *("zypper", "dnf", "rpm", "ca-certificates", "openssl", "curl"),
    # a system to log in to
    *("base-files", "base-passwd", "bash", "coreutils", "diffutils", "findutils", "grep", "gzip", "hostname"),
    *("less", "libc-bin", "login", "mawk", "mount", "ncurses-base", "ncurses-bin", "passwd", "procps", "sed"),
    *("tar", "tzdata", "util-linux", "xz-utils", "zstd", "cpio", "jq", "libcap2-bin"),
    # what boots it
    *("linux-image-cloud-amd64", "kmod", "systemd-sysv", "udev", "dracut", "dracut-live", "squashfs-tools"),
    *("iproute2", "iputils-ping"),
    # what the samples in recipes/ have besides
    *("network-manager", "openssh-server", "dbus", "dracut-network"),
)
# The kernel package would take it for its initrd, in place of dracut.
_LEFT_OUT = ("initramfs-tools",)


def resolve() -> list[str]:
    """Return the debs of the distribution, as `name_version_arch.deb size checksum`, sorted; nothing is downloaded.

    Not every archive has the checksums that APT would show.
    """
    lines = _apt_get("--print-uris").splitlines()
    return sorted(line.partition(" ")[2].strip() for line in lines if line.startswith("'"))


def download(folder: Path) -> None:
    """Download the debs into a folder."""
    _apt_get("--download-only", "-o", f"Dir::Cache::archives={folder}")


def _apt_get(*options: str) -> str:
    """Run an installation that never comes to installing, on a system that has no package yet."""
    with tempfile.TemporaryDirectory(prefix="ims-apt-") as scratch:
        # APT puts dpkg's lock beside the status file, and must not get at the host's.
        status = Path(scratch) / "status"
        status.touch()
        asked = subprocess.run(
            [
                *("apt-get", "-qq", "-y", *options, "-o", "APT::Install-Recommends=false"),
                # As root, APT cannot give downloads to its own user in a folder of ours.
                *("-o", "APT::Sandbox::User=root"),
                *("-o", f"Dir::State::status={status}", "-o", f"Dir::Cache={scratch}/cache"),
                *("install", *SEEDS, *(f"{name}-" for name in _LEFT_OUT)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert asked.returncode == 0, f"APT has not got the test distribution's packages: {asked.stderr}"
    return asked.stdout
