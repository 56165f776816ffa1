"""What a job hands to its pods: an archive of the rendered description and the step's options.

The archive is a tar.gz that holds `description/` and `step.json`, of which every field has a default, and what the
site adds: `kiwi.yml`, `ca/*.pem` and the signed RPM made of them, `keys/*.asc`. Of a job that customizes an image it
holds no description, but the image's `boot_parameters`.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from builder.pod.step import StepFailed
from builder.pod.transfer import download

# What kiwi leaves in a root for its own use, and leaves out of the images it makes itself: the list of kiwi 9.24's
# Defaults.get_exclude_list_for_root_data_sync.
LEFT_OUT = ("image", ".profile", ".kconfig", ".buildenv", "var/cache/kiwi", "run/*", "tmp/*")


@dataclass(frozen=True)
class Squashfs:
    """How the rootfs is packed. Level 3 of zstd packs a 368 MB root in 1.8 s, to the size that gzip takes 44 s for."""

    compressor: str = "zstd"
    level: int = 3


@dataclass(frozen=True)
class Options:
    """The content of step.json.

    Args:
        arch: The image's architecture, x86_64 or aarch64.
        kernel_file_name: The kernel's name in /boot; empty for the architecture's own.
        initrd_file_name: The initrd's name in /boot.
        kernel_parameters_file_name: The name in /boot of a file with kernel parameters; it may be missing.
        squashfs: How the rootfs is packed.
        epoch: Seconds since 1970 that the rootfs is dated with, so that the same root gives the same bytes; 0
            dates it with today.
        left_out: What of the root the rootfs leaves out, by mksquashfs' wildcards.
        package_manager: The description's: apt, dnf, microdnf or zypper.
        profiles: kiwi profiles to build.
        kiwi_options: More options of `kiwi-ng system prepare`, each one an argument of its own.
        site_repositories: Repositories that the description does not name.
        replace_repositories: Whether they stand in for the description's own.
        rebuild_initrd: Whether the initrd is made anew also when the kernel stays the same.
    """

    arch: str = "x86_64"
    kernel_file_name: str = ""
    initrd_file_name: str = "initrd"
    kernel_parameters_file_name: str = "kernel-parameters"
    squashfs: Squashfs = field(default_factory=Squashfs)
    epoch: int = 0
    left_out: tuple[str, ...] = LEFT_OUT
    package_manager: str = ""
    profiles: tuple[str, ...] = ()
    kiwi_options: tuple[str, ...] = ()
    site_repositories: tuple[dict[str, Any], ...] = ()
    replace_repositories: bool = False
    rebuild_initrd: bool = False

    @property
    def kernel_name(self) -> str:
        """The kernel's name in /boot, the architecture's own when the job gave none."""
        return self.kernel_file_name or ("Image" if self.arch == "aarch64" else "vmlinuz")

    @classmethod
    def parse(cls, document: str) -> Self:
        """Read step.json.

        Raises:
            StepFailed: It is not JSON, or holds a field that this release does not know.
        """
        try:
            values: dict[str, Any] = json.loads(document)
            if unknown := sorted(set(values) - {option.name for option in fields(cls)}):
                raise StepFailed(f"step.json holds options unknown to this builder image: {', '.join(unknown)}")
            values["squashfs"] = Squashfs(**values.get("squashfs", {}))
        except (ValueError, TypeError, AttributeError) as error:
            raise StepFailed(f"step.json cannot be read: {error}") from error
        for name in ("left_out", "profiles", "kiwi_options", "site_repositories"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True)
class Context:
    """The unpacked archive."""

    folder: Path

    @property
    def description(self) -> Path:
        """The folder that kiwi reads."""
        return self.folder / "description"

    @property
    def kiwi_config(self) -> Path | None:
        """The runtime configuration of kiwi, when there is one."""
        file = self.folder / "kiwi.yml"
        return file if file.exists() else None

    @property
    def certificates(self) -> list[Path]:
        """The certificates of the site's authorities."""
        return sorted(self.folder.glob("ca/*.pem"))

    @property
    def bootstrap_packages(self) -> list[Path]:
        """RPMs that kiwi installs with the first packages of the image."""
        return sorted(self.folder.glob("ca/*.rpm"))

    @property
    def bootstrap_keys(self) -> list[Path]:
        """The public keys that those RPMs are signed with."""
        return sorted(self.folder.glob("ca/*.asc"))

    @property
    def signing_keys(self) -> list[Path]:
        """Public keys that packages may be signed with."""
        return sorted(self.folder.glob("keys/*.asc"))

    @property
    def boot_parameters(self) -> Path | None:
        """The kernel parameters of the image that is customized, when it has any."""
        file = self.folder / "boot_parameters"
        return file if file.exists() else None

    @property
    def options(self) -> Options:
        """The step's options.

        Raises:
            StepFailed: There are none, or they cannot be read.
        """
        try:
            return Options.parse((self.folder / "step.json").read_text())
        except FileNotFoundError as error:
            raise StepFailed("the workspace holds no step.json: the image root has to be prepared first") from error


def fetch(url: str, sha256: str, folder: Path) -> Context:
    """Download a context archive and unpack it into a folder, in place of an earlier one.

    Raises:
        TryAgain: It cannot be had.
        StepFailed: The server refuses, or it is no context archive.
    """
    archive = folder.with_name(f"{folder.name}.tar.gz")
    shutil.rmtree(folder, ignore_errors=True)
    download(url, archive, sha256)
    return unpack(archive, folder)


def unpack(archive: Path, folder: Path) -> Context:
    """Unpack the archive into a new folder; links and modes of the description are kept as they are.

    Raises:
        StepFailed: It is no tar.gz.
    """
    folder.mkdir()
    command = ["tar", "--extract", "--gzip", "--no-same-owner", "--preserve-permissions"]
    unpacked = subprocess.run(
        [*command, "--file", str(archive), "--directory", str(folder)], capture_output=True, text=True, check=False
    )
    if unpacked.returncode:
        raise StepFailed(f"the context archive cannot be unpacked: {unpacked.stderr.strip()}")
    return Context(folder)
