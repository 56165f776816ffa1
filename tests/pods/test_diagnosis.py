from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builder.contract.lines import OUT_OF_MEMORY
from pods.diagnosis import diagnose
from pods.facts import Category, Facts
from pods.kubernetes.diagnosis import diagnose_cluster
from pods.runtime import Outcome, Phase

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATE = START + timedelta(hours=1)
NEVER_RAN: dict[str, Any] = {"exit_code": None, "started": None, "finished": None}


def facts(**changes: Any) -> Facts:
    known = {
        "name": "ims-1-prepare-1",
        "image": "localhost/ims-builder:1",
        "exit_code": 1,
        "started": START,
        "finished": START + timedelta(seconds=20),
        "deadline": timedelta(hours=1),
    }
    return Facts.model_validate(known | changes)


@pytest.mark.parametrize(
    ("changes", "category", "says"),
    [
        pytest.param({"exit_code": 0}, Category.SUCCEEDED, "succeeded", id="exit 0"),
        pytest.param({"exit_code": 0, "out_of_memory": True}, Category.SUCCEEDED, "", id="survived an OOM kill"),
        pytest.param({"exit_code": None, "finished": None}, Category.KILLED, "cut off", id="no end was seen"),
        pytest.param({"exit_code": 3}, Category.STEP_FAILED, "exit code 3", id="exit 3"),
        pytest.param({"exit_code": 127}, Category.STEP_FAILED, "not found", id="command not found"),
        pytest.param({"exit_code": 75}, Category.TRANSIENT, "a fault that may pass", id="exit 75"),
        pytest.param({"exit_code": 137, "out_of_memory": True}, Category.OUT_OF_MEMORY, "memory", id="OOMKilled"),
        pytest.param(
            {"exit_code": 2, "log_tail": ["Killed", OUT_OF_MEMORY], "memory": "8 GiB"},
            Category.OUT_OF_MEMORY,
            "limit of 8 GiB",
            id="OOM seen in the pod",
        ),
        pytest.param(
            {"exit_code": 2, "log_tail": [f"{OUT_OF_MEMORY}, its peak was 8589934592 bytes"], "memory": "8 GiB"},
            Category.OUT_OF_MEMORY,
            "limit of 8 GiB (peak 8.0 GiB)",
            id="OOM with its peak",
        ),
        pytest.param({"reason": "Evicted", "exit_code": None}, Category.EVICTED, "Evicted", id="evicted"),
        pytest.param({"reason": "Evicted", "exit_code": 0}, Category.SUCCEEDED, "", id="evicted after its success"),
        pytest.param({"reason": "NodeLost", "exit_code": None}, Category.NODE_LOST, "node", id="node lost"),
        pytest.param(
            {"reason": "DeadlineExceeded", "exit_code": 137}, Category.DEADLINE, "1:00:00", id="kubelet's limit"
        ),
        pytest.param(
            {**NEVER_RAN, "reason": "OutOfmemory"}, Category.EVICTED, "refused by node", id="no room after all"
        ),
        pytest.param({"exit_code": 124, "finished": LATE}, Category.DEADLINE, "1:00:00", id="timed out"),
        pytest.param({"exit_code": 137, "finished": LATE}, Category.DEADLINE, "1:00:00", id="killed after time out"),
        pytest.param({"exit_code": 1, "finished": LATE}, Category.STEP_FAILED, "exit code 1", id="failed late"),
        pytest.param({"exit_code": 124}, Category.STEP_FAILED, "exit code 124", id="the step's own time limit"),
        pytest.param({"exit_code": 137}, Category.KILLED, "137", id="SIGKILL"),
        pytest.param({"exit_code": 143}, Category.KILLED, "143", id="SIGTERM"),
        pytest.param(
            {"log_tail": ["cp: x: No space left on device", "bye"]}, Category.DISK_FULL, "No space", id="disk full"
        ),
        pytest.param({**NEVER_RAN, "error": "no such image"}, Category.IMAGE_MISSING, "builder", id="no image"),
        pytest.param(
            {**NEVER_RAN, "error": "write x: no space left on device"},
            Category.DISK_FULL,
            "no space",
            id="disk full at the start",
        ),
        pytest.param({**NEVER_RAN, "error": "runc: exec failed"}, Category.RUNTIME_BROKEN, "runc", id="runtime broken"),
        pytest.param(NEVER_RAN, Category.RUNTIME_BROKEN, "no reason", id="nothing known"),
    ],
)
def test_facts_lead_to_a_category(changes: dict[str, Any], category: Category, says: str) -> None:
    verdict = diagnose(facts(**changes), diagnose_cluster)
    assert verdict.category is category
    assert says in verdict.summary
    assert "ims-1-prepare-1" in verdict.summary
    assert verdict.resolution or category is Category.SUCCEEDED


def test_a_missing_iptables_is_named() -> None:
    error = "netavark: No such file or directory (os error 2)"
    assert "iptables" in diagnose(facts(**NEVER_RAN, error=error)).resolution


@pytest.mark.parametrize(
    ("changes", "transient"),
    [
        pytest.param({"exit_code": 75}, True, id="exit 75"),
        pytest.param({"exit_code": 137}, True, id="killed"),
        pytest.param({"exit_code": 137, "reason": "Evicted"}, True, id="evicted"),
        pytest.param({"exit_code": None, "reason": "NodeLost"}, True, id="node lost"),
        pytest.param({"exit_code": 1}, False, id="exit 1"),
        pytest.param({**NEVER_RAN, "reason": "Unschedulable"}, False, id="unschedulable"),
    ],
)
def test_only_passing_faults_are_worth_another_try(changes: dict[str, Any], transient: bool) -> None:
    outcome = Outcome.of(facts(**changes), diagnose_cluster)
    assert outcome.phase is Phase.FAILED
    assert outcome.transient is transient


@pytest.mark.parametrize(
    ("log_tail", "resolution"),
    [
        pytest.param(["advice: add it", "error: it is missing"], "add it", id="before the last words"),
        pytest.param(["error: it is missing"], "read the end of its log", id="none"),
        pytest.param(["advice: add it", "more", "error: it is missing"], "read the end of its log", id="further up"),
        pytest.param(["advice: add it", "and no last words"], "read the end of its log", id="no last words"),
        pytest.param(["error: it is missing", "advice: add it"], "read the end of its log", id="after the last words"),
        pytest.param([" advice: add it", "error: it is missing"], "read the end of its log", id="indented"),
    ],
)
def test_the_steps_own_advice_is_the_line_before_its_last_words(log_tail: list[str], resolution: str) -> None:
    assert diagnose(facts(log_tail=log_tail)).resolution.startswith(resolution)
