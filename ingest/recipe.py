"""A recipe from outside: archive unpacked, templates rendered, description read, each in a confined process.

The rule: foreign data is looked at in the child only; the caller sees the finished folder and plain checked values.
"""

from pathlib import Path

from ingest.confined import Limits, run_confined
from ingest.description import Description
from ingest.new_folder import new_folder

__all__ = ["Description", "Limits", "read_description", "render_recipe", "unpack_recipe"]


def unpack_recipe(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpack a recipe archive (tar; plain, gzip, bzip2 or xz) into a new folder, which appears only when all is well.

    A single folder that wraps everything in the archive is stripped, so that the description lies at the top of
    `folder`. Safe to repeat: what a killed attempt left beside `folder` is removed first. One caller a folder.

    Raises:
        BadInput: The archive is refused: an entry, a limit, damage, or not exactly one description.
        Conflict: `folder` exists already.
        ImsError: The confined process failed: a defect.
    """
    with new_folder(folder) as unfinished:
        run_confined("unpack", {"archive": str(archive.absolute()), "folder": str(unfinished)}, limits)


def render_recipe(folder: Path, dictionary: dict[str, str], limits: Limits) -> list[str]:
    """Render the files that `.ims_recipe_template.yaml` lists under `template_files`, in place, keeping their modes.

    The files are written after all of them rendered. Not safe to repeat after it succeeded or was killed: unpack anew.

    Args:
        folder: The unpacked recipe.
        dictionary: The recipe's template dictionary.
        limits: The child's limits; `bytes` holds for the sum of what is rendered.

    Returns:
        The paths of the rendered files, relative to `folder`; none when the recipe has no template files.

    Raises:
        BadInput: A template or the dictionary is refused; nothing was changed.
        ImsError: The confined process failed: a defect.
    """
    rendered = run_confined("render", {"folder": str(folder.absolute()), "dictionary": dictionary}, limits)
    return [str(name) for name in rendered]


def read_description(folder: Path, limits: Limits) -> Description:
    """Read and check the description of an unpacked, rendered recipe.

    Raises:
        BadInput: The description is refused, or there is not exactly one.
        ImsError: The confined process failed: a defect.
    """
    return Description.model_validate(run_confined("describe", {"folder": str(folder.absolute())}, limits))
