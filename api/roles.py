"""What a caller may do: read, change, or also remove what cannot be restored.

A request that fits no rule needs the highest role: a path that is added later is open to nobody by mistake.
"""

from enum import IntEnum

from api.versions import Version
from config.api import RoleName

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGING = frozenset({"POST", "PATCH", "PUT"})
# What is deleted of these has no artifacts.
_NO_ARTIFACTS = frozenset({"jobs", "remote-build-nodes"})
_PUBLIC_KEYS = "public-keys"
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
    if method == "DELETE" and _loses_nothing(*_split(path)):
        return Role.WRITE
    return Role.PURGE


def _loses_nothing(version: Version, collection: str, record_id: str) -> bool:
    """Return whether what a DELETE removes can be restored, or made again from what its owner has."""
    if collection == _PUBLIC_KEYS:
        # CFS registers one for each of its sessions, by v2, and deletes it. All of them at once are another matter.
        return version is Version.V3 or bool(record_id)
    return collection in _NO_ARTIFACTS or (version is Version.V3 and collection != _DELETED)


def _split(path: str) -> tuple[Version, str, str]:
    """Return the version of a path, and the first two names below it."""
    prefixes = sorted(((prefix, each) for each in Version for prefix in each.prefixes), key=lambda one: -len(one[0]))
    for prefix, each in prefixes:
        if path == prefix or path.startswith(f"{prefix}/"):
            collection, _, rest = path.removeprefix(prefix).strip("/").partition("/")
            return each, collection, rest
    return Version.V2, "", ""
