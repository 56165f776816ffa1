"""`ims public-keys`: the SSH public keys that jobs name."""

from pathlib import Path
from typing import Annotated

import typer

from cli.deletions import add_deletion
from cli.output import Columns, FormatOption, print_record, print_records
from config.files import read_file
from errors import BadInput
from storage.models.kinds import RecordKind
from storage.models.records import NewPublicKey, PublicKey

app = typer.Typer(help="SSH public keys that open the shell of a job.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda key: key.id,
    "name": lambda key: key.name,
    "type": lambda key: "".join(key.public_key.split()[:1]),
}
# The largest RSA keys in use have about 3 kB.
LARGEST_KEY_FILE_BYTES = 64 * 1024

add_deletion(app, RecordKind.PUBLIC_KEY)


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is called in lists.")],
    public_key: Annotated[Path, typer.Option(help="File with one SSH public key, such as ~/.ssh/id_ed25519.pub.")],
    output: FormatOption = None,
) -> None:
    """Register an SSH public key."""
    from storage.records.catalogue import catalogue

    wanted = NewPublicKey(name=name, public_key=_text(public_key))
    print_record(catalogue().public_keys.create(PublicKey(**wanted.model_dump())), output)


@app.command("list")
def list_keys(output: FormatOption = None) -> None:
    """List the public keys."""
    from storage.records.catalogue import catalogue

    print_records(catalogue().public_keys.list(), COLUMNS, output)


@app.command("describe")
def describe(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    output: FormatOption = None,
) -> None:
    """Show one public key."""
    from storage.records.catalogue import catalogue

    print_record(catalogue().public_keys.available(key_id), output)


def _text(file: Path) -> str:
    content = read_file(file, "the public key file", LARGEST_KEY_FILE_BYTES)
    try:
        return content.decode()
    except UnicodeDecodeError:
        # Not as the cause: it quotes the file, which may be a private key.
        raise BadInput(
            f"the public key file {file} is not an SSH public key: it is not text in UTF-8",
            resolution="give the .pub file that ssh-keygen has written",
        ) from None
