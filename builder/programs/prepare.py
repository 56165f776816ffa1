"""The pod that builds an image root: fetch the context, run `kiwi-ng system prepare`, leave the root in the workspace.

Safe to run again: a root that is ready is kept, one that is partially built is removed first. kiwi mounts /dev and
runs package scripts that may write to it: it must only run in a pod.
"""

import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from builder.contract.inputs import PrepareInput
from builder.contract.options import KiwiOptions
from builder.pod.child import run
from builder.pod.closed_networks import close_networks
from builder.pod.context import Context, fetch
from builder.pod.image_root.mounts import kernel_file_systems, unmount_below
from builder.pod.image_root.package_links import note_links
from builder.pod.image_root.root import is_prepared, note_prepared, remove_root
from builder.pod.kiwi.command import kiwi_version, prepare_command
from builder.pod.kiwi.credentials import Credentials, Mask, at_hand, fetch_credentials
from builder.pod.kiwi.image_scripts import make_missing_initrd, run_images_script
from builder.pod.kiwi.left_in_root import refuse_credentials
from builder.pod.kiwi.log import KiwiLog
from builder.pod.kiwi.old_functions import functions_file, make_harmless, warnings_of_scripts
from builder.pod.kiwi.overlay import before_each_copy
from builder.pod.kiwi.recipe_scripts import RecipeScripts
from builder.pod.kiwi.repositories import adapt
from builder.pod.kiwi.signatures import accept_only
from builder.pod.kiwi.trust import trust, trust_in_root
from builder.pod.lease import run_in_workspace
from builder.pod.step import StepFailed, end_with, say, workspace
from builder.pod.unsynced import unsynced

_KIWI_CACHE = Path("/var/cache/kiwi")
# Of zypper and dnf, and of APT (kiwi/repository).
_REPOSITORY_FOLDERS = ("repos", "sources.list.d")


def prepare() -> None:
    """Build the image root of the job's context, unless it is there already."""
    here, asked = workspace(), PrepareInput.from_environment(os.environ)
    sha256 = asked.context.sha256
    prepared, root = here / "prepared.json", here / "root"
    if is_prepared(here, context_sha256=sha256):
        say("the image root is ready: nothing to do")
        return
    prepared.unlink(missing_ok=True)
    remove_root(root)
    context = fetch(asked.context, here / "context")
    credentials = fetch_credentials(asked.credentials_url)
    try:
        with at_hand(credentials):
            build_root(context, root, credentials)
    finally:
        unmount_below(root)
        _forget_repositories(here / "downloads")
    note_prepared(here, context_sha256=sha256)
    say("the image root is ready")


def build_root(context: Context, root: Path, credentials: Sequence[Credentials] = ()) -> None:
    """Run kiwi, and those scripts of a description that kiwi would run in its later steps.

    Raises:
        StepFailed: kiwi or a script of the description failed.
    """
    options, description = context.options, context.description
    if options.arch != platform.machine():
        raise StepFailed(f"the image is for {options.arch}, and this machine is {platform.machine()}")
    of_kiwi = options.kiwi or KiwiOptions()
    deferred = of_kiwi.package_manager == "apt"
    close_networks()
    trust(context.certificates)
    if deferred:
        trust_in_root(context.certificates, description)
    adapt(description, of_kiwi)
    # Package scripts would make an initrd that the description's own scripts make again: 15 s of 66.
    environment = {"INITRD": "No"} if deferred else {}
    programs = root.parent / "programs"
    environment |= before_each_copy(programs, description)
    _keep_downloads_in(root.parent / "downloads")
    accept_only(context.signing_keys)
    if functions := functions_file():
        make_harmless(functions)
    mask = Mask(credentials)
    log, log_file = KiwiLog(mask), root.parent / "kiwi.log"
    command = prepare_command(
        description,
        root,
        log_file=log_file,
        config=context.kiwi_config,
        profiles=of_kiwi.profiles,
        # kiwi 9.24 passes its own name of it to apt-get, which does not know that name.
        target_arch="" if deferred else options.arch,
        bootstrap_packages=context.bootstrap_packages,
        signing_keys=[*context.bootstrap_keys, *context.signing_keys],
        options=of_kiwi.kiwi_options,
    )
    say(f"building the image root with kiwi-ng {kiwi_version()}")
    try:
        with RecipeScripts(programs, lambda line: say(mask(line))) as scripts:
            exit_code = run(unsynced(command), environment=environment, on_line=log)
    finally:
        log.mask(log_file)
    for warning in warnings_of_scripts(root):
        say(mask(warning))
    if exit_code and scripts.failure:
        raise StepFailed(mask(str(scripts.failure)), advice=f"correct {scripts.failure.name} in the recipe")
    if exit_code:
        log.show_end_of(log_file)
        said = f"kiwi-ng system prepare failed: {log.error or f'exit code {exit_code}'}"
        cause = log.cause(log_file)
        raise StepFailed(f"{cause.what}: {said}", advice=cause.advice) if cause else StepFailed(said)
    run_images_script(root, lambda line: say(mask(line)))
    if deferred:
        make_missing_initrd(root)
    with kernel_file_systems(root):
        note_links(root)
    refuse_credentials(root, credentials)


def _forget_repositories(downloads: Path) -> None:
    # kiwi's repository files of the build may hold credentials, which must not be seen in a kept workspace.
    for name in _REPOSITORY_FOLDERS:
        for files in downloads.glob(f"*/{name}"):
            shutil.rmtree(files, ignore_errors=True)


def _keep_downloads_in(folder: Path) -> None:
    # They belong on the workspace's volume, not in the container's own layer; another attempt finds them there.
    folder.mkdir(exist_ok=True)
    if not _KIWI_CACHE.is_symlink():
        with suppress(FileNotFoundError):
            _KIWI_CACHE.rmdir()
        _KIWI_CACHE.symlink_to(folder)


if __name__ == "__main__":
    end_with(run_in_workspace(prepare))
