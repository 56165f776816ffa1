"""Counts the processor seconds of each file of tests, and prints the ten that took most: a plugin of pytest.

Wall time depends on what else the host does; these depend on it much less. They are those of the tests' process and
its descendants, also of servers that continue to run. Pods are not descendants of a test: tests/supervised.py prints
what the whole run took, with the pods.
"""

import os
from collections import defaultdict
from operator import itemgetter
from pathlib import Path

import pytest

SHOWN = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_COSTS = "processor_seconds"


class Costs:
    """The processor seconds of the files that this process runs; with xdist, of those that its workers run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._file = "collecting the tests, in all processes"
        self._counted = 0.0

    def begin(self, file: str) -> None:
        """Count from here on what the tests of another file take."""
        if file != self._file:
            self.count()
            self._file = file

    def count(self) -> None:
        """Add what was used since the last time."""
        used = processor_seconds(os.getpid())
        # What a killed process has used is lost when its parent is gone, too.
        self.seconds[self._file] += max(0.0, used - self._counted)
        self._counted = used

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.begin(item.nodeid.partition("::")[0])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            self.count()
            session.config.workeroutput[_COSTS] = dict(self.seconds)
        elif not session.config.getoption("numprocesses", None):
            # With xdist this process runs no tests, and the workers that do are its descendants: they count themselves.
            self.count()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        # A process that crashed has told nothing.
        for file, seconds in getattr(node, "workeroutput", {}).get(_COSTS, {}).items():
            self.seconds[file] += seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"most processor seconds, of {sum(self.seconds.values()):.0f} without pods")
        for file, seconds in sorted(self.seconds.items(), key=itemgetter(1), reverse=True)[:SHOWN]:
            terminalreporter.line(f"{seconds:7.1f} s {file}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Costs(), "costs")


def processor_seconds(process: int) -> float:
    """Return what a process and its descendants have used, with those of their children that have ended."""
    children, used = defaultdict(list), {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # proc(5): after the name in brackets come the state and the parent; the times are fields 14 to 17.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            children[int(fields[1])].append(int(entry.name))
            used[int(entry.name)] = sum(map(int, fields[11:15]))
    total, todo = 0, [process]
    while todo:
        each = todo.pop()
        total += used.get(each, 0)
        todo += children[each]
    return total / _TICKS
