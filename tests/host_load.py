"""How busy this host was in a time: what the report of a boot needs that was slower than it should be."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HostLoad:
    """The host's counters at one moment."""

    monotonic_seconds: float
    idle_ticks: int
    stolen_ticks: int
    all_ticks: int
    waited_microseconds: int | None

    @classmethod
    def now(cls) -> "HostLoad":
        """Read the counters."""
        words = Path("/proc/stat").read_text().splitlines()[0].split()
        # user nice system idle iowait irq softirq steal; the two that follow are in user already.
        ticks = [int(word) for word in words[1:9]]
        return cls(time.monotonic(), ticks[3] + ticks[4], ticks[7], sum(ticks), _waited_microseconds())

    def until_now(self) -> str:
        """Say in a line how busy the host was since these counters were read."""
        now = HostLoad.now()
        ticks = max(now.all_ticks - self.all_ticks, 1)
        said = [
            f"{os.cpu_count()} processors",
            f"load {Path('/proc/loadavg').read_text().rsplit(' ', 2)[0]}",
            f"busy {1 - (now.idle_ticks - self.idle_ticks) / ticks:.0%} of the time",
            f"stolen by its own host {(now.stolen_ticks - self.stolen_ticks) / ticks:.0%}",
        ]
        if self.waited_microseconds is not None and now.waited_microseconds is not None:
            seconds = max(now.monotonic_seconds - self.monotonic_seconds, 1e-6)
            share = (now.waited_microseconds - self.waited_microseconds) / 1e6 / seconds
            said.append(f"somebody waited for a processor {share:.0%} of the time")
        return ", ".join(said)


def _waited_microseconds() -> int | None:
    """Return how long somebody has waited for a processor so far; None where the kernel does not count that."""
    try:
        pressure = Path("/proc/pressure/cpu").read_text()
    except OSError:
        return None
    found = re.search(r"^some .*total=(\d+)", pressure)
    return int(found[1]) if found else None
