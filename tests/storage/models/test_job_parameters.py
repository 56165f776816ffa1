from typing import Any

from storage.models.job_parameters import fields_of, parameters_of
from storage.models.jobs import JobType

CREATE = {"recipe_id": "r", "public_key_id": "k", "profiles": "a,b"}
CUSTOMIZE = {"image_id": "i", "public_key_id": "k", "ssh_container_name": "mine", "jail": True}


def test_the_parameters_of_a_flow_become_the_fields_of_its_job() -> None:
    assert fields_of(JobType.CREATE, CREATE) == {
        "job_type": JobType.CREATE,
        "artifact_id": "r",
        "public_key_id": "k",
        "profiles": "a,b",
    }
    assert fields_of(JobType.CUSTOMIZE, CUSTOMIZE)["ssh_containers"] == [{"name": "mine", "jail": True}]


def test_the_fields_that_a_user_has_chosen_become_parameters() -> None:
    for job_type, parameters in ((JobType.CREATE, CREATE), (JobType.CUSTOMIZE, CUSTOMIZE)):
        fields: dict[str, Any] = fields_of(job_type, parameters)
        del fields["job_type"]
        assert parameters_of(job_type, fields) == parameters


def test_what_a_user_leaves_out_is_left_to_the_flow() -> None:
    assert parameters_of(JobType.CUSTOMIZE, {"artifact_id": "i"}) == {"image_id": "i"}
