"""Files that a user names, read with a limit: what is named by mistake may be of any size."""

from pathlib import Path

from errors import BadInput


def read_file(file: Path, what: str, most_bytes: int) -> bytes:
    """Return the content of a file.

    Args:
        file: The file.
        what: What it should be, for messages.
        most_bytes: The largest size that is read.

    Raises:
        BadInput: It cannot be read, or is larger.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(most_bytes + 1)
    except OSError as error:
        raise BadInput(f"{what} {file} cannot be read: {error.strerror}") from error
    if len(data) > most_bytes:
        raise BadInput(f"{what} {file} has more than {most_bytes} bytes")
    return data
