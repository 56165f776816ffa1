"""Makes the tests' process one of an ordinary user, as the worker of a cluster is, and root again.

The interpreter and the packages of the tests may lie in root's own folders: where a test starts programs, the user may
read everything (CAP_DAC_READ_SEARCH), but writes only what is its own.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

# The user of the worker's image.
ORDINARY_USER = 10001
# linux/capability.h and linux/prctl.h
_VERSION_3, _DAC_READ_SEARCH = 0x20080522, 2
_AMBIENT, _AMBIENT_RAISE, _AMBIENT_CLEAR_ALL = 47, 2, 4
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def ordinary_user(*, starts_programs: bool) -> Iterator[None]:
    """Be an ordinary user while the block runs; `starts_programs`: programs of root's can be started."""
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(ORDINARY_USER, ORDINARY_USER, 0)
    # The third id lets the tests be root again.
    os.setresuid(ORDINARY_USER, ORDINARY_USER, 0)
    try:
        if starts_programs:
            _set_capability(1 << _DAC_READ_SEARCH)
            _prctl(_AMBIENT_RAISE, _DAC_READ_SEARCH)
        yield
    finally:
        os.setresuid(0, 0, 0)
        if starts_programs:
            _prctl(_AMBIENT_CLEAR_ALL, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def _set_capability(capability: int) -> None:
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
    _succeed(_LIBC.capget(ctypes.byref(header), sets))
    sets[0].effective, sets[1].effective = capability, 0
    sets[0].inheritable |= capability
    _succeed(_LIBC.capset(ctypes.byref(header), sets))


def _prctl(what: int, capability: int) -> None:
    _succeed(_LIBC.prctl(_AMBIENT, what, capability, 0, 0))


def _succeed(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), "the capabilities of the tests cannot be changed")
