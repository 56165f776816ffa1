"""api/routes/remote_build_nodes.py: nodes are registered, shown and deleted as in IMS; no job runs there."""

import httpx
import pytest

from tests.api.stored import assert_problem
from tests.memory_s3.fixtures import in_memory, on_both

XNAME = "x3000c0s17b0n0"


@on_both
def test_a_node_is_registered_shown_and_deleted(api: httpx.Client) -> None:
    for prefix in ("/apis/ims/v3", "/apis/ims"):
        nodes = f"{prefix}/remote-build-nodes"
        made = api.post(nodes, json={"xname": XNAME})
        assert (made.status_code, made.json()) == (201, {"xname": XNAME})
        assert_problem(api.post(nodes, json={"xname": XNAME}), 409, "exists already")
        assert (api.get(nodes).json(), api.get(f"{nodes}/{XNAME}").json()) == ([{"xname": XNAME}], {"xname": XNAME})
        status = api.get(f"{nodes}/status/{XNAME}").json()
        assert (status["xname"], status["ableToRunJobs"], status["numCurrentJobs"]) == (XNAME, False, 0)
        assert status.keys() - {"xname", "ableToRunJobs", "numCurrentJobs"} == {"sshStatus", "podmanStatus", "nodeArch"}
        assert api.get(f"{nodes}/status").json() == [status] == [api.get(f"{nodes}/{XNAME}/status").json()]
        assert api.delete(f"{nodes}/{XNAME}").status_code == 204
        for answer in (api.delete(f"{nodes}/{XNAME}"), api.get(f"{nodes}/{XNAME}"), api.get(f"{nodes}/status/{XNAME}")):
            assert_problem(answer, 404, XNAME)
        api.post(nodes, json={"xname": XNAME})
        assert (api.delete(nodes).status_code, api.get(nodes).json()) == (204, [])


@in_memory
@pytest.mark.parametrize("body", [{"xname": ""}, {"xname": 1}, {"name": XNAME}, {"xname": "status"}, {"xname": "a/b"}])
def test_what_is_no_name_is_refused(api: httpx.Client, body: dict[str, object]) -> None:
    assert_problem(api.post("/v3/remote-build-nodes", json=body), 422)
