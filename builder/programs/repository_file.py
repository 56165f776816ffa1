"""What kiwi calls as it writes a repository's file (`python3 -m builder.programs.repository_file FILE`).

It adds what kiwi itself would put into command lines and into the image, or does not know: credentials, and for dnf the
keys that metadata must be signed by. Files of the image's own repositories stay as they are.
"""

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from builder.programs.credentials import Credentials, known

# The build's files, which its package managers read inside and outside of the root alike.
_OF_THE_BUILD = "/var/cache/kiwi/"
KEYS = Path(_OF_THE_BUILD) / "ims-keys"


def complete(file: Path, credentials: Sequence[Credentials], keys: Sequence[Path]) -> None:
    """Add what a repository's file of a build needs.

    Credentials go into the address, where all package managers take them: dnf would put values for `$basearch` and the
    like into a password that is an option of its own.

    Args:
        file: The file, as kiwi has written it.
        credentials: Those of all repositories.
        keys: Public keys that packages may be signed with.
    """
    if _OF_THE_BUILD not in str(file):
        return
    text = file.read_text()
    for each in credentials:
        # An address stands alone, but for an option's name before it; a longer one is another repository's.
        address = re.compile(rf"(?<![^\s=]){re.escape(each.url.rstrip('/'))}/?(?=\s|\?|$)")
        text = address.sub(partial(_in_address, each), text)
    # /var/cache/kiwi/dnf/repos/ALIAS.repo, whatever the alias.
    of_dnf = file.parent.parent.name.startswith("dnf")
    if of_dnf and keys:
        text = f"{text.rstrip()}\ngpgkey = {' '.join(key.as_uri() for key in keys)}\n"
    file.chmod(0o600)
    file.write_text(text)


def _in_address(credentials: Credentials, found: re.Match[str]) -> str:
    return credentials.in_address(found[0])


if __name__ == "__main__":
    complete(Path(sys.argv[1]), known(), sorted(KEYS.glob("*.asc")))
