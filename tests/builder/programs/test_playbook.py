"""Tests of builder/programs/playbook.py: real playbooks, on the builder image's own root, which has a Python."""

import subprocess
from dataclasses import dataclass

import pytest

from tests.builder.small_root import Workspace
from tests.builder_pod import run_in_builder

pytestmark = pytest.mark.containers

# The container's own root with an overlay: what is in /mnt/upper afterwards is what was changed.
_ON_OWN_ROOT = """
set -e
mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work none /workspace/root
python3 -m builder.programs.playbook || code=$?
cd /mnt/upper && tar -cf /workspace/changed.tar . && exit ${code:-0}
"""
PLAY = "- hosts: all\n  gather_facts: false\n  tasks:\n"


@dataclass
class Ran:
    """How a playbook's pod ended."""

    code: int
    said: list[str]
    changed: dict[str, str]

    @property
    def error(self) -> str:
        return self.said[-1]


def on_own_root(
    workspace: Workspace, files: dict[str, str | bytes], entry: str = "site.yml", seconds: int = 120
) -> Ran:
    """Run a playbook on a copy of the builder image's root."""
    command = ["sh", "-c", _ON_OWN_ROOT]
    ran = run_in_builder(command, workspace=workspace.folder, environment=workspace.environment(files, entry, seconds))
    changes = workspace.folder / "changes"
    changes.mkdir()
    subprocess.run(["tar", "-xf", workspace.folder / "changed.tar", "-C", changes], check=True)
    files_in = {str(path.relative_to(changes)): path for path in changes.rglob("*") if path.is_file()}
    return Ran(ran.returncode, ran.stdout.splitlines(), {n: p.read_text(errors="replace") for n, p in files_in.items()})


def test_a_playbook_with_roles_changes_the_root_and_leaves_nothing_of_itself(workspace: Workspace) -> None:
    files: dict[str, str | bytes] = {
        "site.yml": (
            "- hosts: all\n  become: true\n  roles: [greeting]\n  tasks:\n"
            "    - {name: as another, command: id -un, become_user: nobody, register: who}\n"
            "    - copy: {content: '{{ who.stdout }} {{ ansible_distribution }} {{ ims_job_id }}', dest: /etc/who}\n"
        ),
        "roles/greeting/tasks/main.yml": "- template: {src: motd.j2, dest: /etc/motd, mode: '0600'}\n",
        "roles/greeting/templates/motd.j2": "hello from {{ place }}\n",
        "group_vars/all.yml": "place: the archive\n",
    }
    ran = on_own_root(workspace, files)
    assert ran.code == 0, ran.said
    assert "TASK [greeting : template] *" in "\n".join(ran.said), "the log is Ansible's own"
    assert ran.changed["etc/motd"] == "hello from the archive\n"
    assert ran.changed["etc/who"] == "nobody Debian the-job"
    # What rpm's bindings keep, which only the root of these tests has, and what was lent.
    known = {name for name in ran.changed if name.startswith("root/.rpmdb/")} | {"etc/resolv.conf"}
    assert ran.changed.keys() - known == {"etc/motd", "etc/who"}


def test_a_task_that_fails_is_the_error_with_its_name_and_message(workspace: Workspace) -> None:
    tasks = (
        "    - {name: first, fail: {msg: not this one}, ignore_errors: true}\n"
        "    - {name: needs a licence, command: sh -c 'echo no licence >&2; exit 3', loop: [1, 2]}\n"
        "    - {name: never, copy: {content: x, dest: /etc/never}}\n"
    )
    ran = on_own_root(workspace, {"site.yml": PLAY + tasks})
    assert ran.code == 1
    assert ran.error.startswith(
        "error: the task “needs a licence” of site.yml failed: non-zero return code: no licence"
    )
    assert "etc/never" not in ran.changed


REFUSED = {
    "no play is for the image": (
        "- hosts: webservers\n  tasks: [{debug: {}}]\n",
        "no play of site.yml is for the image: nothing was done",
    ),
    "no YAML": ("- hosts: [\n", "the playbook site.yml ended with exit code 4: "),
    "no such role": (
        "- hosts: all\n  roles: [nowhere]\n",
        "the playbook site.yml ended with exit code 1: the role 'nowhere'",
    ),
}


@pytest.mark.parametrize(("text", "error"), REFUSED.values(), ids=REFUSED)
def test_a_playbook_that_does_nothing_is_an_error(workspace: Workspace, text: str, error: str) -> None:
    ran = on_own_root(workspace, {"site.yml": text})
    assert ran.code == 1
    assert ran.error.startswith(f"error: {error}")


def test_a_playbook_that_does_not_end_is_ended(workspace: Workspace) -> None:
    ran = on_own_root(workspace, {"site.yml": PLAY + "    - {name: wait, command: sleep 4714}\n"}, seconds=6)
    assert ran.code == 1
    assert ran.error.startswith("error: the playbook site.yml did not end within 6 s, and was ended while it ran ")
    assert "sleep 4714" in ran.error
    assert subprocess.run(["pgrep", "-f", "sleep 4714"], capture_output=True, check=False).stdout == b""


def test_a_root_without_python_is_reported_and_raw_tasks_need_none(workspace: Workspace) -> None:
    ran = workspace.run(
        "playbook", workspace.environment({"a.yml": PLAY + "    - {raw: echo raw > /etc/motd}\n"}, "a.yml")
    )
    assert ran.returncode == 0, ran.stdout
    assert (workspace.root / "etc/motd").read_text() == "raw\n"
    workspace.forget()
    task = "    - {name: with a module, copy: {content: x, dest: /etc/x}}\n"
    ran = workspace.run("playbook", workspace.environment({"a.yml": PLAY + task}, "a.yml"))
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1] == (
        "error: the task “with a module” failed: the image root has no Python, which Ansible's modules need"
    )
    assert list((workspace.root / "run").iterdir()) == []
    assert not (workspace.root / "root/.ansible").exists()
