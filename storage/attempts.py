"""The tries of one change to a record: when to try again, when to give up, and what may not be guessed."""

import time
from datetime import timedelta

from errors import ImsError, Unreachable
from storage.backoff import pauses

# How many writes of others to one record may come between a write with an unclear answer and reading it back.
REMEMBERED_WRITERS = 32
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.5


class Attempts:
    """What is known of the tries of one change that did not end clearly."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._ends = time.monotonic() + patience.total_seconds()
        self._pauses = pauses(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._newest_writer = ""
        self.tried = 0

    def failed(self, uri: str, error: ImsError) -> None:
        """Count a try and pause, or give up."""
        self.tried += 1
        if time.monotonic() >= self._ends:
            raise Unreachable(
                f"{uri}: not changed after {self.tried} tries in {self._patience.total_seconds():.0f} s: {error}",
                resolution="see who writes these records all the time, or whether the S3 server is in trouble",
            ) from error
        time.sleep(next(self._pauses))

    def remember(self, writers: list[str]) -> None:
        """Keep the newest writer seen before the first unclear try: all who wrote after it stand before it."""
        self._newest_writer = self._newest_writer or next(iter(writers), "")

    def check_history(self, writers: list[str], uri: str) -> None:
        """Refuse to guess: when more wrote since than a record remembers, ours may be among the forgotten."""
        if self._newest_writer and writers and self._newest_writer not in writers:
            raise Unreachable(
                f"{uri}: cannot tell whether our change went through: others changed the same record more than "
                f"{REMEMBERED_WRITERS} times before we could read it again",
                resolution="look at the record before trying again",
            )
