"""tasks/attempts.py: which attempt is gone on with, for whatever pods there are and whatever the record says."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import Exhausted
from pods.facts import Category
from pods.runtime import Outcome, Phase
from storage.models.jobs import Job, JobType
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from tasks.attempts import STARTS, attempt_of

NOT_STARTED = None


def ended(phase: Phase, category: Category) -> Outcome:
    return Outcome(phase=phase, exit_code=0, category=category, summary=f"it is {category}")


RUNNING = Outcome.running("pod", None, [])
SUCCEEDED = ended(Phase.SUCCEEDED, Category.SUCCEEDED)
EVICTED = ended(Phase.FAILED, Category.EVICTED)
FAILED = ended(Phase.FAILED, Category.STEP_FAILED)


@dataclass
class Pods:
    """A runtime that has some pods of the step."""

    pods: dict[int, Outcome | None] = field(default_factory=dict)

    def attempts(self, job_id: str, step: str) -> dict[int, Outcome | None]:
        return self.pods


def new_job(catalogue: Catalogue) -> Job:
    asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "image"}
    return catalogue.jobs.create(Job(job_type=JobType.CREATE, **asked))


def chosen(job: Job, **pods: Outcome | None) -> int:
    return attempt_of(job, "prepare", Pods({int(name[1:]): pod for name, pod in pods.items()}))  # type: ignore[arg-type]


def test_a_number_is_never_given_twice_although_the_pods_are_gone(own_catalogue: Catalogue) -> None:
    job = new_job(own_catalogue)
    assert [chosen(job) for _ in range(STARTS)] == [1, 2, 3]
    with pytest.raises(Exhausted, match="prepare failed 3 times: its pods are gone; run the job again"):
        chosen(job)


def test_after_three_starts_the_error_says_how_the_last_pod_ended(own_catalogue: Catalogue) -> None:
    job = new_job(own_catalogue)
    assert [chosen(job), chosen(job, _1=EVICTED), chosen(job, _2=EVICTED)] == [1, 2, 3]
    with pytest.raises(Exhausted, match="prepare failed 3 times: it is evicted"):
        chosen(job, _3=EVICTED)
    assert chosen(job, _3=RUNNING) == 3


@given(
    pods=st.dictionaries(
        st.integers(1, 6), st.sampled_from([NOT_STARTED, RUNNING, SUCCEEDED, EVICTED, FAILED]), max_size=4
    ),
    starts=st.integers(0, 2),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_attempt_begins_while_another_is_at_work_or_has_decided_the_step(
    own_catalogue: Catalogue, pods: dict[int, Outcome | None], starts: int
) -> None:
    job = new_job(own_catalogue)
    for _ in range(starts):
        chosen(job)
    given_before = max([starts, *pods])
    attempt = attempt_of(job, "prepare", Pods(pods))  # type: ignore[arg-type]
    at_work = [number for number, pod in pods.items() if pod is None or pod.phase is Phase.RUNNING]
    succeeded = [number for number, pod in pods.items() if pod is SUCCEEDED]
    if at_work:
        assert attempt == max(at_work)
    elif succeeded:
        assert attempt == max(succeeded)
    elif pods and pods[max(pods)] is FAILED:
        assert attempt == max(pods)
    else:
        assert attempt == given_before + 1
