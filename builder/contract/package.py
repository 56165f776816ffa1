"""package.json: what the pod `package` has packed."""

from dataclasses import dataclass
from typing import ClassVar

from builder.contract.document import Document


@dataclass(frozen=True)
class PackedPart:
    """A part of an artifact for a multipart upload; its number counts from 1."""

    number: int
    size: int
    md5: str


@dataclass(frozen=True)
class PackedArtifact:
    """An artifact: its size in bytes, and the checksums of the whole and of the parts that it is uploaded in."""

    name: str
    size: int
    md5: str
    sha256: str
    part_size: int
    parts: tuple[PackedPart, ...]


@dataclass(frozen=True)
class Package(Document):
    """All artifacts.

    Args:
        artifacts: The artifacts.
        kernel: The name of the kernel's file in /boot.
        notes: How kernel and initrd were found, where that needs a word.
    """

    title: ClassVar[str] = "package.json"

    artifacts: tuple[PackedArtifact, ...]
    kernel: str = ""
    notes: tuple[str, ...] = ()
