"""Confinement in the child: a process gives up the rights that it does not need before it reads foreign data.

The rule: nothing from outside is read before `confine` has returned.
"""

import ctypes
import math
import os
import resource
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from ingest.limits import Limits

# linux/prctl.h and linux/sched.h
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNET = 0x4000_0000

OPEN_FILES = 64


class TimeLimit(BaseException):  # Not an Exception: a handler of a library or a template must not catch it.
    """The process has reached its time limit."""


def confine(limits: Limits, parent: int) -> None:
    """Lower this process's limits, have it killed when its parent ends, and take the network from it where possible.

    Args:
        limits: What the process may use from now on.
        parent: Id of the process that started this one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")
    if os.getppid() != parent:
        sys.exit("the parent process has ended already")
    # Needs root and a kernel that allows it. Without it the child still never uses the network.
    libc.unshare(CLONE_NEWNET)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, limits.bytes)
    # Ends a computation of a library in C, which the timer does not interrupt.
    _lower(resource.RLIMIT_CPU, math.ceil(time.process_time()) + limits.seconds + 1)
    _lower(resource.RLIMIT_AS, _address_space_bytes() + limits.memory_bytes)
    # Processor time: on a busy host honest input takes as much of it as on an idle one.
    signal.signal(signal.SIGPROF, _raise_time_limit)
    signal.setitimer(signal.ITIMER_PROF, limits.seconds)


def _raise_time_limit(_signal: int, _frame: FrameType | None) -> None:
    raise TimeLimit


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
