"""The Debian archives this host installs from, so that the builder image and recipes use the same ones.

No mirror is named in the code: APT is asked. `python -m builder.mirror` prints the main archive's address.
"""

import subprocess
import sys
from dataclasses import dataclass

from errors import Broken, ImsError

# Debian 12, whose kiwi 9.24 reads the schema 6.8 of existing recipes; 10.x and 11.x refuse it.
RELEASE = "bookworm"
SUITES = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")

_FORMAT = "$(CREATED_BY)\t$(ORIGIN)\t$(CODENAME)\t$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"


@dataclass(frozen=True, order=True)
class AptSource:
    """One component of one suite of a Debian archive."""

    uri: str
    suite: str
    component: str

    def __str__(self) -> str:
        """Return the source as a line of sources.list."""
        return f"deb {self.uri} {self.suite} {self.component}"


def host_sources() -> list[AptSource]:
    """Return this host's APT sources of Debian 12 itself; other vendors' are left out.

    Raises:
        Broken: APT is missing, or knows no archive of Debian 12.
    """
    sources = parse_sources(_index_targets())
    if not any(source.suite == RELEASE for source in sources):
        raise Broken(
            f"APT on this host knows no archive of Debian {RELEASE}",
            resolution="run `apt-get update` on a Debian 12 host, or name a finished image by IMS_BUILDER_IMAGE",
        )
    return sources


def host_mirror() -> str:
    """Return the address of this host's main Debian archive, without a slash at its end.

    Raises:
        Broken: APT is missing, or knows no archive of Debian 12.
    """
    return next(source.uri.rstrip("/") for source in host_sources() if source.suite == RELEASE)


def parse_sources(index_targets: str) -> list[AptSource]:
    """Return the Debian 12 sources among the lines of `apt-get indextargets`, sorted, each once."""
    found = set()
    for line in index_targets.splitlines():
        created_by, origin, codename, uri, suite, component = line.split("\t")
        if created_by == "Packages" and origin == "Debian" and codename in SUITES:
            found.add(AptSource(uri, suite, component))
    return sorted(found)


def _index_targets() -> str:
    try:
        asked = subprocess.run(
            ["apt-get", "indextargets", "--format", _FORMAT], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise Broken(
            f"APT does not list its sources: {error}", resolution="build the image on a Debian 12 host"
        ) from error
    return asked.stdout


def main() -> int:
    """Print the main archive's address."""
    try:
        sys.stdout.write(f"{host_mirror()}\n")
    except ImsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
