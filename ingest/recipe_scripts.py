"""The scripts of a recipe that run in its image's root: each is checked before an hour of packages."""

from pathlib import Path

from ingest.recipe_files import read_text, real_path
from ingest.shell_script import check_script

# kiwi/defaults.py and kiwi/system/setup.py: what kiwi runs of a description by its name.
SCRIPTS = (
    *("config.sh", "config-overlay.sh", "config-host-overlay.sh", "images.sh", "post_bootstrap.sh"),
    *("pre_disk_sync.sh", "disk.sh"),
)


def check_scripts(folder: str, top: int) -> None:
    """Check the scripts that a recipe has.

    Args:
        folder: The recipe's folder.
        top: The same, opened.

    Raises:
        BadInput: One cannot run as it is; file and line are named.
    """
    for name in SCRIPTS:
        if Path(folder, name).is_file():
            text, mode = read_text(real_path(name, folder), top, name)
            check_script(text, name, executable=bool(mode & 0o111))
