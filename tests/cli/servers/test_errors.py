"""The errors of services, as their user is told of them."""

from pathlib import Path

from cli.servers.errors import ServiceErrors, logs_of
from cli.servers.log import PREFECT, ServiceLog
from storage.embedded.process import SERVES

LINE = "00:01:02.345 | ERROR   | prefect.server.services.scheduler - Unexpected error in run {}: {}\n"
LONG = (
    "sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement; " + "please supply a bulk value list " * 20
)


def test_each_kind_is_told_once_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "prefect-server.log"
    errors = ServiceErrors([ServiceLog("the Prefect server", log, PREFECT)])
    with log.open("a") as written:
        print(LINE.format(1, "locked"), end="", file=written, flush=True)
        [kind] = errors.new_kinds(final=True)
        assert kind.notice == (
            "The Prefect server has logged an error:\n"
            "  prefect.server.services.scheduler: Unexpected error in run 1: locked\n"
            f"  {log}"
        )
        for number in range(2, 13):
            print(LINE.format(number, "locked"), end="", file=written, flush=True)
            assert errors.new_kinds(final=True) == []
        print(LINE.format(1, "lost"), end="", file=written, flush=True)
        assert len(errors.new_kinds(final=True)) == 1
    assert [kind.summary.splitlines()[0] for kind in errors.kinds] == [
        "The Prefect server has logged 12 times:",
        "The Prefect server has logged once:",
    ]


def test_what_is_told_can_be_read_at_80_columns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(LINE.format(1, "x" * 200) + "Traceback (most recent call last):\n" + LONG + "\n")
    [kind] = ServiceErrors([ServiceLog("the Prefect server", log, PREFECT)]).new_kinds(final=True)
    *lines, path = kind.notice.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 7
    assert "  sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement;" in kind.notice
    assert path == f"  {log}"


def test_the_logs_of_another_time_are_left_out(tmp_path: Path) -> None:
    """The log of an S3 server that `ims up` does not run."""
    (tmp_path / "s3").mkdir()
    (tmp_path / "s3" / "weed.log").write_text(f"{SERVES}\nE1128 00:21:39.197614 filer.go:887 no space left\n")
    assert len(ServiceErrors(logs_of(tmp_path, with_s3=True)).new_kinds(final=True)) == 1
    assert ServiceErrors(logs_of(tmp_path, with_s3=False)).new_kinds(final=True) == []
