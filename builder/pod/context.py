"""The context archive of a job's pods: the rendered description and the steps' options.

The archive is a tar.gz that holds `description/`, `step.json` (builder/contract/options.py), and what the site adds:
`kiwi.yml`, `ca/*.pem` and the signed RPM made of them, `keys/*.asc`. Of a job that customizes an image it holds the
image's `boot_parameters`, and no description.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from builder.contract.inputs import ContextInput
from builder.contract.options import Options
from builder.pod.step import StepFailed
from builder.pod.transfer.objects import download


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
                StepFailed: There are none.
            Unreadable: They cannot be read.
        """
        try:
            return Options.from_json((self.folder / "step.json").read_bytes())
        except FileNotFoundError as error:
            raise StepFailed("the workspace holds no step.json: the image root has to be prepared first") from error


def fetch(archive_of: ContextInput, folder: Path) -> Context:
    """Download a context archive and unpack it into a folder, in place of an earlier one.

    Raises:
        TryAgain: It cannot be downloaded at the moment.
        StepFailed: The server refuses, or it is not a context archive.
    """
    archive = folder.with_name(f"{folder.name}.tar.gz")
    shutil.rmtree(folder, ignore_errors=True)
    download(archive_of.url, archive, archive_of.sha256)
    return unpack(archive, folder)


def unpack(archive: Path, folder: Path) -> Context:
    """Unpack the archive into a new folder; links and modes of the description are kept as they are.

    Raises:
        StepFailed: It is not a tar.gz.
    """
    folder.mkdir()
    command = ["tar", "--extract", "--gzip", "--no-same-owner", "--preserve-permissions"]
    unpacked = subprocess.run(
        [*command, "--file", str(archive), "--directory", str(folder)], capture_output=True, text=True, check=False
    )
    if unpacked.returncode:
        raise StepFailed(f"the context archive cannot be unpacked: {unpacked.stderr.strip()}")
    return Context(folder)
