"""Unpacks an archive: reads it once to check everything, and again to write it.

The rule: nothing is written before the whole archive was checked, symbolic links are made after all files, and every
path is opened folder by folder without following links.
"""

import os
from collections.abc import Callable
from pathlib import Path

from ingest.folders import FOLDER, NEW_FILE, parent_of
from ingest.leftovers import is_leftover
from ingest.limits import Limits
from ingest.names import tree_path
from ingest.tar_entry import Kind
from ingest.tar_stream import TarStream
from ingest.tree import Tree, planned


def unpack(archive: str, folder: str, limits: Limits, check: Callable[[Tree], None]) -> list[str]:
    """Unpack `archive` into `folder`, an empty folder.

    Modes and modification times are kept. Owners, with the setgid bits of folders, and extended attributes are not:
    later steps set the owners.

    Args:
        archive: The archive.
        folder: The folder to unpack into.
        limits: The limits on its content.
        check: Refuses a tree that lacks what the caller needs.

    Returns:
        The entries that are left out because they are files of other systems.

    Raises:
        BadInput: The archive is refused; nothing was written.
    """
    with Path(archive).open("rb") as file:
        stream = TarStream(file, limits)
        tree, wrapper = planned(stream, limits, check, stream.digest)
        top = os.open(folder, FOLDER)
        try:
            _make_folders(tree, top)
            _write_files(TarStream(file, limits), wrapper, top)
            _make_links(tree, top)
            _set_modes_and_times(tree, top)
        finally:
            os.close(top)
    return tree.left_out


def _make_folders(tree: Tree, top: int) -> None:
    for path, _ in tree.folders():
        with parent_of(path, top) as (parent, name):
            os.mkdir(name, 0o700, dir_fd=parent)


def _write_files(stream: TarStream, wrapper: str, top: int) -> None:
    for entry in stream:
        if entry.kind is not Kind.FILE or is_leftover(entry.name):
            continue
        path = tree_path(entry.name)
        with (
            parent_of(path.removeprefix(f"{wrapper}/") if wrapper else path, top) as (parent, name),
            os.fdopen(os.open(name, NEW_FILE, 0o600, dir_fd=parent), "wb") as file,
        ):
            for place, piece in stream.pieces():
                file.seek(place)
                file.write(piece)
            file.flush()
            os.ftruncate(file.fileno(), entry.size)
            os.fchmod(file.fileno(), entry.mode)
            os.utime(file.fileno(), (entry.mtime, entry.mtime))


def _make_links(tree: Tree, top: int) -> None:
    for path, source in tree.sources.items():
        with parent_of(source, top) as (source_parent, source_name), parent_of(path, top) as (parent, name):
            os.link(source_name, name, src_dir_fd=source_parent, dst_dir_fd=parent, follow_symlinks=False)
    for path, target in tree.links().items():
        with parent_of(path, top) as (parent, name):
            os.symlink(target, name, dir_fd=parent)


def _set_modes_and_times(tree: Tree, top: int) -> None:
    """Set the times of links, and the modes and times of folders, the inner ones first.

    The mode of an outer folder may lock its owner out, and making something in a folder changes its time.
    """
    times = tree.times()
    for path in tree.links():
        with parent_of(path, top) as (parent, name):
            os.utime(name, (times[path], times[path]), dir_fd=parent, follow_symlinks=False)
    for path, mode in reversed(tree.folders()):
        with parent_of(path, top) as (parent, name):
            inner = os.open(name, FOLDER, dir_fd=parent)
            try:
                os.fchmod(inner, mode)
                if path in times:
                    os.utime(inner, (times[path], times[path]))
            finally:
                os.close(inner)
