"""Signals to stop: the first stops everything in order, the second prints a hint, the third kills everything."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Handles the signals to stop, before the stop has begun and while it goes on."""

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
        """Handle the signals while the block runs: the first one raises KeyboardInterrupt in it.

        Ctrl-C and a closed terminal stay ignored where they are: by nohup, and by a shell's script for what it starts
        with `&`. SIGTERM always stops.
        """
        before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        for number in STOP_SIGNALS:
            if number is signal.SIGTERM or before[number] is not signal.SIG_IGN:
                signal.signal(number, self._handle)
            elif number is signal.SIGINT:
                # Ignored by this process only: programs inherit SIG_IGN, and Prefect's end each other by SIGINT.
                signal.signal(number, lambda *_: None)
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
            self._say(
                "Still stopping: the runs clean up. Once more kills everything; the next `ims up` resumes the runs"
            )
            return
        self._kill()
        raise SystemExit(1)
