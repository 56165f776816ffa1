"""Which lines of a server's log are errors: as Prefect's and SeaweedFS's logs have them."""

from pathlib import Path

import pytest

from cli.servers.log import PREFECT, SEAWEEDFS, Format, LoggedError, ServiceLog
from storage.embedded.process import SERVES, STOPS

TRACEBACK = """\
Traceback (most recent call last):
  File "loop_service.py", line 83, in start
    await self.run_once()
sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked
[SQL: UPDATE deployment SET status=? WHERE id = ?]
(Background on this error at: https://sqlalche.me/e/20/e3q8)"""
SCHEDULER = "prefect.server.services.scheduler"
LOCKED = "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked"


def errors(log: Path, text: str, layout: Format = PREFECT) -> list[LoggedError]:
    """Return the errors in the log of a server that serves."""
    log.write_text(f"{layout.serves}\n{text}")
    return ServiceLog("it", log, layout).new_errors(final=True)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


PREFECTS = {
    "an error with its traceback": (
        f"00:01:02.345 | ERROR   | {SCHEDULER} - Unexpected error\n{TRACEBACK}\n00:01:02.400 | INFO    | x - well\n",
        [(SCHEDULER, "Unexpected error", LOCKED)],
    ),
    "an error of one line": ("00:01:02.345 | CRITICAL | x.y - it is over\n", [("x.y", "it is over", "")]),
    "an error of one's insides, with the thread": (
        "00:01:02.345 | ERROR   | MainThread   | prefect._internal.concurrency - stuck\n",
        [("prefect._internal.concurrency", "stuck", "")],
    ),
    "a warning with a traceback": (
        f"00:01:02.345 | WARNING | x - Duplicate, discarding\n{TRACEBACK}\n",
        [("x", "Duplicate, discarding", LOCKED)],
    ),
    "a traceback that nobody announced": (
        f"00:01:02.345 | INFO    | x - well\n{TRACEBACK}\n",
        [("", "Traceback (most recent call last):", LOCKED)],
    ),
    "log lines that did not reach the server": (
        "--- Error logging to API ---\nServer error '503 Service Unavailable'\n",
        [("", "--- Error logging to API ---", "")],
    ),
    "what could not be put in order after a job": (
        f"00:01:02.345 | ERROR   | tasks.jobs - not all could be put in order after the job ended\n{TRACEBACK}\n",
        [("tasks.jobs", "not all could be put in order after the job ended", LOCKED)],
    ),
    "two in a row": (
        "00:01:02.345 | ERROR   | x - one\n00:01:02.346 | ERROR   | x - two\n",
        [("x", "one", ""), ("x", "two", "")],
    ),
    "a warning": ("00:01:02.345 | WARNING | x - careful\n", []),
    "a start": (" ___ ___\n| _ \\\n\nCheck out the dashboard at http://127.0.0.1:4200\n", []),
    "what a flow run logs": (
        (
            f"00:01:02.345 | ERROR   | Flow run 'create x' - Encountered exception\n{TRACEBACK}\n"
            "00:01:02.346 | ERROR   | Task run 'find-1' - Finished in state Failed('no recipe')\n"
            "00:01:02.347 | ERROR   | tasks.jobs - job 1 failed\n"
        ),
        [],
    ),
}


@pytest.mark.parametrize(("text", "expected"), PREFECTS.values(), ids=PREFECTS)
def test_errors_of_prefect(log: Path, text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(error.where, error.message, error.raised) for error in errors(log, text)] == expected


SEAWEEDS = {
    "an error": ("E1128 00:21:39.197614 filer.go:887 no space left\n", [("filer.go:887", "no space left")]),
    "the end": ("F1128 00:21:39.197614 master.go:1 cannot listen\n", [("master.go:1", "cannot listen")]),
    "a panic": ("panic: runtime error\n\ngoroutine 1 [running]:\n", [("", "panic: runtime error")]),
    "a warning": ("W1128 00:21:39.197614 filer.go:887 retry\n", []),
    "news": ("I1128 00:21:39.197614 filer.go:887 error: 0\n  Filer        ready     0.2s\n", []),
}


