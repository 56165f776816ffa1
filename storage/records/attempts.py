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
                resolution="see who writes these records all the time, or whether the S3 server is in trouble",
            ) from error
        time.sleep(next(self._pauses))

    def check_history(self, uri: str, writers: list[str]) -> None:
        """Refuse to guess: when more wrote since an unclear try than a record remembers, we may be among the forgotten.

        Whoever wrote after the newest writer of then stands before it now; ours, which the caller has looked for, does
        not. A try that is still on its way to the server comes too late: it holds the etag of then.
        """
        if self._unclear and self._newest_writer and writers and self._newest_writer not in writers:
            raise Unreachable(
                f"{uri}: cannot tell whether our change went through: others changed the same record more than "
                f"{REMEMBERED_WRITERS} times before we could read it again",
                resolution="look at the record before trying again",
            )
