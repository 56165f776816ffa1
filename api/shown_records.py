"""The JSON of records as clients see them: made once for a record and once for a list, as long as they are the same."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from api.answers import Content
from storage.models.records import Record

# More records than a list has are kept only until they are twice as many, and a few more.
_SPARE = 1000


class ShownRecords:
    """Shows records of one kind. Threads may share it.

    Records that have not changed are the same objects in each list (storage/records/store.py), and so is a list.

    Args:
        shown: What clients see of a record.
    """

    def __init__(self, shown: Callable[[Any], BaseModel]) -> None:
        self._shown = shown
        self._made: dict[str, tuple[Record, bytes]] = {}
        self._last: tuple[Sequence[Record], Content] = ((), Content.of(b"[]"))

    def content(self, records: Sequence[Record]) -> Content:
        """Return the list of these records as clients see them."""
        before, content = self._last
        if before is not records:
            if len(self._made) > 2 * len(records) + _SPARE:
                self._made = {}
            content = Content.of(b"[" + b",".join(map(self._json, records)) + b"]")
            self._last = records, content
        return content

    def _json(self, record: Record) -> bytes:
        before, json = self._made.get(record.id, (None, b""))
        if before is not record:
            json = self._shown(record).model_dump_json(by_alias=True).encode()
            self._made[record.id] = record, json
        return json
