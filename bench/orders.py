"""Orders, kills and evictions over two real workers, for longer than the tests: whether run, record and pods agree.

`python -m bench.orders [STORIES] [SEED]`, 10 stories unless told otherwise, each of ten orders; the test is
tests/flows/test_orders.py. Wanted: all agree after each order, within 30 s on a host with nothing else to do.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT_SECONDS = 4 * 3600


def main() -> int:
    """Tell the stories; the exit code is 1 when anything did not agree."""
    stories, seed = (sys.argv[1:] + ["10", "1"][len(sys.argv[1:]) :])[:2]
    test = ["tests/flows/test_orders.py", "-k", "any_orders", "-s", "-q", f"--timeout={LIMIT_SECONDS}"]
    variables = {**os.environ, "IMS_TEST_STORIES": stories, "IMS_TEST_SEED": seed}
    return subprocess.run([sys.executable, "-m", "pytest", *test], cwd=ROOT, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
