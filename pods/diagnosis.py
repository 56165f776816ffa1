"""Why a pod failed: a category, a line that says what happened, and what to do, from the facts about it."""

import re
from collections.abc import Callable
from datetime import timedelta

from builder.contract.exit_codes import KILLED, NOT_EXECUTABLE, NOT_FOUND, TERMINATED, TIMED_OUT, TRY_AGAIN
from builder.contract.lines import OUT_OF_MEMORY, last_words
from pods.facts import Category, Facts, Verdict

# Returns how a pod ended, or None when the rule does not apply.
Rule = Callable[[Facts], Verdict | None]

PEAK = re.compile(r"peak was (\d+) bytes")

# A runtime on a busy host notes the start of a container late; its clock of the end is coarse.
CLOCK_SLACK = timedelta(seconds=10)

NO_SPACE = ("no space left on device", "disk quota exceeded")
NO_IMAGE = ("no such image", "image not known", "manifest unknown", "initializing source", "unable to find image")


def diagnose(facts: Facts, *platform_rules: Rule) -> Verdict:
    """Return how a pod ended.

    Args:
        facts: The facts about it.
        platform_rules: The rules of the pod's platform. They come before the rules for what the step did.
    """
    rules = (*platform_rules, _never_ran) if facts.started is None else (_succeeded, *platform_rules, *RULES)
    for rule in rules:
        if verdict := rule(facts):
            return verdict
    words = last_words(facts.log_tail)
    return Verdict(
        Category.STEP_FAILED,
        words.error or f"pod {facts.name} failed with exit code {facts.exit_code}",
        words.advice or "read the end of its log for what led to it",
    )


def _never_ran(facts: Facts) -> Verdict:
    error = facts.error or facts.reason or "no reason given"
    if any(word in error.lower() for word in NO_IMAGE):
        return Verdict(
            Category.IMAGE_MISSING,
            f"pod {facts.name} could not start: image {facts.image} is not here and could not be pulled ({error})",
            "build or load the image, or name another one in IMS_BUILDER_IMAGE",
        )
    if any(word in error.lower() for word in NO_SPACE):
        return _disk_full(f"pod {facts.name} could not start: {error}")
    return Verdict(
        Category.RUNTIME_BROKEN,
        f"pod {facts.name} could not start: {error}",
        _repair(error),
    )


def _repair(error: str) -> str:
    if "netavark: no such file" in error.lower():
        return "install iptables (`apt-get install iptables`): Podman's network needs it"
    return "check the container runtime: `podman info`, `podman run --rm IMAGE true`"


def _cut_off(facts: Facts) -> Verdict | None:
    if facts.exit_code is not None:
        return None
    return Verdict(
        Category.KILLED,
        f"pod {facts.name} was cut off, and its end was not seen",
        "its host was restarted, or its supervisor there was killed: run the job again",
    )


def _succeeded(facts: Facts) -> Verdict | None:
    return Verdict(Category.SUCCEEDED, f"pod {facts.name} succeeded") if facts.exit_code == 0 else None


def _out_of_memory(facts: Facts) -> Verdict | None:
    reports = [line for line in facts.log_tail if line.startswith(OUT_OF_MEMORY)]
    if not facts.out_of_memory and not reports:
        return None
    limit = f" of {facts.memory}" if facts.memory else ""
    peak = PEAK.search(reports[-1]) if reports else None
    reached = f" (peak {int(peak[1]) / (1 << 30):.1f} GiB)" if peak else ""
    return Verdict(
        Category.OUT_OF_MEMORY,
        f"pod {facts.name} ran out of memory: it needed more than its limit{limit}{reached}",
        "raise the job's memory limit (job_mem_size), or make the image smaller",
    )


def _deadline(facts: Facts) -> Verdict | None:
    if facts.deadline is None or facts.started is None or facts.finished is None:
        return None
    stopped = facts.exit_code in {TIMED_OUT, KILLED, TERMINATED}
    slack = min(CLOCK_SLACK, facts.deadline / 2)
    if not stopped or facts.finished - facts.started < facts.deadline - slack:
        return None
    return Verdict(
        Category.DEADLINE,
        f"pod {facts.name} was stopped: it did not end within {facts.deadline}",
        "see in its log what it waited for, or raise the step's limit",
    )


def _transient(facts: Facts) -> Verdict | None:
    if facts.exit_code != TRY_AGAIN:
        return None
    return Verdict(
        Category.TRANSIENT,
        last_words(facts.log_tail).error or f"pod {facts.name} met a fault that may pass",
        "it can be tried again as it is",
    )


def _no_space(facts: Facts) -> Verdict | None:
    for line in reversed(facts.log_tail):
        if any(word in line.lower() for word in NO_SPACE):
            return _disk_full(f"pod {facts.name} failed with exit code {facts.exit_code}: {line.strip()}", facts.claim)
    return None


def _disk_full(summary: str, claim: str = "") -> Verdict:
    space = "free space where the containers and their volumes lie (`df -h`)"
    larger = f"give the job a larger workspace than {claim} has (build_env_size), or a node with more disk"
    return Verdict(Category.DISK_FULL, summary, larger if claim else space)


def _not_runnable(facts: Facts) -> Verdict | None:
    if facts.exit_code not in {NOT_EXECUTABLE, NOT_FOUND}:
        return None
    return Verdict(
        Category.STEP_FAILED,
        f"pod {facts.name} failed with exit code {facts.exit_code}: a program was not found or cannot be run",
        f"its log names the program; check that image {facts.image} is the builder image of this release",
    )


def _killed(facts: Facts) -> Verdict | None:
    if facts.exit_code not in {KILLED, TERMINATED}:
        return None
    return Verdict(
        Category.KILLED,
        f"pod {facts.name} was killed from outside (exit code {facts.exit_code})",
        "unless a user cancelled it, look into the host's kernel log (`dmesg`) and run the job again",
    )


# The first rule that applies is right: a step that was killed for its memory often reports other errors afterwards.
RULES: tuple[Rule, ...] = (
    _cut_off,
    _out_of_memory,
    _deadline,
    _transient,
    _no_space,
    _not_runnable,
    _killed,
)
