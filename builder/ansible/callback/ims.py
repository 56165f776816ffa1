"""Ansible's callback that notes failed tasks, and the hosts that were worked on, for builder/programs/playbook.py.

It writes a line of JSON each to the file that IMS_PLAYBOOK_NOTES names; what Ansible censors (no_log) it never sees.
"""

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ims
type: notification
short_description: Notes failed tasks
description: Writes the tasks that failed to the file that IMS_PLAYBOOK_NOTES names.
"""

_WORDS = ("msg", "stderr", "module_stderr", "module_stdout", "stdout")


class CallbackModule(CallbackBase):
    """Notes what the pod's program reports to the administrator."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ims"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failed task."""
        if not ignore_errors:
            _note(task=result._task.get_name(), said=_words_of(result._result))  # noqa: SLF001 - Ansible's interface

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a task that did not reach the root."""
        self.v2_runner_on_failed(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Note the hosts that the playbook worked on."""
        _note(hosts=sorted(stats.processed))


def _words_of(result: dict[str, Any]) -> str:
    """Return what a failed task said; of a loop, what its first failed item said."""
    failed = [item for item in result.get("results", []) if item.get("failed")]
    said = [
        str(result_of[name]).strip() for result_of in (*failed[:1], result) for name in _WORDS if result_of.get(name)
    ]
    return ": ".join(dict.fromkeys(each for each in said if each))


def _note(**what: Any) -> None:
    with Path(os.environ["IMS_PLAYBOOK_NOTES"]).open("a") as notes:
        notes.write(f"{json.dumps(what)}\n")
