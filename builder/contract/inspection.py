"""inspection.json: what was found in a finished image root before it is packed. docs/inspection.md has the table."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from builder.contract.document import Document


class Weight(StrEnum):
    """What a finding does: an error fails the job, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"
    IGNORED = "ignored"


# The kinds of findings with their usual weights.
WEIGHTS = {
    "boot-files": Weight.ERROR,
    "kernel-without-modules": Weight.ERROR,
    "no-modules": Weight.WARNING,
    "initrd-of-another-kernel": Weight.ERROR,
    "several-kernels": Weight.WARNING,
    "no-init": Weight.ERROR,
    "usr-merge": Weight.ERROR,
    "replaced-link": Weight.WARNING,
    "closed-folder": Weight.ERROR,
    "closed-optional-folder": Weight.WARNING,
    "closed-file": Weight.WARNING,
    "writable-system-folder": Weight.ERROR,
    "writable-folder": Weight.WARNING,
    "machine-id": Weight.WARNING,
    "fstab": Weight.WARNING,
    "left-behind": Weight.WARNING,
    "host-keys": Weight.WARNING,
    "private-keys": Weight.WARNING,
    "credentials": Weight.WARNING,
}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or may be.

    Args:
        name: Its kind, a key of WEIGHTS.
        weight: What it does.
        what: What was found, and where; one line.
        advice: What to do about it; one line.
    """

    name: str
    weight: str
    what: str
    advice: str


@dataclass(frozen=True)
class Inspection(Document):
    """All findings, without the ignored ones.

    Args:
        findings: The findings, errors first.
        entries: How many files, folders and links were seen.
    """

    title: ClassVar[str] = "inspection.json"

    findings: tuple[Finding, ...] = ()
    entries: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What keeps the root from being packed."""
        return tuple(each for each in self.findings if each.weight == Weight.ERROR)
