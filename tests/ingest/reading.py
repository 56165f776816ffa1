"""Reads descriptions as a job does, with kiwi's own classes."""

from collections.abc import Sequence
from pathlib import Path

from builder.kiwi_packages import kiwi_packages
from errors import BadInput
from ingest import config_xml, recipe
from ingest.checked_description import CheckedDescription
from ingest.description import Description, Repository
from ingest.limits import Limits


def read_description(
    folder: Path, limits: Limits, *, profiles: Sequence[str] = (), arch: str = "x86_64", replaced: bool = False
) -> Description:
    return recipe.read_description(folder, limits, kiwi_packages, profiles=profiles, arch=arch, replaced=replaced)


def named_repositories(folder: Path, limits: Limits) -> list[Repository]:
    """Check a description without a process of its own and without kiwi, and return what it names."""
    checked = CheckedDescription.model_validate(config_xml.run(str(folder), limits))
    for each in checked.repositories:
        if each.problem:
            raise BadInput(each.problem.message, resolution=each.problem.resolution)
    found = [{name: value for name, value in each.fields.items() if value} for each in checked.repositories]
    return [Repository.model_validate(fields) for fields in found]
