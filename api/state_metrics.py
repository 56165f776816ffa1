"""The state of the system as metrics: its jobs by their records, its flow runs, and whether S3 and Prefect answer."""

import logging
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import accumulate

from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, Metric

from errors import ImsError
from flows.in_process import TAG
from runs.client import connected
from runs.connection import check
from runs.server_address import prefect_api_url
from storage.models.jobs import Job, JobStatus, JobType
from storage.records.catalogue import catalogue

logger = logging.getLogger(__name__)

DURATIONS = tuple(timedelta(minutes=each) for each in (1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1440))


def read() -> Iterator[Metric]:
    """Read the state. What cannot be read is left out, and `ims_up` says so."""
    up = GaugeMetricFamily("ims_up", "Whether a server that this service needs answers.", labels=("server",))
    for server, read_part in (("s3", _jobs), ("prefect", _runs)):
        try:
            yield from read_part()
            up.add_metric([server], 1)
        except ImsError as error:
            logger.warning("metrics are incomplete: %s", error)
            up.add_metric([server], 0)
    yield up


def _jobs() -> Sequence[Metric]:
    jobs = catalogue().jobs.list()
    return [*metrics_of(jobs)]


def metrics_of(jobs: Iterable[Job]) -> Iterator[Metric]:
    """Return the metrics of jobs."""
    jobs = list(jobs)
    yield _counted(
        ("ims_jobs", "Jobs that there are records of.", ("job_type", "status")),
        {(kind, status): 0 for kind in JobType for status in JobStatus},
        (_kind_and_status(job) for job in jobs),
    )
    yield _counted(
        ("ims_job_failures", "Failed jobs that there are records of, by the cause.", ("job_type", "category")),
        {},
        ((str(job.job_type), job.diagnosis.category) for job in jobs if _has_failed(job) and job.diagnosis),
    )
    yield _durations(jobs)


def _runs() -> Sequence[Metric]:
    address = prefect_api_url()
    check(address)
    with connected(address) as runs:
        taken, own = len(runs.pool.active_runs()), len(runs.tagged(TAG))
    in_hand = GaugeMetricFamily("ims_runs_in_hand", "Flow runs that have begun and not ended.", labels=("where",))
    in_hand.add_metric(["worker"], taken)
    in_hand.add_metric(["api"], own)
    return [in_hand]


def _durations(jobs: Iterable[Job]) -> Metric:
    family = HistogramMetricFamily(
        "ims_job_seconds",
        "How long the jobs took that there are records of, from the request to the end.",
        labels=("job_type", "status"),
    )
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    for job in jobs:
        if job.ended is not None and job.status.is_final:
            taken[_kind_and_status(job)].append(max(0.0, job.ended.timestamp() - job.created.timestamp()))
    limits = [each.total_seconds() for each in DURATIONS]
    for labels, seconds in sorted(taken.items()):
        counts = Counter(bisect_left(limits, each) for each in seconds)
        totals = accumulate(counts[place] for place in range(len(limits) + 1))
        names = [*map(str, map(int, limits)), "+Inf"]
        family.add_metric(labels, list(zip(names, totals, strict=True)), sum(seconds))
    return family


def _counted(
    family: tuple[str, str, tuple[str, ...]], zeros: dict[tuple[str, ...], int], seen: Iterable[tuple[str, ...]]
) -> Metric:
    name, meaning, labels = family
    made = GaugeMetricFamily(name, meaning, labels=labels)
    for each, count in sorted((zeros | Counter(seen)).items()):
        made.add_metric(each, count)
    return made


def _kind_and_status(job: Job) -> tuple[str, str]:
    return str(job.job_type), str(job.status)


def _has_failed(job: Job) -> bool:
    return job.status is JobStatus.ERROR
