"""Packs a folder as an archive that the unpacker accepts, or refuses the folder: before an upload, not in a job."""

from collections.abc import Callable
from pathlib import Path

from ingest.limits import Limits
from ingest.packing import pack
from ingest.recipe_unpacking import refuse_without_description
from ingest.tar_stream import TarStream
from ingest.tree import Tree, planned


def pack_recipe(folder: Path, archive: Path, limits: Limits) -> list[str]:
    """Pack a recipe's folder; return the paths in it that are left out because they are files of other systems.

    Raises:
        BadInput: The folder cannot be packed, or the unpacker would refuse its archive.
    """
    return _pack(folder, archive, limits, refuse_without_description)


def pack_script(folder: Path, archive: Path, limits: Limits) -> list[str]:
    """Pack the folder of a script or a playbook; otherwise as `pack_recipe`."""
    return _pack(folder, archive, limits, lambda _tree: None)


def _pack(folder: Path, archive: Path, limits: Limits, check: Callable[[Tree], object]) -> list[str]:
    with archive.open("w+b") as file:
        left_out = pack(folder, file)
        stream = TarStream(file, limits)
        planned(stream, limits, check, stream.digest)
    return left_out
