"""Credentials of repositories: fetched into this container alone, and never said.

kiwi would hand them to package managers by command lines, which every process of the host may read, and write them
into the image. So the description holds none: as kiwi writes a repository's file for the build, a script that it calls
(`python3 -m builder.programs.credentials FILE`) adds them there.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from builder.programs.step import StepFailed
from builder.programs.transfer import read

# In the container's own layer: it goes with the container, whatever ends that.
STORE = Path("/run/ims-credentials.json")
# wget, which debootstrap calls, reads it.
_NETRC = Path("/root/.netrc")
# kiwi's repositories of the build lie there; those of the image elsewhere, and get no credentials.
_OF_THE_BUILD = "/var/cache/kiwi/"
_PASSWORD_IN_ADDRESS = re.compile(r"(://)[^/@\s]+@")


@dataclass(frozen=True)
class Credentials:
    """Who we are to one repository."""

    url: str
    username: str
    password: str

    @property
    def spellings(self) -> set[str]:
        """How the password may appear in a text."""
        return {self.password, quote(self.password, safe=""), quote(self.password)} - {""}

    def in_address(self, address: str) -> str:
        """Return the address with them in it."""
        scheme, separator, rest = address.partition("://")
        return f"{scheme}{separator}{quote(self.username, safe='')}:{quote(self.password, safe='')}@{rest}"


def fetch_credentials(url: str) -> list[Credentials]:
    """Fetch the job's credentials.

    Args:
        url: Their presigned address; empty when the job has none.

    Raises:
        TryAgain: They cannot be had.
        StepFailed: They are not what they should be.
    """
    if not url:
        return []
    try:
        return [Credentials(**each) for each in json.loads(read(url))]
    except (ValueError, TypeError) as error:
        # Without its words: they may quote what was read.
        raise StepFailed(f"the credentials cannot be read: {type(error).__name__}") from None


@contextmanager
def at_hand(credentials: Sequence[Credentials]) -> Iterator[None]:
    """Keep the credentials where the script that kiwi calls finds them, for as long as the block runs."""
    if not credentials:
        yield
        return
    try:
        _write_private(STORE, json.dumps([asdict(each) for each in credentials]))
        hosts = {urlsplit(each.url).hostname: each for each in credentials}
        lines = [f"machine {host} login {each.username} password {each.password}" for host, each in hosts.items()]
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


def add_to(file: Path, known: Sequence[Credentials]) -> None:
    """Add its credentials to a repository's file of a build.

    dnf has options of its own for them; zypper and APT take them in the address, which stays in that file.
    """
    if _OF_THE_BUILD not in str(file):
        return
    text = file.read_text()
    for each in known:
        # An address ends at a blank or a line's end; a longer one is another repository's.
        address = re.compile(rf"{re.escape(each.url.rstrip('/'))}/?(?=\s|\?|$)")
        if not address.search(text):
            continue
        if "/dnf" in str(file):
            text = f"{text.rstrip()}\nusername = {each.username}\npassword = {each.password}\n"
        else:
            text = address.sub(partial(_in_address, each), text)
    file.chmod(0o600)
    file.write_text(text)


def _in_address(credentials: Credentials, found: re.Match[str]) -> str:
    return credentials.in_address(found[0])


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)


if __name__ == "__main__":
    add_to(Path(sys.argv[1]), [Credentials(**each) for each in json.loads(STORE.read_text())])
