"""The output of a script, copied into the pod's log: all of it, or its beginning and its end when it is too long."""

from collections import deque
from collections.abc import Callable

from builder.pod.step import say

# A log is read by people, and each line is stored in Prefect's database.
MOST_LINES = 20_000
MOST_CHARACTERS = 8 << 20
LAST_LINES = 200


class ScriptLog:
    """Gets a script's lines, and shows them; `close` it after the last one.

    Args:
        on_line: Gets the lines that are shown.
        most_lines: How many are shown as they come.
    """

    def __init__(self, on_line: Callable[[str], None] = say, *, most_lines: int = MOST_LINES) -> None:
        self._on_line = on_line
        self._most_lines = most_lines
        self._shown = 0
        self._characters = 0
        self._held_back = 0
        self._end: deque[str] = deque(maxlen=LAST_LINES)
        self.last = ""

    def __call__(self, line: str) -> None:
        """Take a line."""
        self.last = line.strip() or self.last
        self._characters += len(line)
        if self._shown < self._most_lines and self._characters <= MOST_CHARACTERS:
            self._shown += 1
            self._on_line(line)
            return
        if not self._held_back:
            self._on_line(f"--- these were {self._shown} lines: of what comes now only the last {LAST_LINES} are shown")
        self._held_back += 1
        self._end.append(line)

    def close(self) -> None:
        """Show the end of what was held back."""
        if left_out := self._held_back - len(self._end):
            self._on_line(f"--- {left_out} lines are left out")
        for line in self._end:
            self._on_line(line)
        self._end.clear()
        self._held_back = 0
