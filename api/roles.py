"""What a caller may do: read, change, or also remove what cannot be restored.

A request that fits no rule needs the highest role: a path that is added later is open to nobody by mistake.
"""

from enum import IntEnum

from api.versions import Version
from config.api import RoleName

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGING = frozenset({"POST", "PATCH", "PUT"})
# What is deleted of these was made by nobody, or can be made again.
_NO_ARTIFACTS = frozenset({"jobs", "remote-build-nodes"})
_DELETED = "deleted"


class Role(IntEnum):
    """A role; each may also do what those below it may."""

    NONE = 0
    READ = 1
    WRITE = 2
    PURGE = 3

    @classmethod
    def named(cls, name: RoleName) -> "Role":
        """Return the role of a setting."""
        return cls[name.upper()]


def role_for(method: str, path: str) -> Role:
    """Return the role that a request needs."""
    if method in _READING:
        return Role.READ
    if method in _CHANGING:
        return Role.WRITE
    version, collection = _split(path)
    if method == "DELETE" and (collection in _NO_ARTIFACTS or (version is Version.V3 and collection != _DELETED)):
        # In v3 what is deleted can be restored.
        return Role.WRITE
    return Role.PURGE


def _split(path: str) -> tuple[Version, str]:
    """Return the version of a path and the first name below it."""
    prefixes = sorted(((prefix, each) for each in Version for prefix in each.prefixes), key=lambda one: -len(one[0]))
    for prefix, each in prefixes:
        if path == prefix or path.startswith(f"{prefix}/"):
            return each, path.removeprefix(prefix).strip("/").partition("/")[0]
    return Version.V2, ""
