"""The record of a remote build node: IMS sends jobs to such nodes by SSH; here it is kept, and no job runs there."""

from typing import Annotated
from uuid import UUID, uuid5

from pydantic import AfterValidator, ConfigDict, Field

from storage.models.fields import Input
from storage.models.records import Record

_NAMES = UUID("6c0f1b1e-6a53-4a0e-9a43-4b8f0e6c7d51")


def _no_path(text: str) -> str:
    if text == "status":
        raise ValueError("must not be status, which is a path of the API")
    return text


Xname = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=253),
    AfterValidator(_no_path),
]


class NewRemoteBuildNode(Input):
    """A node to register, by its xname or host name."""

    xname: Xname


class RemoteBuildNode(NewRemoteBuildNode, Record):
    """A registered node."""

    model_config = ConfigDict(extra="allow")


def node_id(xname: str) -> str:
    """Return the id of a node's record: the same for each name, so that no node is registered twice."""
    return str(uuid5(_NAMES, xname))
