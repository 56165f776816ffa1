"""api/metrics.py: Prometheus reads what is so, also while S3 or Prefect is away."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import count_call, count_request
from config.settings import settings
from storage.models.jobs import Diagnosis, JobStatus
from storage.records.catalogue import Catalogue
from storage.s3.objects import object_store
from tests.api.stored import one_of_each
from tests.faults import Fault, Faults
from tests.memory_s3.fixtures import in_memory

Samples = dict[tuple[str, ...], float]


def read(api: httpx.Client) -> Samples:
    """Return what Prometheus reads: values by the name, and those of the labels in the order of their names."""
    answer = api.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@in_memory
def test_it_shows_jobs_requests_calls_and_what_is_away(own_catalogue: Catalogue, api: httpx.Client) -> None:
    records = one_of_each(own_catalogue, object_store(), settings())
    failed = Diagnosis(category="out_of_memory", summary="s")
    own_catalogue.jobs.change(
        records["jobs"].id, lambda job: job.changed({"status": JobStatus.ERROR, "diagnosis": failed})
    )
    before = read(api)
    assert before["ims_jobs", "create", "error"] == 1
    assert before["ims_jobs", "customize", "success"] == 0
    assert before["ims_job_failures", "out_of_memory", "create"] == 1
    assert before["ims_job_seconds_count", "create", "error"] == 1
    assert before["ims_up", "s3"] == 1
    # There is no Prefect server.
    assert before["ims_up", "prefect"] == 0
    assert not any(name == "ims_runs_in_hand" for name, *_ in before)
    api.get("/v3/images/x")
    count_call("Tested", failed=False)
    after = read(api)
    assert after["ims_requests_total", "GET", "404"] == before.get(("ims_requests_total", "GET", "404"), 0) + 1
    assert after["ims_s3_calls_total", "Tested", "answer"] == 1


@in_memory
def test_it_says_that_s3_is_away(through: Faults, api: httpx.Client) -> None:
    through.plan(Fault.ANSWER_503)
    found = read(api)
    assert found["ims_up", "s3"] == 0
    assert not any(name == "ims_jobs" for name, *_ in found)


def test_a_method_that_a_client_invents_is_no_name(api_address: str) -> None:
    count_request("INVENTED", 405, 0.1)
    with httpx.Client(base_url=api_address, trust_env=False) as client:
        found = read(client)
    assert found["ims_requests_total", "other", "405"] >= 1
    assert not any("INVENTED" in labels for labels in found)
