"""Scratch folders: where a flow's own process keeps a job's files. Everything there can be made again."""

from pathlib import Path

from config.settings import settings
from ingest.limits import Limits
from ingest.new_folder import remove_folder


def scratch(job_id: str) -> Path:
    """Return a job's scratch folder, made when it is not there."""
    folder = settings().data_dir / "jobs" / job_id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def remove_scratch(job_id: str) -> None:
    """Remove a job's scratch folder; none is success."""
    folder = settings().data_dir / "jobs" / job_id
    remove_folder(folder)


def fresh(folder: Path) -> Path:
    """Return a folder's path with nothing there."""
    remove_folder(folder)
    return folder


def ingest_limits(archive: Path | None = None) -> Limits:
    """Return the limits of the processes that unpack and read archives of users.

    Args:
        archive: What they read; they may need more for a large one.
    """
    chosen = settings()
    limits = Limits(
        bytes=chosen.recipes.bytes,
        entries=chosen.recipes.entries,
        memory_bytes=chosen.ingest.memory_bytes,
        seconds=chosen.ingest.seconds,
    )
    return limits.of_archive(archive.stat().st_size) if archive is not None and archive.exists() else limits
