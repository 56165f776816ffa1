"""What a pod requests of its node besides memory, in quantities as Kubernetes writes them.

Without a request of processors a pod gets 2 shares beside the hundreds of every other: on a busy node it hardly runs.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?[A-Za-z]*$")]
Limit = Annotated[str, StringConstraints(pattern=r"^([0-9]+(\.[0-9]+)?[A-Za-z]*)?$")]


class Resources(BaseModel):
    """Requests, by which the scheduler finds room and busy nodes share themselves out, and limits.

    Args:
        cpu_request: Processors, `1` or `500m`.
        cpu_limit: Processors; empty: all idle processors may be used.
        storage_request: What is written outside the workspace: the container's own layer, logs, an emptyDir.
        storage_limit: The same; more of it ends the pod. Empty: none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpu_request: Quantity = "1"
    cpu_limit: Limit = ""
    storage_request: Quantity = "1Gi"
    storage_limit: Limit = ""

    @property
    def requests(self) -> dict[str, str]:
        """The requests as a container has them."""
        return {"cpu": self.cpu_request, "ephemeral-storage": self.storage_request}

    @property
    def limits(self) -> dict[str, str]:
        """The limits as a container has them: those that there are."""
        limits = {"cpu": self.cpu_limit, "ephemeral-storage": self.storage_limit}
        return {name: limit for name, limit in limits.items() if limit}
