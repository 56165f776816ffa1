"""Unpacks an archive: reads it once to check everything, and again to write it.

The rule: nothing is written before the whole archive was checked, symbolic links are made after all files, and every
path is opened folder by folder without following links.
"""

import os
from collections.abc import Callable
from pathlib import Path

from ingest.folders import FOLDER, NEW_FILE, parent_of
from ingest.limits import Limits
from ingest.names import tree_path
from ingest.tar_stream import Kind, TarStream
from ingest.tree import Tree, planned


def unpack(archive: str, folder: str, limits: Limits, check: Callable[[Tree], None]) -> None:
    """Unpack `archive` into `folder`, an empty folder.

    Modes and modification times are kept. Owners and extended attributes are not: later steps set the owners.

    Args:
        archive: The archive.
        folder: The folder to unpack into.
        limits: The limits on its content.
        check: Refuses a tree that lacks what the caller needs.

    Raises:
        BadInput: The archive is refused; nothing was written.
    """
    with Path(archive).open("rb") as file:
        tree, wrapper = planned(TarStream(file, limits), limits)
        check(tree)
        top = os.open(folder, FOLDER)
        try:
            _make_folders(tree, top)
            _write_files(TarStream(file, limits), wrapper, top)
            _make_links(tree, top)
            _set_folder_modes(tree, top)
        finally:
            os.close(top)


def _make_folders(tree: Tree, top: int) -> None:
    for path, _ in tree.folders():
        with parent_of(path, top) as (parent, name):
            os.mkdir(name, 0o700, dir_fd=parent)


def _write_files(stream: TarStream, wrapper: str, top: int) -> None:
    for entry in stream:
        if entry.kind is not Kind.FILE:
            continue
        path = tree_path(entry.name)
        with (
            parent_of(path.removeprefix(f"{wrapper}/") if wrapper else path, top) as (parent, name),
            os.fdopen(os.open(name, NEW_FILE, 0o600, dir_fd=parent), "wb") as file,
        ):
            for chunk in stream.chunks():
                file.write(chunk)
            file.flush()
            os.fchmod(file.fileno(), entry.mode)
            os.utime(file.fileno(), (entry.mtime, entry.mtime))


def _make_links(tree: Tree, top: int) -> None:
    for path, source in tree.sources.items():
        with parent_of(source, top) as (source_parent, source_name), parent_of(path, top) as (parent, name):
            os.link(source_name, name, src_dir_fd=source_parent, dst_dir_fd=parent, follow_symlinks=False)
    for path, target in tree.links().items():
        with parent_of(path, top) as (parent, name):
            os.symlink(target, name, dir_fd=parent)


def _set_folder_modes(tree: Tree, top: int) -> None:
    """Set the modes of the folders, the inner ones first: the mode of an outer one may lock its owner out."""
    for path, mode in reversed(tree.folders()):
        with parent_of(path, top) as (parent, name):
            inner = os.open(name, FOLDER, dir_fd=parent)
            os.fchmod(inner, mode)
            os.close(inner)
