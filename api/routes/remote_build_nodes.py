"""Remote build nodes: IMS's records of hosts that build images; they are kept for its clients, and build nothing."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.answers import many, one
from api.problems import documented
from api.shown_records import ShownRecords
from errors import NotFound
from storage.models.remote_build_nodes import NewRemoteBuildNode, RemoteBuildNode, node_id
from storage.records.catalogue import catalogue

_PATH = "/remote-build-nodes"
_NOT_USED = "not used: jobs run where the pods of this service run"


class ShownNode(BaseModel):
    """A remote build node."""

    xname: str


class NodeStatus(ShownNode):
    """What a remote build node can do: nothing here."""

    sshStatus: str = _NOT_USED  # noqa: N815 - IMS's name
    podmanStatus: str = _NOT_USED  # noqa: N815 - IMS's name
    nodeArch: str = "Unknown"  # noqa: N815 - IMS's name
    numCurrentJobs: int = 0  # noqa: N815 - IMS's name
    ableToRunJobs: bool = False  # noqa: N815 - IMS's name


_LIST = ShownRecords(lambda node: ShownNode(xname=node.xname))
_STATUSES = ShownRecords(lambda node: NodeStatus(xname=node.xname))


def remote_build_nodes() -> APIRouter:
    """Return the paths of remote build nodes."""
    router = APIRouter()
    # Before the paths with a name: `status` is none.
    _add_statuses(router)

    @router.get(_PATH, response_model=list[ShownNode], responses=documented(503))
    def list_remote_build_nodes(request: Request) -> Response:
        """List the remote build nodes."""
        return many(request, _LIST.content(catalogue().remote_build_nodes.snapshot().available), {})

    @router.post(_PATH, status_code=201, response_model=ShownNode, responses=documented(400, 409, 413, 422, 503))
    def create_remote_build_node(request: Request, wanted: NewRemoteBuildNode) -> Response:
        """Register a remote build node."""
        made = RemoteBuildNode(id=node_id(wanted.xname), xname=wanted.xname)
        catalogue().remote_build_nodes.create(made)
        return one(request, ShownNode(xname=made.xname), HTTPStatus.CREATED)

    @router.delete(_PATH, status_code=204, responses=documented(503))
    def delete_all_remote_build_nodes() -> Response:
        """Delete all remote build nodes."""
        for node in catalogue().remote_build_nodes.list():
            catalogue().remote_build_nodes.remove(node.id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.get(f"{_PATH}/{{xname}}", response_model=ShownNode, responses=documented(404, 503))
    def get_remote_build_node(request: Request, xname: str) -> Response:
        """Show one remote build node."""
        return one(request, ShownNode(xname=_node(xname).xname))

    @router.delete(f"{_PATH}/{{xname}}", status_code=204, responses=documented(404, 503))
    def delete_remote_build_node(xname: str) -> Response:
        """Delete one remote build node."""
        catalogue().remote_build_nodes.remove(_node(xname).id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _add_statuses(router: APIRouter) -> None:
    @router.get(f"{_PATH}/status", response_model=list[NodeStatus], responses=documented(503))
    def list_remote_build_node_statuses(request: Request) -> Response:
        """Show the status of every remote build node."""
        return many(request, _STATUSES.content(catalogue().remote_build_nodes.snapshot().available), {})

    @router.get(f"{_PATH}/status/{{xname}}", response_model=NodeStatus, responses=documented(404, 503))
    @router.get(
        f"{_PATH}/{{xname}}/status",
        name="get_status_of_remote_build_node",
        response_model=NodeStatus,
        responses=documented(404, 503),
    )
    def get_remote_build_node_status(request: Request, xname: str) -> Response:
        """Show the status of one remote build node."""
        return one(request, NodeStatus(xname=_node(xname).xname))


def _node(xname: str) -> RemoteBuildNode:
    try:
        return catalogue().remote_build_nodes.get(node_id(xname))
    except NotFound as error:
        raise NotFound(f"no remote build node {xname!r}") from error
