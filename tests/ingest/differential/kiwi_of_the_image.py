"""Runs in a builder image: its kiwi loads descriptions as `kiwi-ng system prepare` does, and says what is in them.

Standard library and kiwi alone. Its argument is a folder with `cases.json`; it writes `answers.json` there.
"""

import json
import logging
import platform
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, "/usr/lib/kiwi11")


def read(folder: str, profiles: list[str]) -> dict[str, Any]:
    from kiwi.tasks.base import CliTask

    task = object.__new__(CliTask)
    task.global_args = {"--profile": profiles, "--type": None}
    try:
        task.load_xml_description(folder)
    except Exception as error:  # noqa: BLE001
        return {"refused": f"{type(error).__name__}: {error}"[:200]}
    state = task.xml_state
    return {
        "arch": platform.machine() if state.host_architecture == platform.machine() else state.host_architecture,
        "profiles": state.profiles,
        "package_manager": state.get_package_manager(),
        "image_type": state.get_build_type_name(),
        "bootstrap_packages": state.get_bootstrap_packages(),
        "packages": state.get_system_packages(),
        "repositories": [
            {
                "path": each.get_source().get_path(),
                "alias": each.get_alias() or "",
                "priority": each.get_priority(),
                "imageinclude": bool(each.get_imageinclude()),
                "username": each.get_username() or "",
                "password": each.get_password() or "",
            }
            for each in state.get_repository_sections_used_for_build()
        ],
    }


def main() -> None:
    logging.disable(logging.CRITICAL)
    here = Path(sys.argv[1])
    cases = json.loads((here / "cases.json").read_text())
    answers = [read(str(here / case["folder"]), case["profiles"]) for case in cases]
    (here / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
