"""Tests of builder/programs/script.py and what it stands on, as a pod: scripts run for real in a small root."""

import shutil
import subprocess
import time
import uuid

import pytest

from builder.image import ensure_builder_image
from builder.pod.script_log import LAST_LINES, MOST_LINES, ScriptLog
from tests.builder.small_root import Workspace
from tests.builder_pod import run_in_builder, start_options

pytestmark = pytest.mark.containers


def last_words(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the advice and the error."""
    return ran.stdout.splitlines()[-2:]


def test_a_script_changes_the_root_and_leaves_nothing_of_itself(workspace: Workspace) -> None:
    before = workspace.files()
    ran = workspace.script(
        "#!/bin/sh\nset -e\necho $IMS_JOB_ID $IMS_ARCH $HOME\nenv | grep -c URL || true\necho after > /etc/motd\n"
        "test -c /dev/null -a -e /proc/self/mounts -a -d /sys/class\nnslookup localhost > /dev/null || true\n"
        "ls; touch /tmp/t /run/r; hostname changed; test ! -t 0; read line || echo no input\n"
    )
    assert ran.returncode == 0, ran.stdout
    held, *said = ran.stdout.splitlines()
    assert held.startswith("the workspace is held by ")
    assert said == ["running run.sh in the image root", "the-job x86_64 /root", "0", "run.sh", "no input", said[-1]]
    assert (workspace.root / "etc/motd").read_text() == "after\n"
    changed = {name for name, what in workspace.files().items() if before.get(name) != what}
    assert changed == {"etc/motd", "tmp/t", "run/r"}
    assert before.keys() <= workspace.files().keys()


def test_files_beside_the_script_are_there_while_it_runs(workspace: Workspace) -> None:
    files = {"bin/setup": "cat data/text > /etc/motd; echo made > data/here", "data/text": "from the archive\n"}
    ran = workspace.run("script", workspace.environment(files, "bin/setup"))
    assert ran.returncode == 0, ran.stdout
    assert (workspace.root / "etc/motd").read_text() == "from the archive\n"
    assert list((workspace.root / "run").iterdir()) == []


FAILURES = {
    "an exit code": ("echo no licence; exit 3", "the script run.sh ended with exit code 3: no licence"),
    "a lie": ("echo 'error: a lie'; exit 3", "the script run.sh ended with exit code 3: error: a lie"),
    "silence": ("exit 4", "the script run.sh ended with exit code 4"),
    "a signal": ("#!/bin/sh\nkill -KILL $$", "the script run.sh was ended by SIGKILL"),
    "no such interpreter": (
        "#!/usr/bin/perl\n",
        "the script run.sh cannot be started: its interpreter is not in the image root",
    ),
    "line ends of Windows": (
        "#!/bin/sh\r\necho\r\n",
        "the script run.sh has line ends of Windows: its interpreter would not be found",
    ),
    "no program": (b"\x7fELF is none", "the script run.sh cannot be started: ENOEXEC 8"),
}


@pytest.mark.parametrize(("text", "error"), FAILURES.values(), ids=FAILURES)
def test_a_script_that_fails_is_the_error_and_nothing_is_packaged(
    workspace: Workspace, text: str | bytes, error: str
) -> None:
    ran = workspace.run("script", workspace.environment({"run.sh": text}, "run.sh"))
    assert (ran.returncode, last_words(ran)[1]) == (1, f"error: {error}")
    assert last_words(ran)[0].startswith("advice: ")
    assert list((workspace.root / "run").iterdir()) == []
    assert not (workspace.folder / "customized").exists()


def test_a_script_that_does_not_end_is_ended_with_all_that_it_started(workspace: Workspace) -> None:
    ran = workspace.script("#!/bin/sh\ntrap '' TERM\nsetsid sleep 4711 &\necho waiting\nwhile :; do sleep 1; done\n", 2)
    assert ran.returncode == 1
    assert last_words(ran)[1].startswith("error: the script run.sh did not end within 2 s, and was ended while it ran ")
    assert "sleep 4711" in last_words(ran)[1]
    assert "IMS_SCRIPT_LIMIT" in last_words(ran)[0]
    assert subprocess.run(["pgrep", "-f", "sleep 4711"], capture_output=True, check=False).stdout == b""


def test_a_daemon_that_a_script_leaves_is_ended_and_is_an_error(workspace: Workspace) -> None:
    ran = workspace.script("#!/bin/sh\nsetsid sh -c 'trap \"\" TERM HUP; sleep 4712; echo never' &\nexit 0\n")
    assert ran.returncode == 1
    assert last_words(ran)[1].startswith("error: the script run.sh left processes running, which were ended: sh -c ")
    assert "never" not in ran.stdout.splitlines()
    assert subprocess.run(["pgrep", "-f", "sleep 4712"], capture_output=True, check=False).stdout == b""


def test_what_a_script_leaves_may_end_by_itself_within_a_moment(workspace: Workspace) -> None:
    ran = workspace.script("#!/bin/sh\n(sleep 1; echo late > /etc/motd) &\n")
    assert ran.returncode == 0, ran.stdout
    assert (workspace.root / "etc/motd").read_text() == "late\n"


def test_a_script_that_tries_to_end_its_own_limits_goes_on(workspace: Workspace) -> None:
    ran = workspace.script("#!/bin/sh\nkill 1; kill -KILL 1; kill -STOP 1; sleep 1; echo later > /etc/motd\n")
    assert ran.returncode == 0, ran.stdout
    assert (workspace.root / "etc/motd").read_text() == "later\n"


def test_what_a_script_mounts_is_unmounted_at_its_end(workspace: Workspace) -> None:
    ran = workspace.script("#!/bin/sh\nset -e\nmkdir /mnt\nmount -t tmpfs none /mnt\ntouch /mnt/in-memory\n")
    assert ran.returncode == 0, ran.stdout
    assert list((workspace.root / "mnt").iterdir()) == []


def test_the_hosts_clock_and_kernel_modules_are_out_of_reach(workspace: Workspace) -> None:
    ran = workspace.script("#!/bin/sh\ngrep CapBnd /proc/self/status\n")
    [line] = [line for line in ran.stdout.splitlines() if line.startswith("CapBnd")]
    bounding = int(line.split()[1], 16)
    # capability.h: mounting stays; CAP_SYS_MODULE, RAWIO, BOOT and TIME do not.
    assert bounding >> 21 & 1
    assert not any(bounding >> number & 1 for number in (16, 17, 22, 25))


def test_a_place_in_the_root_that_leads_elsewhere_leads_nowhere_else(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / "run")
    (workspace.root / "run").symlink_to("/../../../../../usr/sbin")
    ran = workspace.script("ls -d /usr/sbin/ims-script\n")
    assert "/usr/sbin/ims-script" in ran.stdout.splitlines(), ran.stdout
    assert not (workspace.root / "usr/sbin/ims-script").exists()


def test_huge_output_is_cut_and_its_end_is_kept(workspace: Workspace) -> None:
    ran = workspace.script(
        "#!/bin/sh\nyes 'a line' | head -n 300000\nhead -c 5000000 /dev/zero | tr '\\0' x\necho\necho the end\nexit 5\n"
    )
    assert last_words(ran)[1] == "error: the script run.sh ended with exit code 5: the end"
    assert len(ran.stdout.splitlines()) < MOST_LINES + LAST_LINES + 10
    assert "the end" in ran.stdout.splitlines()


def test_the_log_says_how_much_is_left_out() -> None:
    shown: list[str] = []
    log = ScriptLog(shown.append, most_lines=2)
    for number in range(LAST_LINES + 5):
        log(str(number))
    log.close()
    assert shown[:5] == [
        "0",
        "1",
        f"--- these were 2 lines: of what comes now only the last {LAST_LINES} are shown",
        "--- 3 lines are left out",
        "5",
    ]
    assert shown[-1] == str(LAST_LINES + 4)


def test_a_script_that_has_run_is_not_run_again(workspace: Workspace) -> None:
    text = "#!/bin/sh\necho x >> /etc/motd\n"
    assert workspace.script(text).returncode == 0
    again = workspace.script(text)
    assert again.returncode == 0
    assert again.stdout.splitlines()[1:] == ["the image is customized already: nothing to do"]
    assert (workspace.root / "etc/motd").read_text() == "before\nx\n"


def test_sigterm_ends_a_script_at_once(workspace: Workspace) -> None:
    environment = workspace.environment({"run.sh": "#!/bin/sh\necho begun > /etc/motd\nsleep 4713\n"}, "run.sh")
    name = f"ims-test-builder-{uuid.uuid4().hex[:12]}"
    variables = [f"--env={key}={value}" for key, value in environment.items()]
    command = ["python3", "-m", "builder.programs.script"]
    pod = subprocess.Popen(
        ["podman", *start_options(name, workspace.folder), *variables, ensure_builder_image(), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        end = time.monotonic() + 60
        while (workspace.root / "etc/motd").read_text() != "begun\n" and time.monotonic() < end:
            time.sleep(0.1)
        subprocess.run(["podman", "kill", "--signal=TERM", name], check=True, capture_output=True)
        said, _ = pod.communicate(timeout=30)
    finally:
        subprocess.run(["podman", "kill", name], check=False, capture_output=True)
        pod.wait()
    assert (pod.returncode, said.splitlines()[-1]) == (143, "error: ended from outside")
    # What was changed by halves is not gone on with, and no rootfs is there to begin with.
    assert last_words(workspace.script("true"))[1].startswith("error: the image root was partially changed")


_CUT_OFF = """
set -e
cd /workspace
mksquashfs root rootfs -noappend -quiet -no-progress -comp lz4
test $changes = root || (
    rm -rf root
    python3 -c "from pathlib import Path; from builder.pod.image_root.root import *; make_overlay(Path('/workspace'))"
)
echo half > $changes/half && touch customizing
python3 -m builder.programs.script
"""


@pytest.mark.parametrize("changes", ["overlay/upper", "root"], ids=["mounted", "unpacked"])
def test_a_script_that_was_cut_off_begins_again_on_the_image_as_it_was(workspace: Workspace, changes: str) -> None:
    environment = workspace.environment({"run.sh": "test ! -e /half && echo new > /etc/motd"}, "run.sh")
    environment["changes"] = changes
    ran = run_in_builder(["sh", "-c", _CUT_OFF], workspace=workspace.folder, environment=environment)
    assert ran.returncode == 0, ran.stdout
    assert (workspace.folder / changes / "etc/motd").read_text() == "new\n"
    assert not (workspace.folder / changes / "half").exists()
