"""The pod that inspects an image root and makes artifacts of it: rootfs, kernel, initrd and any boot parameters.

It hands in their sizes and checksums (builder/contract/package.py). Safe to run again: a rootfs that is packed is not
packed again.
"""

import os
import shutil
from pathlib import Path

from builder.contract.inputs import PackageInput
from builder.contract.package import Package
from builder.pod.checksums import measure
from builder.pod.context import Context
from builder.pod.image_root.boot_choice import choose_boot_files, shown_in_root
from builder.pod.image_root.boot_files import find_optional
from builder.pod.image_root.root import drop_rootfs, image_root
from builder.pod.image_root.squashfs import identity, pack
from builder.pod.inspection.inspection import fail_for, inspect_root
from builder.pod.lease import run_in_workspace
from builder.pod.step import StepFailed, end_with, say, workspace
from builder.pod.transfer.objects import write


def package() -> None:
    """Package the workspace's image root and hand in the result."""
    here, asked = workspace(), PackageInput.from_environment(os.environ)
    if not (here / "prepared.json").exists():
        raise StepFailed("the workspace holds no finished image root")
    drop_rootfs(here)
    context = Context(here / "context")
    with image_root(here) as root:
        inspect(root, context, asked.inspection_url)
        result = package_root(here, context)
    write(asked.result_url, result.to_json())
    for artifact in result.artifacts:
        say(f"{artifact.name}: {artifact.size} bytes, sha256 {artifact.sha256}")


def inspect(root: Path, context: Context, url: str) -> None:
    """Inspect the root before it is packed, and hand in what was found.

    Raises:
        StepFailed: An error was found.
    """
    parameters = context.boot_parameters
    say("inspecting the image root")
    inspection = inspect_root(root, context.options, parameters.read_text(errors="replace") if parameters else "")
    if url:
        write(url, inspection.to_json())
    for finding in inspection.findings:
        say(f"inspection: {finding.weight}: {finding.what}")
    errors = len(inspection.errors)
    counted = f"errors: {errors}, warnings: {len(inspection.findings) - errors}"
    say(f"inspected the image root: {inspection.entries} files, folders and links, {counted}")
    fail_for(inspection)


def package_root(here: Path, context: Context) -> Package:
    """Make the artifacts and return the result.

    Args:
        here: The workspace: `root` and `prepared.json` in it, `artifacts` made by this.
        context: What the job asks for.

    Raises:
        StepFailed: The root has no kernel or initrd, or it cannot be packed.
    """
    options = context.options
    root, artifacts = here / "root", here / "artifacts"
    artifacts.mkdir(exist_ok=True)
    # Another user uploads them, and some storage makes a volume for its owner alone.
    here.chmod(here.stat().st_mode | 0o011)
    # Packing takes longest, so what may be missing is looked for first.
    chosen = choose_boot_files(root, options)
    parameters = find_optional(root, options.kernel_parameters_file_name) or context.boot_parameters
    files = {"kernel": _not_empty(root, chosen.kernel), "initrd": _not_empty(root, chosen.initrd)}
    if parameters:
        files["boot_parameters"] = parameters
    for name, file in files.items():
        shutil.copyfile(file, artifacts / name)
    for note in chosen.notes:
        say(note)
    prepared = identity(here / "prepared.json")
    pack(root, artifacts / "rootfs", options.squashfs, options.epoch, root_is=prepared, left_out=options.left_out)
    measured = tuple(measure(artifacts / name) for name in ("rootfs", *files))
    return Package(measured, chosen.kernel.name, chosen.notes)


def _not_empty(root: Path, file: Path) -> Path:
    if not file.stat().st_size:
        raise StepFailed(f"{shown_in_root(root, file)} in the image root is empty")
    return file


if __name__ == "__main__":
    end_with(run_in_workspace(package))
