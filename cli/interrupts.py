"""Signals to stop: the first one stops in order, a second one is answered, a third one stops at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What the signals to stop do, before the stop began and while it goes on."""

    def __init__(self, say: Callable[[str], None], kill: Callable[[], None]) -> None:
        """Prepare them.

        Args:
            say: Prints a line.
            kill: Stops everything at once.
        """
        self.stopping = False
        self._warned = False
        self._say, self._kill = say, kill

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals while the block runs: the first one raises KeyboardInterrupt in it."""
        before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        for number in STOP_SIGNALS:
            # Who starts us by nohup wants a closed terminal to be ignored.
            if number is not signal.SIGHUP or before[number] is not signal.SIG_IGN:
                signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping = True
            raise KeyboardInterrupt
        if not self._warned:
            self._warned = True
            self._say("Still stopping; runs clean up. Once more stops everything at once; the runs go on next time")
            return
        self._kill()
        raise SystemExit(1)
