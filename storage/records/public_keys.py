"""The key that a job's shell is opened with, as its record has it."""

from errors import BadInput
from storage.models.records import PublicKey
from storage.models.ssh_keys import SshKey, parse_public_key


def ssh_key_of(record: PublicKey) -> SshKey:
    """Return the SSH key of a record.

    Raises:
        BadInput: The shells do not take it: it was registered elsewhere, or before that was checked.
    """
    try:
        return parse_public_key(record.public_key)
    except ValueError as error:
        raise BadInput(
            f"public key {record.id} ({record.name}) {error}",
            resolution="register another one, and name that in the job",
        ) from error
