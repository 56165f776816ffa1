"""Credentials of repositories: fetched into this container alone, and never written into a log.

kiwi would hand them to package managers by command lines, which every process of the host may read, and write them
into the image. So the description holds none, and builder/pod/kiwi/repository_file.py adds them where they are used.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from builder.contract.credentials import RepositoryCredentials
from builder.pod.step import StepFailed
from builder.pod.transfer.objects import read

# In the container's own layer: it is removed with the container, however that ends.
STORE = Path("/run/ims-credentials.json")
# wget, which debootstrap calls, reads it.
_NETRC = Path("/root/.netrc")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_PASSWORD_IN_ADDRESS = re.compile(r"(://)[^/@\s]+@")


class Credentials(RepositoryCredentials):
    """The credentials of one repository, and how they may appear in a text."""

    @property
    def spellings(self) -> set[str]:
        """How the password may appear in a text: as it is, in an address, quoted by a program."""
        encoded = {quote(self.password, safe=""), quote(self.password)}
        lowered = {_ESCAPE.sub(lambda found: found[0].lower(), each) for each in encoded}
        return {self.password, repr(self.password)[1:-1], *encoded, *lowered} - {""}

    def in_address(self, address: str) -> str:
        """Return the address with them in it."""
        scheme, separator, rest = address.partition("://")
        return f"{scheme}{separator}{quote(self.username, safe='')}:{quote(self.password, safe='')}@{rest}"


def known() -> list[Credentials]:
    """Return the credentials that are stored in this container."""
    return [Credentials.from_values(each) for each in json.loads(STORE.read_text())] if STORE.exists() else []


def fetch_credentials(url: str) -> list[Credentials]:
    """Fetch the job's credentials.

    Args:
        url: Their presigned address; empty when the job has none.

    Raises:
        TryAgain: They cannot be fetched at the moment.
        StepFailed: They are not what they should be.
    """
    if not url:
        return []
    try:
        return [Credentials.from_values(each) for each in json.loads(read(url))]
    except (ValueError, TypeError) as error:
        # Without its message, which may quote what was read.
        raise StepFailed(f"the credentials cannot be read: {type(error).__name__}") from None


@contextmanager
def at_hand(credentials: Sequence[Credentials]) -> Iterator[None]:
    """Keep the credentials where the script that kiwi calls finds them, for as long as the block runs."""
    if not credentials:
        yield
        return
    try:
        _write_private(STORE, json.dumps([each.to_values() for each in credentials]))
        # Of several of one server, those of the first repository: debootstrap builds from that.
        hosts = {urlsplit(each.url).hostname: each for each in reversed(credentials)}
        lines = [
            f"machine {host} login {_quoted(each.username)} password {_quoted(each.password)}"
            for host, each in hosts.items()
        ]
        _write_private(_NETRC, "\n".join(lines) + "\n")
        yield
    finally:
        STORE.unlink(missing_ok=True)
        _NETRC.unlink(missing_ok=True)


class Mask:
    """Takes passwords out of a text: those in addresses, and all that are known."""

    def __init__(self, credentials: Sequence[Credentials]) -> None:
        spellings = {spelling for each in credentials for spelling in each.spellings}
        # The longest first: one may hold another.
        self._known = sorted(spellings, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        text = _PASSWORD_IN_ADDRESS.sub(r"\1***@", text)
        for spelling in self._known:
            text = text.replace(spelling, "***")
        return text


def _quoted(word: str) -> str:
    """Return a word as wget's parser of .netrc reads it, whatever it holds."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
