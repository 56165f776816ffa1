"""kiwi's log, copied into the pod's: passwords are masked, and its error and the cause are found."""

from collections.abc import Callable
from pathlib import Path

from builder.pod.kiwi.causes import Cause, cause_in
from builder.pod.step import say
from builder.pod.whole_file import whole_file

_LONGEST_ERROR = 900
_SCRIPT_FAILED = "KiwiScriptFailed"
_SHOWN_LINES = 150
# Patterns that begin anywhere in a line take time by the square of its length.
_LONGEST_LINE = 1000
_END_BYTES = 1 << 20


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
        """Kiwi's error, in one line: its beginning and, when it is long, its end."""
        words = " ".join(self._words).rstrip(" :,")
        return words if len(words) <= _LONGEST_ERROR else f"{words[:300]} … {words[300 - _LONGEST_ERROR :]}"

    def cause(self, file: Path) -> Cause | None:
        """Return what made kiwi fail, as far as its log file tells; a script that failed is a cause of its own."""
        if self.error.startswith(_SCRIPT_FAILED):
            return None
        return cause_in("\n".join(self._end_of(file)))

    def mask(self, file: Path) -> None:
        """Take the secrets out of the log file itself: it stays in the workspace, which a debug shell shows."""
        if file.exists():
            with whole_file(file) as masked, file.open(errors="replace") as lines, masked.open("w") as kept:
                kept.writelines(map(self._mask, lines))

    def show_end_of(self, file: Path) -> None:
        """Show the end of the log file, where kiwi keeps what package managers and scripts said."""
        last = self._end_of(file)
        if not last:
            return
        say(f"--- the last {len(last)} lines of kiwi's own log")
        for line in last:
            say(line)
        say("--- end of kiwi's own log")

    def _end_of(self, file: Path) -> list[str]:
        if not file.exists():
            return []
        with file.open("rb") as log:
            skipped = max(0, file.stat().st_size - _END_BYTES)
            log.seek(skipped)
            lines = log.read().decode(errors="replace").splitlines()
        # The first is part of a line when something was skipped. A line is masked before it is cut: no part of a
        # password is shown.
        masked = map(self._mask, lines[1 if skipped else 0 :][-_SHOWN_LINES:])
        return [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in masked]

    def __call__(self, line: str) -> None:
        """Take one line."""
        masked = self._mask(line)
        say(masked)
        # The line before it was masked: a password of one letter would be masked in it, too.
        if line.startswith("[ "):
            self._in_error = line.startswith("[ ERROR")
            masked = masked.partition("| ")[2]
        if self._in_error:
            self._words.append(masked.strip())
