"""kiwi's log on its way to the pod's: passwords masked, its error kept, and what may have caused it."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from builder.programs.kiwi_causes import Cause, cause_in
from builder.programs.step import say

_LONGEST_ERROR = 900
_SHOWN_LINES = 150


class KiwiLog:
    """Takes kiwi's output line by line.

    Args:
        mask: Takes secrets out of a line.
    """

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask
        self._words: list[str] = []
        self._in_error = False

    @property
    def error(self) -> str:
        """What kiwi says went wrong, in one line: its beginning and, when it goes on and on, its end."""
        words = " ".join(self._words).rstrip(" :,")
        return words if len(words) <= _LONGEST_ERROR else f"{words[:300]} … {words[300 - _LONGEST_ERROR :]}"

    def cause(self, file: Path) -> Cause | None:
        """Return what made kiwi fail, as far as its log file tells."""
        return cause_in(self._mask(_end_of(file)))

    def show_end_of(self, file: Path) -> None:
        """Show the end of the log file, where kiwi keeps what package managers and scripts said."""
        last = _end_of(file).splitlines()
        if not last:
            return
        say(f"--- the last {len(last)} lines of kiwi's own log")
        for line in last:
            say(self._mask(line))
        say("--- end of kiwi's own log")

    def __call__(self, line: str) -> None:
        """Take one line."""
        masked = self._mask(line)
        say(masked)
        if masked.startswith("[ "):
            self._in_error = masked.startswith("[ ERROR")
            masked = masked.partition("| ")[2]
        if self._in_error:
            self._words.append(masked.strip())


def _end_of(file: Path) -> str:
    if not file.exists():
        return ""
    with file.open(errors="replace") as lines:
        return "".join(deque(lines, _SHOWN_LINES))
