"""The loggers whose lines belong in a flow run's log: one for each package that flows are made of."""

import logging
import re

PACKAGES = ("config", "storage", "ingest", "builder", "pods", "runs", "tasks", "flows")
# Prefect's setting: the loggers besides its own whose lines it sends to the server.
EXTRA_LOGGERS = "PREFECT_LOGGING_EXTRA_LOGGERS"
# Matches the name of a logger that is ours.
OURS = re.compile(rf"(?:{'|'.join(PACKAGES)})(?=\.|$)")


def is_ours(name: str) -> bool:
    """Tell by its name whether a logger is of one of this project's packages."""
    return OURS.match(name) is not None


def show_progress() -> None:
    """Let our loggers give lines of level INFO: with the root logger's level, only warnings would pass."""
    for package in PACKAGES:
        logging.getLogger(package).setLevel(logging.INFO)


def extra_loggers(others: str = "") -> str:
    """Return the value of Prefect's setting that names our loggers.

    Args:
        others: The value that it has, which is kept.
    """
    names = [name.strip() for name in others.split(",") if name.strip()]
    return ",".join(dict.fromkeys([*names, *PACKAGES]))
