"""The parameters of the flows that run jobs, and how they become the fields of a job.

Prefect's form wants plain values, so a parameter may be simpler than the field that it becomes: profiles are one text,
and a parameter is left empty when its value follows from the recipe or image.
"""

from collections.abc import Mapping
from typing import Any, Literal

from storage.models.jobs import JobType

RequireDkms = Literal["as the recipe says", "yes", "no"]

# What the flows call the artifact that a job works on.
_ARTIFACTS = {JobType.CREATE: "recipe_id", JobType.CUSTOMIZE: "image_id"}


def fields_of(job_type: JobType, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a job, by the parameters of the flow that runs it."""
    fields = {"job_type": job_type, **parameters}
    fields["artifact_id"] = fields.pop(_ARTIFACTS[job_type])
    # It decides whether the job has anything to do, and is nothing that the image is made by.
    fields.pop("only_if_changed", None)
    if job_type is JobType.CUSTOMIZE:
        fields["ssh_containers"] = [{"name": fields.pop("ssh_container_name"), "jail": fields.pop("jail")}]
    return fields


def parameters_of(job_type: JobType, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the flow that runs a job, by the fields that a user has chosen."""
    parameters = dict(fields)
    parameters[_ARTIFACTS[job_type]] = parameters.pop("artifact_id")
    for shell in parameters.pop("ssh_containers", []):
        parameters |= {"ssh_container_name": shell["name"], "jail": shell["jail"]}
    return parameters
