"""No server of a test logs an error unseen."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import REPOSITORY
from tests.server_logs import PREFECT, unexpected, watch

# What starts a server, and where that is done with the server's log watched.
STARTS = {
    r"\bEmbeddedS3\(": {"tests/s3_server.py", "tests/storage/embedded/test_server.py"},
    r"prefect_processes\.(server|worker|deployment)\(": {"tests/prefect_server.py", "bench/database.py"},
    r"\bprefect_test_harness\b": set(),
    r"[\"']server[\"'], [\"']start[\"']|[\"']worker[\"'], [\"']start[\"']": {"tests/deploy/test_image.py"},
    r"\[\*IMS, [\"']up[\"']": {"tests/cli/running.py"},
    r"\[\*IMS, [\"']worker[\"']": {"tests/cli/running.py"},
}
TEST = """
from pathlib import Path
import pytest
from tests.conftest import _errors_of_servers
from tests.server_logs import PREFECT, watch

def log(text):
    with Path({log!r}).open("a") as file:
        print("00:01:02.345 | ERROR   | prefect.server - " + text, file=file)

Path({log!r}).touch()
watch(Path({log!r}), PREFECT)

def test_it_logs_nothing(): pass
def test_it_logs_an_error(): log("out of order")
@pytest.mark.expects_log("out of .*rder")
def test_it_expects_what_it_logs(): log("out of order")
@pytest.mark.expects_log("out of order")
def test_it_expects_another_error(): log("lost")
"""


def test_every_server_that_is_started_is_watched() -> None:
    files = [*REPOSITORY.glob("tests/**/*.py"), *REPOSITORY.glob("bench/**/*.py")]
    sources = {str(file.relative_to(REPOSITORY)): file.read_text() for file in files if file != Path(__file__)}
    for start, known in STARTS.items():
        assert {name for name, source in sources.items() if re.search(start, source)} - known == set(), start


@pytest.mark.slow
def test_a_test_whose_server_logs_an_error_fails_unless_it_expects_that(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST.format(log=str(tmp_path / "server.log")))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(REPOSITORY), "-c"]
    ran = subprocess.run(
        [*command, str(REPOSITORY / "pyproject.toml"), str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed, 2 errors" in ran.stdout, ran.stdout + ran.stderr
    assert "ERROR at teardown of test_it_logs_an_error" in ran.stdout
    assert "ERROR at teardown of test_it_expects_another_error" in ran.stdout
    assert "has an error that the test does not expect" in ran.stdout


def test_an_error_of_a_server_that_was_started_again_is_found(tmp_path: Path) -> None:
    """The former log is another file by then."""
    log = tmp_path / "server.log"
    with log.open("w") as former:
        watch(log, PREFECT)
        log.rename(tmp_path / "server.log.1")
        log.touch()
        watch(log, PREFECT)
        former.write("00:01:02.345 | ERROR   | prefect.server - lost at the end\n")
    [told] = unexpected(())
    assert "lost at the end" in told


@pytest.mark.expects_log("not a thing that this one does")
def test_a_watched_log_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    watch(tmp_path / "none.log", PREFECT)
    assert unexpected(()) == []