@pytest.mark.parametrize(("text", "expected"), SEAWEEDS.values(), ids=SEAWEEDS)
def test_errors_of_seaweedfs(log: Path, text: str, expected: list[tuple[str, str]]) -> None:
    assert [(error.where, error.message) for error in errors(log, text, SEAWEEDFS)] == expected


HARMLESS = {
    "a client is gone": (
        "E1128 00:25:36.2 upload_chunked.go:281 chunked upload failed: truncated request body: read chunk at offset 0\n"
    ),
    "a client was killed": (
        "E1128 00:38:27.7 s3api_object_handlers_put.go:626 putToFiler: chunked upload failed: read chunk at offset 0 "
        "(got 0 bytes): read tcp 127.0.0.1:17200->127.0.0.1:54394: read: connection reset by peer\n"
    ),
    "a part was sent twice": (
        "E1128 00:22:00.7 filer_multipart.go:461 completeMultipartUpload 0002_e7.part ETag mismatch stored: 5 part: 8\n"
    ),
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_needs_nobody_is_no_error(log: Path, text: str) -> None:
    assert errors(log, text, SEAWEEDFS) == []


def test_a_lost_volume_of_somebodys_object_is_an_error(log: Path) -> None:
    text = (
        "E1128 00:21:39.1 filechunk_manifest.go:363 operation LookupFileId 3,03 failed, err: volume 3 not found\n"
        "E1128 00:21:39.1 s3api_object_handlers.go:887 GetObjectHandler: failed to stream ims/recipes/x from volume "
        "servers: operation LookupFileId 3,03 failed, err: volume 3 not found for fileId 3,03\n"
    )
    [error] = errors(log, text, SEAWEEDFS)
    assert "ims/recipes/x" in error.message


ERROR = "E1128 11:36:45.7 upload_chunked.go:281 chunked upload failed: assign volume: {}\n"


def test_what_seaweedfs_logs_while_it_starts_and_stops_is_no_error(log: Path) -> None:
    starts, serves, stops = (ERROR.format(phase) for phase in ("starting", "serving", "stopping"))
    log.write_text(f"{starts}{SERVES}\n{serves}{STOPS}\n{stops}")
    [error] = ServiceLog("it", log, SEAWEEDFS).new_errors(final=True)
    assert error.message.endswith("serving")


def test_a_log_is_read_on_while_it_is_written(log: Path) -> None:
    read = ServiceLog("it", log, PREFECT)
    assert read.new_errors() == []  # it is not there yet
    with log.open("a") as written:

        def write(text: str) -> list[str]:
            written.write(text)
            written.flush()
            return [error.raised for error in read.new_errors()]

        begun, _, rest = f"00:01:02.345 | ERROR   | x - one\n{TRACEBACK}\n".partition("await")
        assert write(begun) == []
        assert write(f"await{rest}") == []  # more of it may come
        assert write("") == [LOCKED]
        assert write("") == []
        assert write("00:01:02.345 | ERROR   | x - two\n00:01:02.345 | ERROR   | x - three\n") == [""]
        log.rename(log.with_suffix(".1"))
        assert write("00:01:02.345 | INFO    | x - well\n") == [""]


def test_an_error_comes_again_when_only_its_particulars_differ(log: Path) -> None:
    texts = (
        "↩ [    45ms] run 0f0e4f14-9e5a-4c62-9ad7-7c26e6b0d2b1 failed at 0x7f10 in line 12",
        "↩ [   1.2s] run 1f0e4f14-9e5a-4c62-9ad7-7c26e6b0d2b2 failed at 0x8e2b in line 7",
        "it failed",
    )
    found = errors(log, "".join(f"00:01:02.345 | ERROR   | x - {text}\n" for text in texts))
    assert found[0].kind == found[1].kind != found[2].kind
