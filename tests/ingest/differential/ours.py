"""Reads descriptions with the two programs of ours that a job runs, one kiwi, and all in one process."""

import json
import sys
from pathlib import Path
from typing import Any, cast

from errors import BadInput
from ingest import config_xml, kiwi_classes
from ingest.checked_description import CheckedDescription
from ingest.description import Description, Kiwi
from ingest.kiwi_reading import KiwiReading
from ingest.limits import Limits

LIMITS = Limits(bytes=1 << 24, entries=1000, memory_bytes=1 << 29, seconds=60)


def read(kiwi: Kiwi, packages: str, folder: Path, profiles: list[str], arch: str) -> dict[str, Any]:
    """Return the facts, or who refuses: we by a rule of our own, or kiwi."""
    try:
        checked = CheckedDescription.model_validate(config_xml.run(str(folder), LIMITS))
    except BadInput as refusal:
        return {"ours": str(refusal)}
    # Which addresses may be asked is a rule of ours; which ones kiwi asks is what is compared.
    named = [each.model_copy(update={"problem": None}) for each in checked.repositories]
    checked = checked.model_copy(update={"repositories": named})
    answer = kiwi_classes.run(packages, str(folder / "config.xml"), profiles, arch, str(folder.parent), LIMITS)
    if "why" in answer:
        return {"refused": answer["why"]}
    try:
        return facts(checked.read(kiwi, KiwiReading.model_validate(answer), replaced=False), arch)
    except BadInput as refusal:
        return {"ours": str(refusal)}


def facts(description: Description, arch: str) -> dict[str, Any]:
    named = ("package_manager", "image_type", "bootstrap_packages", "packages")
    return {
        "arch": arch,
        "profiles": description.applying_profiles,
        **{name: getattr(description, name) for name in named},
        "repositories": [
            {
                "path": each.url,
                **{name: getattr(each, name) for name in ("alias", "priority", "imageinclude", "username", "password")},
            }
            for each in description.repositories
            if each.asked
        ],
    }


def main() -> None:
    kiwi, packages, here, arch = cast("Kiwi", int(sys.argv[1])), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
    cases = json.loads((here / "cases.json").read_text())
    answers = [read(kiwi, packages, here / case["folder"], case["profiles"], arch) for case in cases]
    (here / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
