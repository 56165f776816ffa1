"""The inspection of a finished image root: every check, each finding with its weight."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from builder.contract.inspection import WEIGHTS, Finding, Inspection, Weight
from builder.contract.options import Options
from builder.pod.image_root.boot_choice import BootFiles, NoBootFile, choose_boot_files
from builder.pod.image_root.package_links import note_links
from builder.pod.inspection.boot import check_boot, check_init, check_initrd_content
from builder.pod.inspection.configuration import check_fstab, check_left_behind, check_machine_id
from builder.pod.inspection.folders import check_closed, check_links, check_writable
from builder.pod.inspection.found import Found
from builder.pod.inspection.secrets import check_credentials, check_keys
from builder.pod.inspection.walk import walk
from builder.pod.step import StepFailed

# A record, which many jobs share a document with, holds them.
_LONGEST = 600


def inspect_root(root: Path, options: Options, parameters: str = "") -> Inspection:
    """Inspect a root that is to be packed.

    Args:
        root: The image root; nothing is lent to it.
        options: The job's.
        parameters: The kernel parameters of the image that was customized.
    """
    seen = walk(root)
    found = [
        *_check_boot_files(root, options),
        *check_basics(root, options, parameters),
        *check_writable(root, seen.writable),
        *check_keys(root, seen.keys),
        *check_credentials(root),
        *check_machine_id(root),
        *check_fstab(root),
        *check_left_behind(root),
    ]
    return Inspection(weighed(found, options.weights), seen.entries)


def inspect_open_root(root: Path, options: Options, files: BootFiles | None, parameters: str = "") -> Inspection:
    """Inspect a root that a shell is open in, without looking at all of it: only what may be an error.

    Args:
        root: The image root, ready for programs that run in it.
        options: The job's.
        files: The kernel and the initrd; None when the initrd is still to be made.
        parameters: The kernel parameters of the image that is customized.
    """
    note_links(root)
    found = [
        *(check_boot(root, files) if files else ()),
        *check_basics(root, options, parameters),
        *check_writable(root, []),
    ]
    return Inspection(weighed(found, options.weights))


def check_basics(root: Path, options: Options, parameters: str) -> Iterator[Found]:
    """Check what every image needs."""
    yield from check_links(root)
    yield from check_init(root, options, parameters)
    yield from check_closed(root)


def weighed(found: list[Found], weights: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings with their weights, errors first; those that are ignored are left out."""
    findings = [Finding(each.name, _weight(each.name, weights), _line(each.what), _line(each.advice)) for each in found]
    kept = [each for each in findings if each.weight != Weight.IGNORED]
    return tuple(sorted(kept, key=lambda each: each.weight != Weight.ERROR))


def fail_for(inspection: Inspection) -> None:
    """Fail when there is an error among the findings.

    Raises:
        StepFailed: There is; the first one's advice is its.
    """
    if errors := inspection.errors:
        raise StepFailed("; ".join(each.what for each in errors), advice=errors[0].advice)


def _check_boot_files(root: Path, options: Options) -> Iterator[Found]:
    try:
        files = choose_boot_files(root, options)
    except NoBootFile as missing:
        yield Found("boot-files", str(missing), missing.advice)
    else:
        yield from check_boot(root, files)
        yield from check_initrd_content(root, files)


def _weight(name: str, weights: Mapping[str, str]) -> str:
    # Without a kernel nothing can be packed.
    return weights.get(name, WEIGHTS[name]) if name != "boot-files" else Weight.ERROR


def _line(text: str) -> str:
    plain = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
