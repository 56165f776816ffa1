"""An RPM distribution of a real one's size, made of this host's Debian packages: zypper and dnf build roots that boot.

Made once and kept in ~/.cache/ims-tests, by a digest of all that it is made from.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from builder.base import base_reference
from tests.builder_pod import run_in_builder
from tests.rpm import debs

_TESTS = Path(__file__).parent
_UNUSED_FOR = timedelta(days=14)


@pytest.fixture(scope="session")
def rpm_distribution() -> Path:
    """The folder of the distribution's repository; it is shared by all sessions, so nobody writes there."""
    return ensure_rpm_distribution()


def ensure_rpm_distribution() -> Path:
    """Return the repository's folder, making the distribution first when nobody has: about a minute.

    Safe to call at the same time from several processes: one makes it, the others wait.
    """
    resolved = debs.resolve()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ims-tests"
    repository = cache / f"rpm-distribution-{_inputs(resolved)[:12]}"
    with _one_at_a_time(cache):
        if not repository.is_dir():
            _make(repository)
        # Its time tells when it was last used.
        os.utime(repository)
        _remove_unused(cache)
    return repository


def _inputs(resolved: list[str]) -> str:
    """Return the digest of what the distribution is made from."""
    digest = hashlib.sha256(json.dumps([base_reference(), resolved]).encode())
    for file in _sources():
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _sources() -> list[Path]:
    return [_TESTS / "__init__.py", *sorted((_TESTS / "rpm").glob("*.py"))]


def _make(repository: Path) -> None:
    """Make the distribution beside its place, and put it there when it is whole."""
    with tempfile.TemporaryDirectory(dir=repository.parent, prefix="making-") as scratch:
        workspace = Path(scratch)
        (workspace / "debs").mkdir()
        debs.download(workspace / "debs")
        for source in _sources():
            copy = workspace / "code/tests" / source.relative_to(_TESTS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
        made = run_in_builder(
            ["python3", "-m", "tests.rpm.convert", "/workspace/debs", "/workspace/repository"],
            workspace=workspace,
            environment={"PYTHONPATH": "/workspace/code"},
        )
        assert made.returncode == 0, made.stdout
        (workspace / "repository").rename(repository)


def _remove_unused(cache: Path) -> None:
    for folder in cache.glob("rpm-distribution-*"):
        if time.time() - folder.stat().st_mtime > _UNUSED_FOR.total_seconds():
            shutil.rmtree(folder)


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    """Hold the cache's lock; what a killed session left half made goes first."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in cache.glob("making-*"):
            shutil.rmtree(leftover)
        yield
