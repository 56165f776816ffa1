"""The fields of the records: what a name, an id, an address or a size may be."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from storage.models.ssh_keys import checked_public_key

_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _printable(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return text


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return text


def _file_name(text: str) -> str:
    if "/" in text or text in {".", ".."}:
        raise ValueError("must be the name of a file, without a folder")
    return _printable(text)


def _printable_or_empty(text: str) -> str:
    return _printable(text) if text else ""


def _file_name_or_empty(text: str) -> str:
    return _file_name(text) if text else ""


def _inner_path(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("must be a path inside the archive, without '..'")
    return _printable_or_empty(text)


def _uuid(text: str) -> str:
    if _CANONICAL.fullmatch(text):
        # Each stored record has one.
        return text
    try:
        # Blanks around an id come with copying it.
        return str(UUID(text.strip()))
    except ValueError as error:
        raise ValueError("must be an id: a UUID") from error


def _uuid_or_empty(text: str) -> str:
    return _uuid(text) if text.strip() else ""


def _in_forms(**rules: str) -> Any:
    """Add rules to a type's JSON schema: Prefect checks by these, models by the validator beside them.

    Prefect checks patterns when a run is created, but no formats.
    """
    return Field(json_schema_extra=dict(rules))


_NO_CONTROLS = r"[^\x00-\x1f\x7f]"
_ID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_FILE_NAME = r"(?!\.{1,2}$)[^/\x00-\x1f\x7f]"

Id = Annotated[str, AfterValidator(_uuid), _in_forms(pattern=rf"^\s*{_ID}\s*$")]
Name = Annotated[
    str,
    Field(max_length=1024),
    AfterValidator(_printable),
    _in_forms(pattern=rf"^{_NO_CONTROLS}*[^\s\x00-\x1f\x7f]{_NO_CONTROLS}*$"),
]
Plain = Annotated[str, Field(max_length=1024), AfterValidator(_plain)]
FileName = Annotated[str, Field(max_length=255), AfterValidator(_file_name), _in_forms(pattern=rf"^{_FILE_NAME}+$")]
# Empty where there is none: fields of forms that a union would make ugly.
OptionalId = Annotated[str, AfterValidator(_uuid_or_empty), _in_forms(pattern=rf"^\s*({_ID})?\s*$")]
OptionalFileName = Annotated[
    str, Field(max_length=255), AfterValidator(_file_name_or_empty), _in_forms(pattern=rf"^({_FILE_NAME}+)?$")
]
ScriptPath = Annotated[str, Field(pattern=r"^(s3://[^/]+/.+)?$", max_length=1200), AfterValidator(_printable_or_empty)]
InnerPath = Annotated[
    str,
    Field(max_length=1024),
    AfterValidator(_inner_path),
    _in_forms(pattern=rf"^(?!/)(?!(.*/)?\.\.(/|$)){_NO_CONTROLS}*$"),
]
ShellName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$", max_length=63)]
SshPublicKey = Annotated[str, AfterValidator(checked_public_key)]
S3Path = Annotated[str, Field(pattern=r"^s3://[^/]+/.+$", max_length=1200), AfterValidator(_printable)]
Arch = Literal["x86_64", "aarch64"]
RecipeType = Literal["kiwi-ng", "packer"]
# kiwi/schema/kiwi.rnc, safe-posix-name.
Profile = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=255)]
# Prefect's form has no field for a list of texts that is as easy to fill in as this one.
Profiles = Annotated[str, Field(pattern=r"^[A-Za-z0-9_., -]*$")]
GiB = Annotated[int, Field(ge=1, le=65536)]


class Input(BaseModel):
    """The input of a user. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")
