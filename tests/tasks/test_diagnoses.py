import pytest

from storage.models.jobs import Diagnosis
from tasks.diagnoses import markdown, show_diagnosis

OUT_OF_MEMORY = Diagnosis(
    category="out_of_memory",
    summary="pod ims-1-prepare-1 ran out of memory: it needed more than its limit of 8 GiB",
    resolution="raise the job's memory limit (job_mem_size)",
    step="prepare",
    exit_code=137,
    events=["Killing: Stopping container step"],
    log_tail=["installing kernel", "Killed"],
)


def test_a_page_tells_what_happened_what_to_do_and_the_evidence() -> None:
    assert markdown(OUT_OF_MEMORY).split("\n\n") == [
        "# prepare: out\\_of\\_memory",
        "pod ims-1-prepare-1 ran out of memory: it needed more than its limit of 8 GiB",
        "**What to do:** raise the job's memory limit (job\\_mem\\_size)",
        "Exit code: 137",
        "## What the cluster did",
        "    Killing: Stopping container step",
        "## Last lines of the log",
        "    installing kernel\n    Killed\n",
    ]


def test_without_evidence_there_are_no_empty_parts() -> None:
    bare = OUT_OF_MEMORY.model_copy(update={"exit_code": None, "events": [], "log_tail": []})
    assert "##" not in markdown(bare)
    assert "Exit code" not in markdown(bare)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "[a](http://evil.test)", "`x` **y** # z", "a\n# b"])
def test_what_a_step_says_is_shown_as_it_is(text: str) -> None:
    page = markdown(OUT_OF_MEMORY.model_copy(update={"summary": text, "log_tail": [text]}))
    summary = page.split("\n\n")[1]
    assert summary.replace("\\", "") == " ".join(text.split())
    assert not any(f"{letter}" in summary.replace(f"\\{letter}", "") for letter in "<[`#*")
    assert all(line.startswith("    ") for line in page.split("Last lines of the log\n\n")[1].splitlines())


def test_outside_of_a_run_there_is_nothing_to_show_it_in() -> None:
    show_diagnosis(OUT_OF_MEMORY)
