"""What Python's warnings and this process's log show the user: warnings of ours, and errors of libraries.

A library's warning is for its developers: it names no record and no option, and the user cannot follow it.
"""

import logging
import os
import warnings

from runs.loggers import is_ours


def quiet_libraries() -> None:
    """Keep warnings of Python and of libraries from the terminal, whatever PYTHONWARNINGS says, also in children."""
    warnings.simplefilter("ignore")
    os.environ.pop("PYTHONWARNINGS", None)
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.addFilter(_is_for_the_user)
    # Prefect replaces the root logger's handlers when it is imported, but not those that have formatters.
    handler.setFormatter(_OneLine())
    logging.getLogger().addHandler(handler)


def _is_for_the_user(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or is_ours(record.name)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.capitalize()}: {record.getMessage()}"
