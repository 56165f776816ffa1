"""The folders of kernel modules in an image root."""

from pathlib import Path

from builder.pod.image_root.boot_files import resolve_in_root


def module_versions(root: Path) -> list[str]:
    """Return the versions of the kernels that a root has modules of."""
    try:
        folder = resolve_in_root(root, "lib/modules")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / "modules.dep").is_file())


def folders_of_modules(root: Path) -> list[str]:
    """Return the versions that /lib/modules has a folder of, also without modules in it."""
    try:
        folder = resolve_in_root(root, "lib/modules")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.is_symlink())
