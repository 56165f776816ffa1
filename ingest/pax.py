"""The records of a pax extended header (POSIX.1-2008, pax): `length key=value`, each on a line."""

from errors import BadInput
from ingest.names import shown
from ingest.sparse import add_record

# The other one that POSIX names, "BINARY", means names of an unknown encoding.
_CHARSETS = {"ISO-IR 10646 2000 UTF-8"}
_LONGEST_LENGTH_DIGITS = 8


def pax_records(data: bytes, place: str) -> dict[str, str]:
    """Return a pax header's records; also those that unpacking does not use (owners, attributes, comments).

    Args:
        data: The header's content.
        place: Where it stands, for messages.

    Raises:
        BadInput: The records are malformed, or of names in an unknown encoding.
    """
    records: dict[str, str] = {}
    while data:
        digits, blank, _ = data[: _LONGEST_LENGTH_DIGITS + 1].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        is_whole = length <= len(data)
        record, data = data[len(digits) + 1 : length], data[length:]
        key, equals, value = record.partition(b"=")
        if not is_whole or not key or not equals or not value.endswith(b"\n"):
            raise BadInput(f"the archive has a malformed record in {place}", resolution="pack it again with GNU tar")
        add_record(records, key.decode(errors="surrogateescape"), value[:-1].decode(errors="surrogateescape"))
    if (charset := records.get("hdrcharset")) is not None and charset not in _CHARSETS:
        raise BadInput(f"the archive uses the character set {shown(charset)} in {place}", resolution="use UTF-8")
    return records
