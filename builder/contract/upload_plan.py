"""upload-plan.json: which parts of artifacts the pod `upload` sends, and where to."""

from dataclasses import dataclass
from typing import ClassVar

from builder.contract.document import Document


@dataclass(frozen=True)
class PlannedPart:
    """A part that is missing in S3; its number counts from 1, its presigned URL takes it."""

    number: int
    size: int
    md5: str
    url: str


@dataclass(frozen=True)
class PlannedArtifact:
    """An artifact with missing parts; all of its parts but the last have `part_size` bytes."""

    name: str
    part_size: int
    parts: tuple[PlannedPart, ...]


@dataclass(frozen=True)
class UploadPlan(Document):
    """All parts that are missing."""

    title: ClassVar[str] = "the upload plan"

    artifacts: tuple[PlannedArtifact, ...]
