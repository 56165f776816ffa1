"""Reads a foreign recipe: unpacks the archive, renders templates, reads the description, each in a confined process.

The rule: only the child reads foreign data; the caller gets the finished folder and checked values.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.checked_description import CheckedDescription, shadowed
from ingest.confined import run_confined
from ingest.description import Description, Kiwi
from ingest.kiwi_reading import RELEASES, Question, ask_kiwi
from ingest.limits import Limits
from ingest.new_folder import new_folder

logger = logging.getLogger(__name__)


def unpack_recipe(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpack a recipe archive (tar; plain, gzip, bzip2 or xz) into a new folder, which appears when it is complete.

    If the archive holds everything in one folder, that folder is left out, so that the description is at the top of
    `folder`. Files of other systems (`._*`, `.DS_Store`, `Thumbs.db`, …) are left out, and logged.

    Safe to repeat: the remains of a killed attempt beside `folder` are removed first. Only one process may work on a
    folder.

    Raises:
        BadInput: The archive is refused: an entry, a limit, damage, or not exactly one description.
        Conflict: `folder` exists already.
        ImsError: The confined process failed, which is a defect.
    """
    with new_folder(folder) as unfinished:
        left_out = run_confined("unpack", {"archive": str(archive.absolute()), "folder": str(unfinished)}, limits)
    if left_out:
        logger.info("%s", left_out)


def render_recipe(folder: Path, dictionary: dict[str, str], limits: Limits) -> list[str]:
    """Render the files that `.ims_recipe_template.yaml` lists under `template_files`, in place, keeping their modes.

    All files are rendered before the first is written. Not safe to repeat: unpack the recipe again first.

    Args:
        folder: The unpacked recipe.
        dictionary: The recipe's template dictionary.
        limits: The child's limits; `bytes` limits the size of all rendered files together.

    Returns:
        The paths of the rendered files, relative to `folder`; none when the recipe has no template files.

    Raises:
        BadInput: A template or the dictionary is refused; nothing was changed.
        ImsError: The confined process failed, which is a defect.
    """
    rendered = run_confined("render", {"folder": str(folder.absolute()), "dictionary": dictionary}, limits)
    return [str(name) for name in rendered]


def read_description(
    folder: Path,
    limits: Limits,
    packages_of: Callable[[Kiwi], Path],
    *,
    profiles: Sequence[str] = (),
    arch: str = "x86_64",
    replaced: bool = False,
) -> Description:
    """Read and check the description of an unpacked, rendered recipe, for one build, and write its normal form.

    Safe to repeat after it was cut off, but credentials that were taken out do not come back.

    Args:
        folder: The unpacked, rendered recipe.
        limits: The children's limits.
        packages_of: Returns the folder of a kiwi's Python packages.
        profiles: The profiles that the job asks for; none: those that the description imports.
        arch: The architecture that is built.
        replaced: Whether the site's repositories replace the description's own.

    Raises:
        BadInput: The description is refused, or there is not exactly one.
        ImsError: A confined process failed, which is a defect.
    """
    checked = CheckedDescription.model_validate(run_confined("describe", {"folder": str(folder.absolute())}, limits))
    for warning in checked.warnings:
        logger.warning("%s", warning)
    checked.refuse_missing(profiles)
    question = Question(folder, profiles, checked.profiles, arch, limits)
    kiwi, reading, refusals = ask_kiwi(question, checked.kiwis, packages_of, checked.place)
    for refusal in refusals:
        logger.info("%s; %s reads it", refusal, RELEASES[kiwi])
    description = checked.read(kiwi, reading, replaced=replaced)
    for warning in shadowed(description.repositories):
        logger.warning("%s", warning)
    return description
