"""The key that opens a job's shell: the job's record has a copy, so that the record of the key may be deleted."""

from errors import BadInput
from storage.models.jobs import Job
from storage.models.records import PublicKey
from storage.models.ssh_keys import SshKey, parse_public_key
from storage.records.catalogue import Catalogue


def ssh_key_of(record: PublicKey) -> SshKey:
    """Return the SSH key of a record.

    Raises:
        BadInput: The shells do not take it: it was registered elsewhere, or before that was checked.
    """
    return _parsed(record.public_key, f"{record.id} ({record.name})")


def ssh_key_of_job(catalogue: Catalogue, job: Job) -> SshKey:
    """Return the SSH key that opens the shells of a job.

    Raises:
        NotFound: The job has no copy of its key, and there is no such key.
        BadInput: As `ssh_key_of`.
    """
    if job.public_key:
        return _parsed(job.public_key, job.public_key_id)
    return ssh_key_of(catalogue.public_keys.available(job.public_key_id))


def _parsed(text: str, name: str) -> SshKey:
    try:
        return parse_public_key(text)
    except ValueError as error:
        raise BadInput(
            f"public key {name} {error}", resolution="register another one, and name that in the job"
        ) from error
