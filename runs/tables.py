"""Tables that a flow run leaves on the server, which shows them to users: artifacts of Prefect, each under a key."""

import json
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from runs.connection import translated

Rows = list[dict[str, Any]]


def write_table(client: SyncPrefectClient, run_id: str, key: str, rows: Rows, description: str) -> None:
    """Leave a table of a run under a key, besides those that are there."""
    table = ArtifactCreate(
        key=key, type="table", description=description, data=json.dumps(rows), flow_run_id=UUID(run_id)
    )
    with translated(client):
        client.create_artifact(table)


def read_tables(client: SyncPrefectClient, run_id: str, key: str) -> list[Rows]:
    """Return the tables that a run has left under a key, newest first."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run_id)]), key=ArtifactFilterKey(any_=[key]))
    with translated(client):
        found = client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC)
    return [json.loads(str(artifact.data)) for artifact in found]
