"""cli/quiet.py: no warning of Python or a library reaches the terminal, in a real process of the command's."""

import os
import subprocess
import sys

from tests.cli.conftest import clean_environment

# What is said once the command runs, and after Prefect has set up its own log.
PROGRAM = """
import sys
import cli.main
from cli.main import main

sys.argv = ["ims", "settings"]
try:
    main()
except SystemExit:
    pass
import logging, os, warnings
import prefect

warnings.warn("Python's", stacklevel=1)
warnings.warn("a library's", DeprecationWarning, stacklevel=1)
logging.getLogger("urllib3.connectionpool").warning("Retrying after connection broken")
logging.getLogger("prefect.client").warning("a retryable status")
logging.getLogger("storage.records.store").warning("image %s cannot be read", 1)
logging.getLogger("asyncio").error("a task failed")
assert "PYTHONWARNINGS" not in os.environ
"""


def test_only_our_warnings_and_errors_reach_the_terminal() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=clean_environment(PYTHONWARNINGS="error", PATH=os.environ["PATH"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == "Warning: image 1 cannot be read\nError: a task failed\n"
