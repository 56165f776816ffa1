"""Names the files that other systems put into folders and archives beside what a user made.

The rule: they are left out when packing and when unpacking, and every caller says so.
"""

from collections.abc import Sequence

from ingest.names import shown

# macOS: AppleDouble files of bsdtar and of foreign file systems, those of its Finder and its volumes, and the folder in
# its zip files.
_APPLE_DOUBLE = "._"
_MACOS = {
    *(".ds_store", ".appledouble", "__macosx", "icon\r", ".spotlight-v100", ".trashes", ".fseventsd"),
    *(".temporaryitems", ".documentrevisions-v100", ".apdisk", ".localized"),
}
_WINDOWS = {"thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"}
_MOST_LISTED = 5


def is_leftover(path: str) -> bool:
    """Return whether a path is that of a file of another system, or leads through a folder of one."""
    return any(part.startswith(_APPLE_DOUBLE) or part.lower() in _MACOS | _WINDOWS for part in path.split("/"))


def left_out(paths: Sequence[str]) -> str:
    """Return the one line that says what was left out; `""` when nothing was."""
    if not paths:
        return ""
    listed = ", ".join(map(shown, paths[:_MOST_LISTED])) + (", …" if len(paths) > _MOST_LISTED else "")
    return f"left out files of other systems ({len(paths)}): {listed}"
