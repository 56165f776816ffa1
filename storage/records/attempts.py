"""The tries of one change to a record: when to try again, when to give up, and what may not be guessed."""

import time
from datetime import timedelta

from errors import ImsError, Unreachable
from storage.s3.backoff import pauses
from storage.s3.errors import ConditionFailed

# How many writes of others to one record may come between a write with an unclear answer and reading it back.
REMEMBERED_WRITERS = 64
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.5


class Attempts:
    """What is known of the tries of one change that did not succeed for certain."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._ends = time.monotonic() + patience.total_seconds()
        self._pauses = pauses(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._unclear = False
        self._newest_writer = ""
        self.tried = 0

    def failed(self, uri: str, error: ImsError, writers: list[str]) -> None:
        """Count a try and pause, or give up.

        Args:
            uri: The document's address.
            error: Why the write did not succeed for certain.
            writers: The record's writers as they were read before the write.
        """
        self.tried += 1
        self._unclear = not isinstance(error, ConditionFailed)
        self._newest_writer = next(iter(writers), "")
        if time.monotonic() >= self._ends:
            raise Unreachable(
                f"{uri}: not changed after {self.tried} tries in {self._patience.total_seconds():.0f} s: {error}",
                resolution="find out what writes these records all the time, or whether the S3 server is in trouble",
            ) from error
        time.sleep(next(self._pauses))

    def check_history(self, uri: str, writers: list[str]) -> None:
        """Raise when it cannot be known whether an unclear try was written: a record remembers only so many writers.

        The caller has not found its own token among the writers. If the newest writer at the time of the try is still
        among them, the list is complete since then, so the try was not written. A try that the server receives only
        now is refused: it carries the etag of that time.
        """
        if self._unclear and self._newest_writer and writers and self._newest_writer not in writers:
            raise Unreachable(
                f"{uri}: cannot tell whether our change went through: others changed the same record more than "
                f"{REMEMBERED_WRITERS} times before we could read it again",
                resolution="look at the record before trying again",
            )
