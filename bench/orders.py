"""Orders, kills and evictions over two real workers, for longer than the tests: whether run, record and pods agree.

Run as root, `python -m bench.orders`; the test that it runs is tests/flows/stories.py. A story of ten orders takes
about four minutes. After each order run, record and pods must agree, within 30 s on a host with nothing else to do.
"""

import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

from bench.report import AtLeast, AtMost, Figure, Option, run

OPTIONS = [
    Option("stories", 10, 1, "how many stories"),
    Option("orders", 10, 6, "how many orders a story has"),
    Option("seed", 1, 1, "which stories"),
]
MOST_SECONDS = 30
LIMIT_SECONDS = 4 * 3600
_SUMMARY = re.compile(r"(\d+) orders: .*the slowest agreement took (\d+) s")


def measure(asked: Namespace) -> list[Figure]:
    """Run the stories."""
    test = ["tests/flows/stories.py", "-s", "-q", f"--timeout={LIMIT_SECONDS}"]
    variables = {
        "IMS_TEST_STORIES": str(asked.stories),
        "IMS_TEST_ORDERS": str(asked.orders),
        "IMS_TEST_SEED": str(asked.seed),
    }
    tests = subprocess.Popen(
        [sys.executable, "-m", "pytest", *test],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert tests.stdout
    orders, slowest = 0, 0
    for line in tests.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        if found := _SUMMARY.search(line):
            orders, slowest = int(found[1]), int(found[2])
    failed = tests.wait()
    return [
        Figure("orders after which run, record and pods agreed", orders, AtLeast(1), at_any_size=True),
        Figure("stories in which they did not", int(bool(failed)), AtMost(0), at_any_size=True),
        Figure("the slowest agreement, s", slowest, AtMost(MOST_SECONDS)),
    ]


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
