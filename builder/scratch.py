"""The folder that images are made in, and the lock that goes with it."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time() -> Iterator[Path]:
    """Hold the host's build lock and an empty scratch folder; what a killed build left there is removed first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ims"
    cache.mkdir(parents=True, exist_ok=True)
    scratch = cache / "builder-scratch"
    with (cache / "builder.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch)
