"""Asks kiwi what a description says: the kiwi that its schema names first, then the other one that reads this schema.

The rule: the kiwi that has read the description is the one that builds it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from errors import BadInput
from ingest.confined import run_confined
from ingest.description import Kiwi
from ingest.limits import Limits

# kiwi/xml_state.py: every <type> is one of profiles that are not built.
_NO_TYPE = "No build type defined"
RELEASES: dict[Kiwi, str] = {9: "kiwi 9.24", 11: "kiwi 11"}


class RepositoryUse(BaseModel):
    """What kiwi does with a repository.

    Args:
        asked: It reads packages from it.
        left_out: It is no part of this build, nor of its image.
    """

    asked: bool
    left_out: bool


class KiwiReading(BaseModel):
    """What a build is made of, as kiwi's own classes say; the repositories are in the description's order."""

    package_manager: str
    image_type: str
    profiles: list[str]
    repositories: list[RepositoryUse]
    bootstrap_packages: list[str]
    packages: list[str]


class KiwiRefusal(BaseModel):
    """Why kiwi refuses a description; `element` is the number of the element that is wrong, if it is known."""

    why: str
    element: int | None = None


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        folder: The recipe's folder, whose config.xml is the normalised description.
        profiles: The profiles that the job asks for.
        known: The profiles that the description has.
        arch: The architecture that is built.
        limits: Those of the confined process.
    """

    folder: Path
    profiles: Sequence[str]
    known: Sequence[str]
    arch: str
    limits: Limits


def ask_kiwi(
    question: Question, kiwis: Sequence[Kiwi], packages_of: Callable[[Kiwi], Path], place_of: Callable[[int], str]
) -> tuple[Kiwi, KiwiReading, list[str]]:
    """Have the kiwis read a description, until one takes it.

    Args:
        question: What is asked.
        kiwis: Those that read its schema, the first choice first.
        packages_of: Returns the folder of a kiwi's Python packages.
        place_of: Returns file and line of an element, by its number.

    Returns:
        The kiwi, what it says, and why those before it refused.

    Raises:
        BadInput: All refuse it; the message is the first one's.
    """
    refusals: list[str] = []
    for kiwi in kiwis:
        answer = _ask(question, packages_of(kiwi))
        if isinstance(answer, KiwiReading):
            return kiwi, answer, refusals
        refusals.append(f"{place_of(answer.element or 0)}: {RELEASES[kiwi]} refuses the description: {answer.why}")
    raise BadInput(refusals[0], resolution=_resolution(question, kiwis, refusals[0]))


def _resolution(question: Question, kiwis: Sequence[Kiwi], refusal: str) -> str:
    if _NO_TYPE in refusal and question.known:
        return f"give the job other profiles (--profile NAME); the description has {', '.join(question.known)}"
    others = " and ".join(RELEASES[kiwi] for kiwi in kiwis[1:])
    return f"correct it{f'; {others} refuses it, too' if others else ''}"


def _ask(question: Question, packages: Path) -> KiwiReading | KiwiRefusal:
    folder = question.folder.absolute()
    with TemporaryDirectory(dir=folder.parent, prefix="kiwi-") as scratch:
        arguments = {
            "packages": str(packages),
            "description": str(folder / "config.xml"),
            "profiles": list(question.profiles),
            "arch": question.arch,
            "scratch": scratch,
        }
        answer = run_confined("ask-kiwi", arguments, question.limits)
    return KiwiRefusal.model_validate(answer) if "why" in answer else KiwiReading.model_validate(answer)
