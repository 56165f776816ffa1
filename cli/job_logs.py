"""`ims jobs logs`: the logs of a job's steps, as S3 keeps them when a step has ended."""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from config.settings import settings
from errors import NotFound
from storage.models.jobs import Job
from storage.models.layout import job_prefix
from storage.s3.objects import ObjectStore

_SUFFIX = ".log"
# A build's log may move the cursor, ring, or set the title of a terminal: it must not.
_CONTROLS = {code: None for code in range(32) if chr(code) not in "\n\t"} | dict.fromkeys(range(127, 160))


def steps_with_logs(store: ObjectStore, job: Job) -> list[str]:
    """Return the steps of a job whose logs are kept: in the order in which they ended, where the record tells it."""
    prefix = job_prefix(job.id)
    kept = {
        key.removeprefix(prefix).removesuffix(_SUFFIX)
        for key in store.keys(settings().bucket, prefix)
        if key.endswith(_SUFFIX)
    }
    ended = [link.key.removeprefix(prefix).removesuffix(_SUFFIX) for link in job.logs]
    return [step for step in ended if step in kept] + sorted(kept - set(ended))


def chosen_steps(job: Job, kept: list[str], step: str) -> list[str]:
    """Return the steps to print.

    Raises:
        NotFound: No log is kept of the step, or of any.
    """
    if step and step not in kept:
        raise NotFound(
            f"job {job.id} has no log of a step {step!r}",
            resolution=f"it has those of {', '.join(kept)}" if kept else _why_none(job),
        )
    if not kept:
        raise NotFound(f"job {job.id} has no log of a step yet", resolution=_why_none(job))
    return [step] if step else kept


def print_logs(store: ObjectStore, job: Job, steps: Iterable[str], *, with_titles: bool) -> None:
    """Print the logs of steps on standard output, each below its name when there are several."""
    for step in steps:
        if with_titles:
            print(f"==> {step} <==")  # noqa: T201 - it stands in the same stream as the log
        with tempfile.TemporaryDirectory(prefix="ims-log-") as folder:
            file = Path(folder) / "log"
            store.download(settings().bucket, f"{job_prefix(job.id)}{step}{_SUFFIX}", file)
            with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
                copy_log(lines, sys.stdout)
    sys.stdout.flush()


def copy_log(lines: TextIO, output: TextIO) -> None:
    """Copy a log; to a terminal without what would control it."""
    if not output.isatty():
        shutil.copyfileobj(lines, output)
        return
    output.writelines(line.translate(_CONTROLS) for line in lines)


def _why_none(job: Job) -> str:
    if job.status.is_final:
        return "it ended before its first pod had; see `ims jobs describe`"
    return f"it is {job.status}: follow it with `ims jobs logs {job.id} --follow`"
