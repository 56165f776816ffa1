"""The attempts of a job's step: which one continues, and which number the next one has.

They are found by the labels of their pods and by the job's record, never by counting: a pod that was evicted, drained
or deleted is gone from the cluster, and its number must not be given again.
"""

from errors import Exhausted
from pods.runtime import Outcome, Phase, PodRuntime
from storage.models.jobs import Job
from storage.records import jobs
from storage.records.catalogue import catalogue

# A pod that was lost, or could not reach a server, is started so often at most until a user asks for the job again.
STARTS = 3


def attempt_of(job: Job, step: str, runtime: PodRuntime) -> int:
    """Return the attempt to continue with: one whose pod runs or has ended the step, else the next one.

    Raises:
        Exhausted: The step was started too often.
        HoldLost: Another process works on the job.
    """
    pods = runtime.attempts(job.id, step)
    if (standing := _standing(pods)) is not None:
        return standing
    newest = max(pods, default=0)
    try:
        return jobs.begin_attempt(catalogue(), job, step, newest, STARTS).newest
    except Exhausted as error:
        last = pods.get(newest)
        raise Exhausted(
            f"{error.message}: {last.summary if last else 'its pods are gone'}",
            resolution=(last and last.resolution) or "run the job again: it continues where it stopped",
        ) from error


def _standing(pods: dict[int, Outcome | None]) -> int | None:
    """Return the newest attempt that runs, else one that succeeded, else one that would fail again."""
    newest_first = sorted(pods, reverse=True)
    at_work = [number for number in newest_first if (pod := pods[number]) is None or pod.phase is Phase.RUNNING]
    succeeded = [number for number in newest_first if (pod := pods[number]) and pod.phase is Phase.SUCCEEDED]
    failed = [number for number in newest_first[:1] if (pod := pods[number]) and not pod.transient]
    return next(iter([*at_work, *succeeded, *failed]), None)
