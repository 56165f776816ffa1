"""The worker's image in containers that are as narrow as the manifests make its pods."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.podman import podman
from tests.builder_pod import run_command


@dataclass
class Container:
    """A container that runs until it is removed.

    Args:
        name: Its name.
        log: Where its output is kept.
    """

    name: str
    log: Path

    def output(self) -> str:
        """Return what it has said; it is kept in the log, too."""
        ran = subprocess.run(["podman", "logs", self.name], capture_output=True, text=True, check=True)
        self.log.write_text(ran.stdout + ran.stderr)
        return self.log.read_text()

    def execute(self, command: Sequence[str]) -> None:
        """Run a command in it, which may end it."""
        subprocess.run(["podman", "exec", self.name, *command], capture_output=True, check=False, timeout=60)

    def wait(self) -> int:
        """Return the exit code."""
        return int(podman(["wait", self.name]))

    def remove(self) -> None:
        podman(["rm", "--force", "--time", "0", self.name])


def start(image: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Container:
    """Start a container with a read-only root and no rights, as the user of the image.

    Args:
        image: The image.
        arguments: What follows the image's entry point.
        environment: Variables.
        folder: What becomes /var/lib/ims; it is made.
    """
    folder.mkdir()
    folder.chmod(0o777)
    name = f"ims-test-{folder.name}-{os.getpid()}"
    variables = [f"--env={key}={value}" for key, value in environment.items()]
    podman(
        [
            *(*run_command(name), "--detach", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"),
            *("--tmpfs=/tmp:rw,mode=1777", f"--volume={folder}:/var/lib/ims", *variables, image, *arguments),
        ]
    )
    log = folder.with_suffix(".log")
    log.touch()
    return Container(name, log)
