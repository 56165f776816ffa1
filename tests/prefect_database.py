"""A Prefect database whose tables are made: a server that begins with a copy does not spend four seconds on migrations.

Made once for a version of Prefect, and kept in ~/.cache/ims-tests.
"""

import os
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

from cli.servers.prefect_processes import DATABASE, PREFECT

_NAME = "prefect.db"


def put_database(prefect_home: Path) -> None:
    """Put the database where a Prefect server with this folder has its own, if it has none yet."""
    prefect_home.mkdir(parents=True, exist_ok=True)
    if not (prefect_home / _NAME).exists():
        shutil.copyfile(_ensure_database(), prefect_home / _NAME)


def _ensure_database() -> Path:
    """Return the database, making it first when nobody has; of several that make it at once, the last one's is kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ims-tests"
    kept = cache / f"prefect-{version('prefect')}.db"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".prefect-", dir=cache) as folder:
            made = Path(folder) / _NAME
            ours = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
            subprocess.run(
                [*PREFECT, "server", "database", "upgrade", "--yes"],
                env={**ours, "PREFECT_HOME": folder, DATABASE: f"sqlite+aiosqlite:///{made}"},
                check=True,
                capture_output=True,
            )
            made.replace(kept)
    return kept
