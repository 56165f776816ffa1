from datetime import timedelta
from pathlib import Path

import pytest

from errors import Broken, Unreachable
from pods.podman.command import PodmanCommand
from pods.podman.runtime import Podman


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program named podman that does what a test writes into it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def write(folder: Path, script: str) -> None:
    program = folder / "podman"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_locked_storage_is_asked_again(stand_in: Path, tmp_path: Path) -> None:
    mark = tmp_path / "asked"
    write(stand_in, f"[ -e {mark} ] && echo fine && exit 0; touch {mark}; echo Error: database is locked >&2; exit 125")
    assert PodmanCommand(tmp_path).run("info") == "fine\n"


def test_a_storage_that_stays_locked_may_be_tried_later(stand_in: Path, tmp_path: Path) -> None:
    write(stand_in, "echo Error: database is locked >&2; exit 125")
    with pytest.raises(Unreachable, match="database is locked"):
        PodmanCommand(tmp_path).run("info")


def test_a_failure_carries_podmans_own_reason(stand_in: Path, tmp_path: Path) -> None:
    write(stand_in, "echo Error: disk on fire >&2; exit 125")
    with pytest.raises(Broken, match="podman pod ps failed: disk on fire"):
        PodmanCommand(tmp_path).run("pod", "ps")


def test_the_cause_of_a_failed_start_stands_above_the_last_line(stand_in: Path, tmp_path: Path) -> None:
    lines = (
        "starting container 12ab: netavark: No such file\nstarting container 34cd: a dependency failed\nError: failed"
    )
    (tmp_path / "lines").write_text(lines)
    write(stand_in, f"cat {tmp_path}/lines >&2; exit 125")
    assert PodmanCommand(tmp_path).ask("kube", "play").reason == "netavark: No such file"


def test_silence_has_a_limit(stand_in: Path, tmp_path: Path) -> None:
    write(stand_in, "exec sleep 60")
    with pytest.raises(Unreachable, match="did not answer"):
        PodmanCommand(tmp_path).ask("info", limit=timedelta(seconds=0.5))


def test_no_answer_is_not_taken_for_an_absent_pod(stand_in: Path, tmp_path: Path) -> None:
    write(stand_in, "echo Error: disk on fire >&2; exit 125")
    with pytest.raises(Broken, match="disk on fire"):
        Podman(tmp_path).outcome("ims-1-test-1")
