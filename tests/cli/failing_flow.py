"""A flow that fails in the way that it is asked to."""

import os
import signal
from typing import Literal

from prefect import flow

from errors import NotFound
from flows.hooks import write_error


@flow(name="failing", on_failure=[write_error])
def failing(way: Literal["by our error", "by a defect", "by a kill", "not at all"]) -> None:
    """Fail.

    Args:
        way: How.
    """
    if way == "by our error":
        raise NotFound("no such thing", resolution="make one; then come back")
    if way == "by a defect":
        raise KeyError("missing")
    if way == "by a kill":
        os.kill(os.getpid(), signal.SIGKILL)
