"""What the inspection of an image root has found, in its job's record (builder/contract/inspection.py)."""

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """Something that is wrong with an image root, or may be; an error has failed the job."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    weight: str
    what: str
    advice: str = ""


class Inspection(BaseModel):
    """All findings, errors first."""

    model_config = ConfigDict(extra="allow", frozen=True)

    findings: list[Finding] = []
    entries: int = 0
