"""Which lines of a run's log a user sees who follows a job, and how: without what only developers of kiwi read."""

import re

from runs.log import LogLine

# The logger of what pods print (tasks/pods.py).
PODS = "tasks.pods"
# kiwi/logger.py: `[ INFO    ]: 12:00:00 | text`; our lines have a time of their own.
_KIWI = re.compile(r"\[ (?P<level>[A-Z]+)\s*\]: \d\d:\d\d:\d\d \| (?P<text>.*)", re.DOTALL)


def shown(line: LogLine, *, whole: bool = False) -> str | None:
    """Return how a line is shown; None when it is not.

    Args:
        line: The line.
        whole: Whether the user wants all that the pods print, as they print it.
    """
    if line.logger.startswith("prefect"):
        # Of Prefect's own lines only those on retries are about the job.
        return line.text if "Retry" in line.text else None
    found = _KIWI.fullmatch(line.text) if line.logger == PODS and not whole else None
    if found is None:
        return line.text
    if found["level"] == "DEBUG" or not found["text"].strip():
        return None
    return found["text"] if found["level"] == "INFO" else f"{found['level'].lower()}: {found['text']}"
