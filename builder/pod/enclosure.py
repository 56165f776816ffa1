"""Running a command in an image root so that nothing of it remains after its end: no process, no mount, no host name.

The command gets namespaces of its own (processes, mounts, host name, System V objects). When it ends, or its time is
up, or this process dies, the kernel ends all that it has started, daemons too.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.contract.enclosed import EnclosedCommand, Ending
from builder.contract.inputs import JobInput
from builder.pod.child import run
from builder.pod.step import StepFailed, say
from builder.pod.unsynced import unsynced

_NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--mount-proc", "--fork", "--kill-child")
# The environment of a command in the root; its caller may add to it. Nothing of the pod's own environment is in it:
# that holds URLs that give access.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    # Without it debconf asks questions.
    "DEBIAN_FRONTEND": "noninteractive",
}


@dataclass(frozen=True)
class Command:
    """A command, and where it is run.

    Args:
        words: Program and arguments; the program by its path.
        root: The image root that it runs in; None for this container's own.
        directory: Its working directory, as seen in the root.
        environment: Added to ENVIRONMENT.
        binds: Folders of this container that it sees elsewhere: pairs of the folder and the place, both as this
            container sees them.
        seconds: How long it may run.
    """

    words: Sequence[str]
    root: Path | None
    seconds: float
    directory: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    binds: Sequence[tuple[Path, Path]] = ()


def run_enclosed(command: Command, on_line: Callable[[str], None] = say) -> Ending:
    """Run a command until it ends, or its time is up.

    Args:
        command: The command.
        on_line: Gets each line of its output.

    Raises:
        StepFailed: The enclosure cannot be made, as outside of a privileged pod.
    """
    with tempfile.TemporaryDirectory(prefix="enclosure-") as folder:
        request, ending = Path(folder) / "request.json", Path(folder) / "ending.json"
        request.write_bytes(_request(command).to_json())
        program = ["python3", "-m", "builder.pod.unattended.first_process", str(request), str(ending)]
        exit_code = run(unsynced(["unshare", *_NAMESPACES, *program]), on_line=on_line)
        if not ending.exists():
            raise StepFailed(f"nothing can be run in namespaces of its own: unshare ended with exit code {exit_code}")
        return Ending.from_json(ending.read_bytes())


def _request(command: Command) -> EnclosedCommand:
    job = JobInput.from_environment(os.environ).to_environment()
    return EnclosedCommand(
        command=tuple(command.words),
        root=str(command.root) if command.root else "",
        directory=command.directory,
        environment={**ENVIRONMENT, **job, **command.environment},
        binds=tuple((str(source), str(target)) for source, target in command.binds),
        seconds=command.seconds,
    )
