"""The logs of the services that we start, and which of their lines are errors.

An error is an entry of an error's level, or one with a traceback whatever its level is, or a traceback without an entry
before it. The lines of flow runs do not count, although they are in the worker's log: they are in the run's own log,
too, and what ended a job is in the job's record. A job's failure that our own loggers log without a traceback does not
count either.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path

from cli.servers.harmless_errors import is_harmless
from runs.loggers import OURS
from storage.embedded.process import SERVES, STOPS

# Of a longer traceback only the first lines are kept, and what was raised.
KEPT_LINES = 200
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True)
class Format:
    """How a server writes its log.

    Args:
        entry: Matches the first line of an entry: its `level`, `where` it comes from, its `message`.
        levels: The levels that are errors.
        bare: Matches a line that begins an error and is no entry.
        runs: Matches `where`, when an entry is a flow run's.
        results: Matches `where` of entries that may report a job's failure: they are errors only with a traceback.
        serves: The line from which on errors count; empty when they always do.
        stops: The line from which on they count no more.
    """

    entry: re.Pattern[str]
    levels: frozenset[str]
    bare: re.Pattern[str]
    runs: re.Pattern[str] = _NEVER
    results: re.Pattern[str] = _NEVER
    serves: str = ""
    stops: str = ""


# As in Prefect's logging.yml: `standard`, of which runs have forms of their own, and `debug`, which names the thread.
PREFECT = Format(
    entry=re.compile(
        r"\d\d:\d\d:\d\d\.\d{3} \| (?P<level>[A-Z]+) *\| (?:[^|]+ \| )?"
        r"(?:(?P<where>[\w.]+|(?:Flow|Task) run '.*?') - )?(?P<message>.*)"
    ),
    levels=frozenset({"ERROR", "CRITICAL"}),
    bare=re.compile(
        r"Traceback \(most recent call last\)|  \+ Exception Group Traceback|╭─+ Traceback|Fatal Python error"
        r"|Exception in thread|Exception ignored in|--- Logging error ---|--- Error logging to API ---"
    ),
    runs=re.compile(r"(?:Flow|Task) run '"),
    results=OURS,
)
# Go's glog. Its warnings are of what is tried again.
SEAWEEDFS = Format(
    entry=re.compile(r"(?P<level>[A-Z])\d{4} \d\d:\d\d:\d\d\.\d+ +(?:\d+ )?(?P<where>\S+?:\d+)\]? (?P<message>.*)"),
    levels=frozenset({"E", "F"}),
    bare=re.compile(r"panic: |fatal error: "),
    serves=SERVES,
    stops=STOPS,
)
# The last line of a traceback: the exception's class, and what it says.
_RAISED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*(?:: .*)?")
_WARNINGS = frozenset({"WARNING", "W"})
# What differs between two occurrences of one error: ids, addresses, how long something took, numbers.
_PARTICULARS = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\s*\d+(?:\.\d+)?m?s\b|\d+", re.IGNORECASE
)


@dataclass
class LoggedError:
    """An error that a service has logged.

    Args:
        where: The logger, or the file and line; empty when the log does not say.
        message: The entry's first line.
        raised: The last exception of its traceback, if it has one.
        lines: The whole entry, cut off when it is very long.
    """

    where: str
    message: str
    raised: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What is the same for each time of one error."""
        return _PARTICULARS.sub("#", f"{self.where} {self.message} {self.raised}")

    @property
    def text(self) -> str:
        """The whole entry."""
        return "\n".join(self.lines)


class ServiceLog:
    """The log of one service; each call reads what has come since the last one.

    The file is kept open, so that a log that is renamed or removed meanwhile is still read to its end.

    Args:
        name: What messages call the service.
        path: Its log, which may not be there yet.
        layout: How the service writes it.
    """

    def __init__(self, name: str, path: Path, layout: Format) -> None:
        self.name, self.path = name, path
        self._entries = _Entries(layout)
        self._file: TextIOWrapper | None = None
        self._rest = ""

    def new_errors(self, *, final: bool = False) -> list[LoggedError]:
        """Return the errors that were logged since the last call.

        Args:
            final: Whether the last entry is complete. Otherwise a later call returns it, when no more lines have come.
        """
        lines = self._new_lines()
        found = list(self._entries.errors(lines))
        if final or not lines:
            found += self._entries.last()
        return [error for error in found if not is_harmless(error.where, f"{error.message}\n{error.raised}")]

    def open(self) -> None:
        """Open the log when it is there: by itself that happens when it is first read."""
        if self._file is None:
            with suppress(FileNotFoundError):
                self._file = self.path.open(errors="replace", newline="\n")

    def _new_lines(self) -> list[str]:
        self.open()
        if self._file is None:
            return []
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        return lines


class _Entries:
    """Lines put together to entries, of which the errors are given."""

    def __init__(self, layout: Format) -> None:
        self._format = layout
        self._counts = not layout.serves
        self._entry = LoggedError("", "")
        self._level = ""
        self._is_own = self._is_error = self._has_traceback = False

    def errors(self, lines: Iterable[str]) -> Iterator[LoggedError]:
        for line in lines:
            if line and line in (self._format.serves, self._format.stops):
                yield from self.last()
                self._counts = line == self._format.serves
                continue
            begun = self._format.entry.match(line)
            if begun or (self._format.bare.match(line) and not self._takes_a_traceback()):
                yield from self.last()
                self._begin(line, begun)
            else:
                self._go_on(line)

    def last(self) -> Iterator[LoggedError]:
        """Give the entry that has come to its end, when it is an error."""
        if self._counts and self._is_own and self._is_error:
            yield self._entry
        self._entry, self._level = LoggedError("", ""), ""
        self._is_own = self._is_error = self._has_traceback = False

    def _begin(self, line: str, begun: re.Match[str] | None) -> None:
        if begun is None:
            self._entry = LoggedError("", line.strip(), lines=[line])
            self._is_own = self._is_error = self._has_traceback = True
            return
        self._entry = LoggedError(begun["where"] or "", begun["message"], lines=[line])
        self._level = begun["level"]
        self._is_own = self._format.runs.match(self._entry.where) is None
        is_result = self._format.results.match(self._entry.where) is not None
        self._is_error = self._level in self._format.levels and not is_result

    def _takes_a_traceback(self) -> bool:
        """Tell whether a traceback belongs to the entry before it, and not to code that writes without a logger."""
        return self._is_error or self._level in _WARNINGS | self._format.levels

    def _go_on(self, line: str) -> None:
        if self._format.bare.match(line):
            self._is_error = self._has_traceback = True
        if len(self._entry.lines) < KEPT_LINES:
            self._entry.lines.append(line)
        if self._has_traceback and _RAISED.fullmatch(line):
            self._entry.raised = line
