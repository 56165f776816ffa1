"""The objects of a fake cluster: versions, selectors, preconditions, owners, and the history that watches read."""

import copy
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

Resource = dict[str, Any]
HISTORY = 20_000


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": reason,
            "message": message,
            "code": code,
        }


def not_found(plural: str, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{plural} "{name}" not found')


@dataclass(frozen=True)
class Change:
    """One entry of the history."""

    version: int
    plural: str
    type: str
    entry: Resource


class Objects:
    """All objects of one namespace, by plural and name. Every change is one entry of the history."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._entries: dict[str, dict[str, Resource]] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._version = 1000
        self._oldest = 1000

    @property
    def version(self) -> int:
        return self._version

    def get(self, plural: str, name: str) -> Resource:
        with self.lock:
            entry = self._entries.get(plural, {}).get(name)
            if entry is None:
                raise not_found(plural, name)
            return copy.deepcopy(entry)

    def list(self, plural: str, labels: str = "", fields: str = "") -> list[Resource]:
        with self.lock:
            entries = list(self._entries.get(plural, {}).values())
            return [copy.deepcopy(entry) for entry in entries if fits(entry, labels, fields)]

    def create(self, plural: str, entry: Resource) -> Resource:
        with self.lock:
            name = entry["metadata"].get("name") or f"{plural}-{uuid4().hex[:8]}"
            if name in self._entries.setdefault(plural, {}):
                raise ApiError(409, "AlreadyExists", f'{plural} "{name}" already exists')
            entry = copy.deepcopy(entry)
            entry["metadata"] |= {
                "name": name,
                "namespace": "ims",
                "uid": str(uuid4()),
                "creationTimestamp": moment(),
            }
            self._entries[plural][name] = entry
            self._note(plural, "ADDED", entry)
            return copy.deepcopy(entry)

    def change(self, plural: str, name: str, uid: str, edit: Callable[[Resource], None]) -> bool:
        """Edit an object in place; False when it is gone."""
        with self.lock:
            entry = self._entries.get(plural, {}).get(name)
            if entry is None or entry["metadata"]["uid"] != uid:
                return False
            edit(entry)
            self._note(plural, "MODIFIED", entry)
            return True

    def remove(self, plural: str, name: str, uid: str) -> None:
        """Remove an object at once, and what it owns."""
        with self.lock:
            entry = self._entries.get(plural, {}).get(name)
            if entry is None or entry["metadata"]["uid"] != uid:
                return
            del self._entries[plural][name]
            self._note(plural, "DELETED", entry)
            for kind, owned in [(kind, owned) for kind, known in self._entries.items() for owned in known.values()]:
                if uid in [owner["uid"] for owner in owned["metadata"].get("ownerReferences") or []]:
                    # The collector of the real one takes its time, too.
                    arguments = (kind, owned["metadata"]["name"], owned["metadata"]["uid"])
                    threading.Timer(0.2, self.remove, arguments).start()

    def compact(self) -> None:
        """Forget the history: watches from before it get a 410."""
        with self.lock:
            self._history.clear()
            self._version += 1
            self._oldest = self._version

    def since(self, version: int, plural: str, until: float) -> Iterator[Change | None]:
        """Yield the changes after a version as they come, until a moment; None from time to time.

        Raises:
            ApiError: 410, the version is too old.
        """
        while True:
            with self.changed:
                if version < self._oldest:
                    raise ApiError(410, "Expired", f"too old resource version: {version} ({self._oldest})")
                news = [change for change in self._history if change.version > version and change.plural == plural]
                if not news:
                    left = until - time.monotonic()
                    if left <= 0:
                        return
                    self.changed.wait(min(left, 1.0))
                    news = [change for change in self._history if change.version > version and change.plural == plural]
            if not news:
                yield None
            for change in news:
                version = change.version
                yield change

    def _note(self, plural: str, kind: str, entry: Resource) -> None:
        self._version += 1
        entry["metadata"]["resourceVersion"] = str(self._version)
        self._history.append(Change(self._version, plural, kind, copy.deepcopy(entry)))
        self.changed.notify_all()


def fits(entry: Resource, labels: str, fields: str) -> bool:
    """Tell whether an object fits both selectors (equality only, as the runtime asks)."""
    own = entry["metadata"].get("labels") or {}
    wanted = [pair.split("=", 1) for pair in labels.split(",") if pair]
    paths = [pair.split("=", 1) for pair in fields.split(",") if pair]
    return all(own.get(key) == value for key, value in wanted) and all(
        str(_at(entry, path)) == value for path, value in paths
    )


def moment(at: datetime | None = None) -> str:
    """Return a time as metadata has it: to the second."""
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _at(entry: Resource, path: str) -> Any:
    known = {"metadata.name", "metadata.namespace", "involvedObject.uid", "involvedObject.name", "involvedObject.kind"}
    if path not in known:
        raise ApiError(400, "BadRequest", f"field label not supported: {path}")
    value: Any = entry
    for part in path.split("."):
        value = value.get(part, {})
    return value
