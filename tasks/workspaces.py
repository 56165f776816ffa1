"""Scratch folders: where a flow's own process keeps a job's files. Everything there can be made again."""

import shutil
from pathlib import Path

from config.settings import settings
from ingest.limits import Limits


def scratch(job_id: str) -> Path:
    """Return a job's scratch folder, made when it is not there."""
    folder = settings().data_dir / "jobs" / job_id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def remove_scratch(job_id: str) -> None:
    """Remove a job's scratch folder; none is success."""
    folder = settings().data_dir / "jobs" / job_id
    if folder.exists():
        shutil.rmtree(folder)


def fresh(folder: Path) -> Path:
    """Return a folder's path with nothing there."""
    if folder.exists():
        shutil.rmtree(folder)
    return folder


def ingest_limits() -> Limits:
    """Return the limits of the processes that unpack and read archives of users."""
    chosen = settings()
    return Limits(
        bytes=chosen.recipes.bytes,
        entries=chosen.recipes.entries,
        memory_bytes=chosen.ingest.memory_bytes,
        seconds=chosen.ingest.seconds,
    )
