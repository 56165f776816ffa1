"""The fields of the records: what a name, an id, an address or a size may be."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from storage.models.ssh_keys import canonical_public_key


def _printable(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return text


def _file_name(text: str) -> str:
    if "/" in text or text in {".", ".."}:
        raise ValueError("must be the name of a file, without a folder")
    return _printable(text)


def _printable_or_empty(text: str) -> str:
    return _printable(text) if text else ""


def _inner_path(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("must be a path inside the archive, without '..'")
    return _printable_or_empty(text)


def _uuid(text: str) -> str:
    return str(UUID(text))


Id = Annotated[str, AfterValidator(_uuid)]
Name = Annotated[str, AfterValidator(_printable), Field(max_length=1024)]
FileName = Annotated[str, AfterValidator(_file_name), Field(max_length=255)]
# Empty where there is none: fields of forms that a union would make ugly.
ScriptPath = Annotated[str, AfterValidator(_printable_or_empty), Field(pattern=r"^(s3://[^/]+/.+)?$", max_length=1200)]
InnerPath = Annotated[str, AfterValidator(_inner_path), Field(max_length=1024)]
SshPublicKey = Annotated[str, AfterValidator(canonical_public_key)]
S3Path = Annotated[str, AfterValidator(_printable), Field(pattern=r"^s3://[^/]+/.+$", max_length=1200)]
Arch = Literal["x86_64", "aarch64"]
RecipeType = Literal["kiwi-ng", "packer"]
# kiwi/schema/kiwi.rnc, safe-posix-name.
Profile = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=255)]
GiB = Annotated[int, Field(ge=1, le=65536)]


class Input(BaseModel):
    """What a user says. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")
