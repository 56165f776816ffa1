"""builder/pod/image_root/processes.py, with real processes."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.pod.image_root.processes import end_processes_in, processes_in


@contextmanager
def sleeping(folder: Path, *, stubborn: bool = False) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a process in a folder that says when it is there."""
    script = f"{'trap : TERM; ' * stubborn}echo there; while :; do sleep 0.1; done"
    process = subprocess.Popen(["sh", "-c", script], cwd=folder, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("stubborn", [False, True], ids=["polite", "stubborn"])
def test_what_runs_in_the_folder_is_ended(tmp_path: Path, stubborn: bool) -> None:
    inside = tmp_path / "root" / "srv"
    inside.mkdir(parents=True)
    with sleeping(inside, stubborn=stubborn) as process:
        assert process.pid in processes_in(tmp_path / "root")
        end_processes_in(tmp_path / "root")
        assert process.wait(10) != 0


def test_what_runs_beside_it_is_left_alone(tmp_path: Path) -> None:
    for name in ("root", "rootless"):
        (tmp_path / name).mkdir()
    with sleeping(tmp_path / "rootless") as process:
        end_processes_in(tmp_path / "root")
        assert process.poll() is None
