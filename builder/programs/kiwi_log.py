"""kiwi's log on its way to the pod's: passwords masked, its error kept, and what may have caused it."""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from builder.programs.step import say

_LONGEST_ERROR = 900
_SHOWN_LINES = 150


@dataclass(frozen=True)
class Cause:
    """Something that makes package managers fail: how they say it, what it is, what to do about it.

    Args:
        says: What one of them says; its first group is what the cause is about (a server, a package).
        means: What it is, in words; `{0}` stands for the group.
        advice: What the administrator can do.
    """

    says: re.Pattern[str]
    means: str
    advice: str


def _cause(says: str, means: str, advice: str) -> Cause:
    return Cause(re.compile(says, re.IGNORECASE), means, advice)


# The first that is found is the cause: what went wrong first, as it were, stands above what follows from it.
CAUSES = (
    _cause(
        r"(?:certificate has expired|certificate verify failed[^\n]*expired)",
        "the certificate of a repository's server has expired",
        "the server needs a new certificate; see also whether this host's clock is right",
    ),
    _cause(
        r"(?:SSL certificate problem|certificate verif\w+ failed|unable to get local issuer|self.signed certificate)",
        "the certificate of a repository's server is not trusted",
        "name the CA that certified it as ca_certificates in the site file (IMS_SITE_FILE), and have ca-certificates "
        "among the description's bootstrap packages",
    ),
)


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
        words = " ".join(self._words)
        return words if len(words) <= _LONGEST_ERROR else f"{words[:300]} … {words[300 - _LONGEST_ERROR :]}"

    def cause(self, file: Path) -> tuple[str, str]:
        """Return what made kiwi fail and what to do about it, as far as its log file tells; else two empty texts."""
        text = self._mask(_end_of(file))
        for cause in CAUSES:
            if found := cause.says.search(text):
                return cause.means.format(*found.groups()), cause.advice
        return "", ""

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
