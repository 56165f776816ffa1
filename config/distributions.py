"""The Linux distribution that a recipe builds: any word, as a site calls it.

It chooses among the repositories of the site file, and nothing else: what is built follows from the description.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

# Those of IMS, and those of the recipes of this project.
KNOWN = ("sles12", "sles15", "centos7", "debian12", "rocky9")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError(f"must be one word of letters, digits and . _ + -, such as {', '.join(KNOWN)}")
    return text


LinuxDistribution = Annotated[str, Field(max_length=64), AfterValidator(_word)]


def is_same(one: str, other: str) -> bool:
    """Return whether two words name the same distribution: `SLES15` is `sles15`."""
    return one.casefold() == other.casefold()
