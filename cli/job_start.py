"""Starting a job: what its options mean; its rules are those of every way in (flows/job_start.py)."""

from itertools import zip_longest
from typing import Any

from cli.booleans import boolean
from cli.door import door
from cli.names import record_id
from cli.scripts import uploaded, uploaded_playbook
from errors import BadInput
from storage.models.jobs import Job, JobType
from storage.models.kinds import RecordKind
from storage.models.shells import CUSTOMIZE


def ssh_containers(names: str, jails: str, *, jail: bool) -> list[dict[str, Any]]:
    """Return the shells that the user asks for.

    Args:
        names: Their names, separated by commas, the way `cray ims` writes them.
        jails: `true` or `false` for each of them.
        jail: Whether a shell is jailed for which `jails` has no value.
    """
    if not names and not jails:
        return [{"name": CUSTOMIZE, "jail": True}] if jail else []
    shells = []
    for name, jailed in zip_longest(names.split(",") if names else [], jails.split(",") if jails else []):
        said = jail if jailed is None else boolean(jailed)
        if said is None:
            raise BadInput(f"--ssh-containers-jail is {jailed}", resolution="it is true or false")
        shells.append({"name": name or CUSTOMIZE, "jail": said})
    return shells


def unattended(script: str, playbook: str, entry: str, *, rebuild_initrd: bool) -> dict[str, Any]:
    """Return the fields of a job that runs a script or a playbook, after uploading the files that they name.

    Args:
        script: A script, archive or folder of this machine, or its address in S3.
        playbook: A playbook, archive or folder, or its address.
        entry: The file in it to begin with.
        rebuild_initrd: Whether the initrd is made again in any case.
    """
    if script and playbook:
        raise BadInput("--script and --playbook are both given", resolution="a job runs one of them: start two")
    fields: dict[str, Any] = {}
    if script:
        fields["script"] = uploaded(script)
    if playbook:
        fields["playbook"], entry = uploaded_playbook(playbook, entry)
    if entry:
        fields["script_entry"] = entry
    if rebuild_initrd:
        fields["rebuild_initrd"] = True
    return fields


def start(job_type: JobType, fields: dict[str, Any]) -> tuple[Job, str]:
    """Start a job, and return it with the address of its run; recipe, image and key may be given by name.

    Raises:
        BadInput, NotFound, Conflict: The job cannot succeed; the message says why.
    """
    of = RecordKind.RECIPE if job_type is JobType.CREATE else RecordKind.IMAGE
    fields["artifact_id"] = record_id(of, fields["artifact_id"])
    fields["public_key_id"] = record_id(RecordKind.PUBLIC_KEY, fields["public_key_id"])
    return door().start_job(job_type, fields)
