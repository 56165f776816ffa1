"""Choosing the kernel and the initrd of an image root that fit each other.

What the job names in /boot comes first. Otherwise a kernel of /boot or of /lib/modules/VERSION is taken: the only one,
or of several the newest that has modules and an initrd (Options.kernel_choice).
"""

from dataclasses import dataclass
from pathlib import Path

from builder.contract.options import NEWEST, Options
from builder.pod.image_root.boot_files import (
    INITRD,
    KERNEL,
    Found,
    find_optional,
    initrd_version,
    kernel_version,
    names_in_boot,
    resolve_in_root,
)
from builder.pod.image_root.kernel_modules import folders_of_modules, module_versions
from builder.pod.image_root.kernel_versions import newest
from builder.pod.step import StepFailed

_KERNELS_OF_MODULES = ("vmlinuz", "Image")
_INITRDS_OF_MODULES = ("initrd", "initrd.img", "initramfs.img")


class NoBootFile(StepFailed):
    """The root has no kernel or initrd, or no clear one.

    Args:
        message: What is missing.
        mend: A command that mends it in the root.
        advice: What to do about it outside of the root.
    """

    def __init__(self, message: str, *, mend: str, advice: str) -> None:
        super().__init__(message, advice=advice)
        self.mend = mend


@dataclass(frozen=True)
class BootFiles:
    """The kernel and the initrd that an image boots with.

    Args:
        kernel: The kernel.
        initrd: The initrd.
        version: The kernel's version as its file or folder is named; empty when no name has it.
        others: The versions of the other kernels of the root.
        notes: How they were found, where that needs a word.
    """

    kernel: Path
    initrd: Path
    version: str
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A file that may be taken, and its name in messages: in /boot, or else from the root on."""

    path: Path
    shown: str


def choose_boot_files(root: Path, options: Options) -> BootFiles:
    """Choose the kernel and the initrd.

    Args:
        root: The image root.
        options: The names in /boot, and which of several kernels is taken.

    Raises:
        NoBootFile: There is none, or no clear choice; the message lists what there is.
    """
    kernels, initrds = _kernels(root, options.kernel_name), _initrds(root)
    version, kernel = _kernel(root, options, kernels, initrds)
    initrd = _initrd(root, options, version, initrds)
    others = tuple(each for each in kernels if each != version)
    notes = tuple(each.note for each in (kernel, initrd) if each.note)
    return BootFiles(kernel.path, initrd.path, version, others, notes)


def choose_kernel(root: Path, options: Options) -> Path:
    """Choose the kernel that an initrd is to be made for.

    Raises:
        NoBootFile: There is none, or no clear choice; the message lists what there is.
    """
    return _kernel(root, options, _kernels(root, options.kernel_name), None)[1].path


def _kernel(
    root: Path, options: Options, kernels: dict[str, Candidate], initrds: dict[str, Candidate] | None
) -> tuple[str, Found]:
    """Return the version and the kernel to take: the one with the job's name, or the best of those with a version.

    Args:
        root: The image root.
        options: The job's.
        kernels: Those with a version.
        initrds: Those with a version; None when the initrd is still to be made.
    """
    if named := find_optional(root, options.kernel_name):
        return kernel_version(named), Found(named)
    place = f"/boot/{options.kernel_name}"
    if not kernels:
        there = ", ".join(names_in_boot(root)) or "nothing"
        raise NoBootFile(
            f"the image root has no kernel: there is no {place}; /boot holds {there}",
            mend="install a kernel package in the root",
            advice="add a kernel package to the recipe, or name the kernel's file in /boot as the job's kernel file",
        )
    pool = _usable(root, options, kernels, initrds)
    best = newest(pool)
    if len(kernels) > 1 and (options.kernel_choice != NEWEST or len(best) > 1):
        raise _unclear(place, [kernels[version] for version in kernels if len(best) == 1 or version in best])
    version = best[0]
    shown = kernels[version].shown
    if len(kernels) == 1:
        note = f"{place} is not in the image root: took the only kernel there is, {shown}"
    else:
        others = ", ".join(file.shown for other, file in kernels.items() if other != version)
        note = (
            f"{place} is not in the image root: of several kernels took {shown}, the newest that has modules and an "
            f"initrd; also there: {others}"
        )
    return version, Found(kernels[version].path, note)


def _usable(
    root: Path, options: Options, kernels: dict[str, Candidate], initrds: dict[str, Candidate] | None
) -> list[str]:
    """Return the versions of those kernels that fit the rest of the root best."""
    modules = set(module_versions(root))
    pool = [version for version in kernels if version in modules] or [*kernels]
    if initrds is None:
        return pool
    named = find_optional(root, options.initrd_file_name)
    wanted = initrd_version(named.name) if named else ""
    if wanted in pool:
        return [wanted]
    return pool if named else [version for version in pool if version in initrds] or pool


def _unclear(place: str, files: list[Candidate]) -> NoBootFile:
    shown = [file.shown for file in files]
    return NoBootFile(
        f"{place} is not in the image root and there are several kernels to choose from: {', '.join(shown)}",
        mend=f"ln -s {shown[-1]} {place}",
        advice=f"make one of them {place} (ln -s {shown[-1]} {place} in the recipe's config.sh), or name it as the "
        "job's kernel file",
    )


def _initrd(root: Path, options: Options, version: str, initrds: dict[str, Candidate]) -> Found:
    """Return the initrd: of the job's name, of the kernel's version, or the only one."""
    if named := find_optional(root, options.initrd_file_name):
        return Found(named)
    place = f"/boot/{options.initrd_file_name}"
    if version in initrds:
        own = initrds[version]
        return Found(own.path, f"{place} is not in the image root: took that of the kernel, {own.shown}")
    if len(initrds) == 1:
        [only] = initrds.values()
        return Found(only.path, f"{place} is not in the image root: took the only initrd there is, {only.shown}")
    if not initrds:
        there = ", ".join(names_in_boot(root)) or "nothing"
        raise NoBootFile(
            f"the image root has no initrd: there is no {place}; /boot holds {there}",
            mend=f"dracut --no-hostonly --force {place} {version or 'VERSION'}".strip(),
            advice="add dracut or initramfs-tools to the recipe, or name the initrd's file in /boot as the job's "
            "initrd file",
        )
    names, known = [file.shown for file in initrds.values()], version or "of no known version"
    raise NoBootFile(
        f"{place} is not in the image root and there are several to choose from, none of kernel {known}: "
        + ", ".join(names),
        mend=f"ln -s {names[-1]} {place}",
        advice=f"make one of them {place}, or name it as the job's initrd file",
    )


def _kernels(root: Path, name: str) -> dict[str, Candidate]:
    """Return the kernels with a version in their name, by it; one in /boot comes before one beside its modules."""
    found: dict[str, Candidate] = {}
    # On aarch64 both Image-… and vmlinuz-… may be there: the one with the name that the job gives comes first.
    for entry in sorted(names_in_boot(root), key=lambda entry: not entry.startswith(f"{name}-")):
        if KERNEL.versioned.fullmatch(entry) and find_optional(root, entry):
            found.setdefault(entry.partition("-")[2], Candidate(resolve_in_root(root, f"boot/{entry}"), entry))
    return _beside_modules(root, _KERNELS_OF_MODULES) | found


def _initrds(root: Path) -> dict[str, Candidate]:
    found = {
        initrd_version(entry): Candidate(resolve_in_root(root, f"boot/{entry}"), entry)
        for entry in names_in_boot(root)
        if INITRD.versioned.fullmatch(entry) and find_optional(root, entry)
    }
    return _beside_modules(root, _INITRDS_OF_MODULES) | found


def _beside_modules(root: Path, names: tuple[str, ...]) -> dict[str, Candidate]:
    """Return the files of such a name in /lib/modules, by the version of their folder."""
    found: dict[str, Candidate] = {}
    for version in folders_of_modules(root):
        folder = resolve_in_root(root, f"lib/modules/{version}")
        there = [folder / name for name in names if (folder / name).is_file() and not (folder / name).is_symlink()]
        if there:
            found[version] = Candidate(there[0], shown_in_root(root, there[0]))
    return found


def shown_in_root(root: Path, file: Path) -> str:
    """Return a file's path as programs in the root see it."""
    return f"/{file.relative_to(root)}"
