"""The manifest of an image: which artifacts it has, where they lie, and their checksums.

Format 1.0 of the Cray Image Management Service, which boot services read: `manifest.json` beside the artifacts.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from storage.models.records import Link, now

# IMS refuses manifests of this size and above, and so do the boot services around it.
LARGEST_MANIFEST_BYTES = 1 << 20
MANIFEST_NAME = "manifest.json"


class ArtifactType(StrEnum):
    """Media types of an image's artifacts."""

    ROOTFS = "application/vnd.cray.image.rootfs.squashfs"
    KERNEL = "application/vnd.cray.image.kernel"
    INITRD = "application/vnd.cray.image.initrd"
    BOOT_PARAMETERS = "application/vnd.cray.image.parameters.boot"
    DEBUG_KERNEL = "application/vnd.cray.image.debug.kernel"


class Artifact(BaseModel):
    """One artifact of an image: an object in S3 and what it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    link: Link
    type: ArtifactType
    md5: str = ""


class Manifest(BaseModel):
    """What an image consists of."""

    model_config = ConfigDict(extra="allow")

    version: Literal["1.0"] = "1.0"
    created: datetime = Field(default_factory=now)
    artifacts: list[Artifact]
