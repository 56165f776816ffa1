"""What the program that checks a description hands on, and what becomes of it when kiwi has read the description."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from errors import BadInput, ImsError
from ingest.description import Description, Kiwi, Repository
from ingest.kiwi_reading import KiwiReading

# kiwi/xsl/convert73to74.xsl renames the older ones; newer schemas say dnf4 for dnf.
OTHER_NAMES = {"apt-get": "apt", "yum": "dnf", "dnf4": "dnf"}
_MANAGERS = {"apt", "dnf", "microdnf", "zypper"}


class Problem(BaseModel):
    """Why a repository must not be read from, in the words of an error."""

    message: str
    resolution: str


class NamedRepository(BaseModel):
    """A repository as the description names it: `fields` are those of `Repository`."""

    fields: dict[str, Any]
    problem: Problem | None = None


class CheckedDescription(BaseModel):
    """A description that passed the checks of ours.

    Args:
        warnings: What may be wrong, a line each.
        places: For each element of the normalised description, in its order, the number of its file and its line.
    """

    file: str
    name: str
    schema_version: str
    kiwis: list[Kiwi]
    repositories: list[NamedRepository]
    profiles: list[str]
    warnings: list[str] = []
    files: list[str]
    places: list[tuple[int, int]]

    def place(self, element: int) -> str:
        """Return file and line of an element, by its number."""
        file, line = self.places[element]
        return f"{self.files[file]}, line {line}"

    def refuse_missing(self, profiles: Sequence[str]) -> None:
        """Refuse profiles that the description has not; whether they are for an architecture, kiwi says.

        Raises:
            BadInput: One is missing.
        """
        if missing := [name for name in profiles if name not in self.profiles]:
            raise BadInput(
                f"{self.file}: the description has no profile {', '.join(missing)}",
                resolution=f"it has {', '.join(self.profiles) or 'none'}",
            )

    def read(self, kiwi: Kiwi, reading: KiwiReading, *, replaced: bool) -> Description:
        """Return the description with what kiwi says.

        Args:
            kiwi: The kiwi that has read it.
            reading: What it says.
            replaced: Whether the site's repositories replace the description's own.

        Raises:
            BadInput: kiwi would read from a repository with a problem, or the package manager is not supported.
        """
        manager = OTHER_NAMES.get(reading.package_manager, reading.package_manager)
        if manager not in _MANAGERS:
            raise BadInput(
                f"{self.file}: the package manager '{manager}' is not supported",
                resolution=f"name one of {', '.join(sorted(_MANAGERS))}",
            )
        if len(self.repositories) != len(reading.repositories):
            raise ImsError(
                f"kiwi has read {len(reading.repositories)} repositories, and {self.file} has {len(self.repositories)}",
                resolution="this is a defect: report it",
            )
        return Description(
            file=self.file,
            name=self.name,
            schema_version=self.schema_version,
            kiwi=kiwi,
            package_manager=manager,
            image_type=reading.image_type,
            repositories=[
                _repository(named, manager, use.asked, use.left_out, replaced)
                for named, use in zip(self.repositories, reading.repositories, strict=True)
            ],
            profiles=self.profiles,
            applying_profiles=reading.profiles,
            bootstrap_packages=reading.bootstrap_packages,
            packages=reading.packages,
        )


def shadowed(repositories: Sequence[Repository]) -> list[str]:
    """Return a line for each repository that kiwi replaces by another of the same alias."""
    last = {each.alias: each for each in repositories if each.asked and each.alias}
    lost = [each for each in repositories if each.asked and each.alias and each.url != last[each.alias].url]
    return [
        f"{each.file}, line {each.line}: kiwi does not read from this repository: "
        f"{last[each.alias].file}, line {last[each.alias].line} has another with the alias {each.alias!r}"
        for each in lost
    ]


def _repository(named: NamedRepository, manager: str, asked: bool, left_out: bool, replaced: bool) -> Repository:
    if named.problem and not (left_out or replaced):
        raise BadInput(named.problem.message, resolution=named.problem.resolution)
    usual = {"type": "apt-deb", "components": ["main"]} if manager == "apt" else {"type": "rpm-md"}
    given = {name: value for name, value in named.fields.items() if value or name not in usual}
    why = (
        "the site file replaces it" if replaced else "" if asked else _why_not_asked(left_out, named.fields["profiles"])
    )
    return Repository.model_validate({**usual, **given, "left_out": left_out or replaced, "not_asked": why})


def _why_not_asked(left_out: bool, profiles: list[str]) -> str:
    if not left_out:
        return "it is for the image alone"
    return f"it is not for the profiles of this build ({', '.join(profiles)})" if profiles else "it is for others"
