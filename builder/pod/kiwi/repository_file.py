"""kiwi calls it when it has written a repository's file (`python3 -m builder.pod.kiwi.repository_file FILE`).

It adds what kiwi itself would put into command lines and into the image, or does not know: credentials, and for dnf the
keys that metadata must be signed by. Files of the image's own repositories stay as they are.
"""

import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from builder.contract.inputs import ServersInput
from builder.pod.kiwi.credentials import Credentials, known
from builder.pod.kiwi.repository_servers import refused_server

# The build's files, which its package managers read inside and outside of the root alike.
_OF_THE_BUILD = "/var/cache/kiwi/"
KEYS = Path(_OF_THE_BUILD) / "ims-keys"
_DOLLAR = "ims_dollar"


def complete(file: Path, credentials: Sequence[Credentials], keys: Sequence[Path]) -> None:
    """Add what a repository's file of a build needs.

    zypper and APT take credentials in the address. dnf has options of its own for all of it, and writes addresses as
    they are into its logs, which stay in the image.

    Args:
        file: The file, as kiwi has written it.
        credentials: Those of all repositories.
        keys: Public keys that packages may be signed with.
    """
    if _OF_THE_BUILD not in str(file):
        return
    # /var/cache/kiwi/dnf/repos/ALIAS.repo, for every alias.
    of_dnf = file.parent.parent.name.startswith("dnf")
    text = file.read_text()
    for each in credentials:
        # Only an option's name may stand before the address; a longer address is another repository's.
        address = re.compile(rf"(?<![^\s=]){re.escape(each.url.rstrip('/'))}/?(?=\s|\?|$)")
        if not of_dnf:
            text = address.sub(partial(_in_address, each), text)
        elif address.search(text):
            for name, value in (("username", each.username), ("password", each.password)):
                text = _with_option(text, name, _without_variables(value, file.parent.parent / "vars"))
    if of_dnf and keys:
        text = _with_option(text, "gpgkey", " ".join(key.as_uri() for key in keys))
    file.chmod(0o600)
    file.write_text(text)


def _with_option(text: str, name: str, value: str) -> str:
    return f"{text.rstrip()}\n{name} = {value}\n"


def _without_variables(value: str, variables: Path) -> str:
    """Write dollars as a variable of dnf: otherwise dnf would replace what looks like `$basearch`."""
    if "$" not in value:
        return value
    variables.mkdir(exist_ok=True)
    (variables / _DOLLAR).write_text("$")
    return value.replace("$", f"${{{_DOLLAR}}}")


def _in_address(credentials: Credentials, found: re.Match[str]) -> str:
    return credentials.in_address(found[0])


def main(file: Path) -> None:
    """Check and complete a repository's file; kiwi ends with the message when the repository is refused."""
    if _OF_THE_BUILD in str(file):
        if refusal := refused_server(file.read_text(), private=ServersInput.from_environment(os.environ).private):
            sys.exit(refusal)
        complete(file, known(), sorted(KEYS.glob("*.asc")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
