"""Runs a command in the builder image, as a pod of a job does: for tests of what is inside, without the pods' code."""

import os
import resource
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from builder.image import ensure_builder_image


def run_in_builder(
    command: Sequence[str],
    *,
    workspace: Path,
    environment: Mapping[str, str] | None = None,
    image: str = "",
    limit_seconds: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command in a privileged container, with the host's network and a folder as /workspace.

    The container is gone when this returns; stderr is merged into stdout.

    Args:
        command: Program and arguments.
        workspace: The folder.
        environment: Variables to set.
        image: The image to run; empty for the usual builder image.
        limit_seconds: How long it may run. None for tests, whose own limit holds, and for fixtures, which have none.
    """
    variables = [f"--env={name}={value}" for name, value in (environment or {}).items()]
    name = f"ims-test-builder-{uuid.uuid4().hex[:12]}"
    try:
        return subprocess.run(
            ["podman", *start_options(name, workspace), *variables, image or ensure_builder_image(), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=limit_seconds,
        )
    except BaseException:
        subprocess.run(["podman", "kill", name], check=False, capture_output=True)
        raise


def start_options(name: str, workspace: Path) -> list[str]:
    """Return the `run` command of Podman and its options."""
    return [*run_command(name), "--rm", "--privileged", f"--volume={workspace}:/workspace"]


def run_command(name: str) -> list[str]:
    """Return the beginning of Podman's `run` command: in the host's network, with the limits that this host allows."""
    return [
        *(["--runtime=runc"] if shutil.which("runc") else []),
        *("run", f"--name={name}", "--network=host"),
        *(f"--ulimit={limit}" for limit in _limits()),
    ]


def _limits() -> list[str]:
    """Name limits that a host without CAP_SYS_RESOURCE can set: Podman's own defaults are higher."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Podman lowers its own limit on processes to pid_max before it starts anything.
    most_processes = int(Path("/proc/sys/kernel/pid_max").read_text())
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = most_processes if processes == resource.RLIM_INFINITY else min(processes, most_processes)
    if files == resource.RLIM_INFINITY:
        files = os.sysconf("SC_OPEN_MAX")
    return [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]
