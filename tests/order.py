"""Which files of tests begin first: those that take longest, so that no run ends with one of them on one processor.

A process of pytest-xdist takes a file at a time, in this order. Wall time counts, and it does not add up to that of the
processors: a file that boots machines or waits for runs takes minutes of it.
"""

import pytest

from tests.repository import REPOSITORY

LONGEST_FIRST = (
    # Of the first three one has the builder images made, which the others would wait for.
    "tests/flows/test_faults.py",
    "tests/cli/test_up.py",
    "tests/cli/test_worker.py",
    "tests/flows/test_boot.py",
    "tests/bench/test_small_forms.py",
    "tests/cli/test_up_builds.py",
    "tests/deploy/test_image.py",
    "tests/flows/test_later_attempts.py",
    "tests/flows/test_customize.py",
    "tests/flows/test_rpm_site.py",
    "tests/flows/test_schedules.py",
    "tests/flows/test_orders.py",
    "tests/flows/test_two_processes.py",
    "tests/flows/test_unattended.py",
    "tests/flows/test_create_image.py",
    "tests/flows/test_debug_shell.py",
    "tests/flows/test_kiwi11.py",
    "tests/ingest/test_kiwi_agrees.py",
    # Of the quick part.
    "tests/ingest/test_config_xml.py",
    "tests/ingest/test_kiwi_classes.py",
    "tests/ingest/test_templates.py",
    "tests/cli/test_jobs.py",
    "tests/tasks/test_deletions.py",
    "tests/storage/records/test_store.py",
    "tests/ingest/test_unpacking.py",
    "tests/ingest/test_confined.py",
    "tests/cli/test_images.py",
)
_PLACES = {REPOSITORY / file: place for place, file in enumerate(LONGEST_FIRST)}


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests: those of the files above first, all others as they were."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(_PLACES)))
