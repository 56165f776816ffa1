"""The folder that images are made in, and the lock that goes with it."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return where this host keeps what is made once."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ims"


@contextmanager
def one_at_a_time() -> Iterator[Path]:
    """Hold the host's build lock and an empty scratch folder; what a killed build left there is removed first."""
    cache = cache_folder()
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
