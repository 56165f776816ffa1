"""tasks/shells.py: how a shell is reached; that it opens is tested by tests/flows/test_customize.py."""

import json

from pods.runtime import Endpoint
from storage.models.shells import ConnectionInfo
from tasks.shells import connection_of


def test_pods_of_the_cluster_have_an_address_of_their_own_which_the_record_keeps() -> None:
    """The configuration service connects as soon as the job waits: the name for users may not be known yet."""
    stored = connection_of(Endpoint("job.ims.site", 30001, "10.96.0.1", 22)).model_dump_json()
    known = ConnectionInfo.model_validate_json(stored)
    assert json.loads(known.model_dump_json()) == {
        "customer_access": {"host": "job.ims.site", "port": 30001},
        "cluster.local": {"host": "10.96.0.1", "port": 22},
    }


def test_where_there_is_one_address_it_is_for_both() -> None:
    assert connection_of(Endpoint("127.0.0.1", 2222)).model_dump() == {
        "customer_access": {"host": "127.0.0.1", "port": 2222}
    }
