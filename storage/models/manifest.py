"""The manifest of an image: which artifacts it has, where they lie, and their checksums.

Format 1.0 of the Cray Image Management Service, which boot services read: `manifest.json` beside the artifacts.
"""

from codecs import BOM_UTF8
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from storage.models.fields import Plain
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


def _bare_md5(value: object) -> object:
    """Return an md5 as it is compared: some clients write it in capitals, and null or nothing for none."""
    return "" if value is None else value.strip().lower() if isinstance(value, str) else value


def _text_of_number(value: object) -> object:
    return str(value) if isinstance(value, float) else value


def _known_fields(link: object) -> object:
    """Return a link without the fields that it has nowhere else; the manifest itself keeps them."""
    return {name: link[name] for name in Link.model_fields if name in link} if isinstance(link, dict) else link


class Artifact(BaseModel):
    """One artifact of an image: an object in S3 and what it is. Types that are not known here are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    link: Annotated[Link, BeforeValidator(_known_fields)]
    type: Annotated[ArtifactType | Plain, Field(union_mode="left_to_right")]
    md5: Annotated[str, BeforeValidator(_bare_md5)] = ""


class Manifest(BaseModel):
    """What an image consists of, read as clients of IMS write it."""

    model_config = ConfigDict(extra="allow")

    version: Annotated[Literal["1.0"], BeforeValidator(_text_of_number)] = "1.0"
    # Nothing here reads it: whatever a client has written is no reason to refuse the image.
    created: Annotated[datetime | str | None, Field(union_mode="left_to_right")] = Field(default_factory=now)
    artifacts: list[Artifact]

    @classmethod
    def parse(cls, body: bytes) -> "Manifest":
        """Read a manifest.

        Raises:
            ValidationError: It is not one.
        """
        return cls.model_validate_json(body.removeprefix(BOM_UTF8))
