"""The pod that runs an Ansible playbook on the image root, over a chroot connection (see unattended.py).

The connection is a plugin of our own (builder/ansible). Nothing of the playbook stays in the root.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import builder
from builder.contract.inputs import PLAYBOOK_NOTES, JobInput
from builder.pod.enclosure import Command, run_enclosed
from builder.pod.image_root.boot_files import resolve_in_root
from builder.pod.lease import run_in_workspace
from builder.pod.script_log import ScriptLog
from builder.pod.step import StepFailed, end_with, say
from builder.pod.unattended.unattended import raise_for_ending, run_unattended

HOST = "image"
_PLUGINS = Path(builder.__file__).parent / "ansible"
# /run of an image is left out of its rootfs.
_REMOTE = "run/ims-ansible"
_FOLDERS_OF_PROGRAMS = ("usr/bin", "usr/local/bin", "usr/libexec", "bin")
_PYTHONS = ("python3", "python", "platform-python", "python2")


@dataclass(frozen=True)
class Notes:
    """What the callback plugin noted: the tasks that failed with their errors, and the hosts that were worked on."""

    failed: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> "Notes":
        """Read the plugin's file; a playbook that never began has none."""
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        failed = tuple((line["task"], line["said"]) for line in lines if "task" in line)
        return cls(failed, tuple(host for line in lines for host in line.get("hosts", ())))


def playbook() -> None:
    """Run the job's playbook on the workspace's image root."""
    run_unattended("playbook", run_playbook)


def run_playbook(root: Path, folder: Path, entry: str, seconds: float) -> None:
    """Run a playbook on an image root, as its only host, `image`.

    Args:
        root: The image root, ready for programs that run in it.
        folder: The playbook's folder.
        entry: The playbook's path in it.
        seconds: How long it may run.

    Raises:
        StepFailed: A task failed, nothing was done, or the root has no Python for Ansible's modules.
    """
    log = _AnsibleLog()
    with tempfile.TemporaryDirectory(prefix="playbook-") as scratch:
        notes, inventory = Path(scratch) / "notes", Path(scratch) / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": {HOST: _variables(root)}}}))
        command = Command(
            ["/usr/bin/ansible-playbook", "--inventory", str(inventory), entry],
            root=None,
            seconds=seconds,
            directory=str(folder),
            environment=_settings(scratch, notes),
            binds=[(Path("/proc"), root / "proc")],
        )
        say(f"running the playbook {entry} on the image root")
        try:
            ending = run_enclosed(command, log)
        finally:
            log.close()
            _remove_remote_folder(root)
        noted = Notes.read(notes)
    if noted.failed and ending.exit_code:
        task, said = noted.failed[-1]
        raise _without_python(root, task) or StepFailed(
            f"the task “{task}” of {entry} failed: {said or 'it says nothing'}"
        )
    raise_for_ending(ending, f"the playbook {entry}", seconds, log.error or log.last)
    if HOST not in noted.hosts:
        raise StepFailed(
            f"no play of {entry} is for the image: nothing was done",
            advice=f"let its plays be for `hosts: all`, or for the host `{HOST}`",
        )
    say(f"{entry} has ended well")


class _AnsibleLog(ScriptLog):
    """A log that keeps the first line in which Ansible reports why it does not begin."""

    error = ""

    def __call__(self, line: str) -> None:
        super().__call__(line)
        if not self.error and line.startswith("ERROR! "):
            self.error = line.removeprefix("ERROR! ")


def _variables(root: Path) -> dict[str, str]:
    job = JobInput.from_environment(os.environ)
    return {
        "ansible_connection": "chroot",
        "ansible_host": str(root),
        "ansible_python_interpreter": "auto_silent",
        "ansible_remote_tmp": f"/{_REMOTE}",
        # Images seldom have sudo, and all have su; users of services have no shell of their own.
        "ansible_become_method": "su",
        "ansible_become_flags": "--shell /bin/sh",
        "ims_job_id": job.id,
        "ims_arch": job.arch,
    }


def _settings(scratch: str, notes: Path) -> dict[str, str]:
    """Return Ansible's settings as variables, which count before an ansible.cfg in the playbook's folder."""
    return {
        "ANSIBLE_CONNECTION_PLUGINS": str(_PLUGINS / "connection"),
        "ANSIBLE_CALLBACK_PLUGINS": str(_PLUGINS / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "ims",
        "ANSIBLE_HOME": f"{scratch}/home",
        "ANSIBLE_LOCAL_TEMP": f"{scratch}/local",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        PLAYBOOK_NOTES: str(notes),
    }


def _remove_remote_folder(root: Path) -> None:
    try:
        folder = resolve_in_root(root, _REMOTE)
    except (FileNotFoundError, NotADirectoryError):
        return
    shutil.rmtree(folder, ignore_errors=True)


def _without_python(root: Path, task: str) -> StepFailed | None:
    if any(_is_file(root, f"{folder}/{name}") for folder in _FOLDERS_OF_PROGRAMS for name in _PYTHONS):
        return None
    return StepFailed(
        f"the task “{task}” failed: the image root has no Python, which Ansible's modules need",
        advice="add python3 to the recipe, or let the first task of the playbook install it by `raw`, before facts are "
        "gathered (gather_facts: false)",
    )


def _is_file(root: Path, name: str) -> bool:
    try:
        return resolve_in_root(root, name).is_file()
    except (FileNotFoundError, NotADirectoryError):
        return False


if __name__ == "__main__":
    end_with(run_in_workspace(playbook))
