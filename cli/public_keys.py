"""`ims public-keys`: the SSH public keys that jobs name."""

from pathlib import Path
from typing import Annotated

import typer

from cli.deletions import add_deletion
from cli.door import door
from cli.examples import examples
from cli.names import record_id
from cli.output import Columns, FormatOption, print_record, print_records
from cli.selection import Limit, NameFilter, Order, Sort, selected
from config.files import read_file
from errors import BadInput
from storage.models.kinds import RecordKind
from storage.models.records import NewPublicKey

app = typer.Typer(help="SSH public keys that open the shell of a job.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda key: key.id,
    "name": lambda key: key.name,
    "type": lambda key: "".join(key.public_key.split()[:1]),
}
# The largest RSA keys in use have about 3 kB.
LARGEST_KEY_FILE_BYTES = 64 * 1024

add_deletion(app, RecordKind.PUBLIC_KEY)


@app.command("create", epilog=examples("ims public-keys create --name me --public-key ~/.ssh/id_ed25519.pub"))
def create(
    name: Annotated[str, typer.Option(help="What the key is called in lists.")],
    public_key: Annotated[Path, typer.Option(help="File with one SSH public key, such as ~/.ssh/id_ed25519.pub.")],
    output: FormatOption = None,
) -> None:
    """Register an SSH public key."""
    wanted = NewPublicKey(name=name, public_key=_text(public_key))
    print_record(door().create_public_key(wanted), output)


@app.command("list", epilog=examples("ims public-keys list", "ims public-keys list --name me --format json"))
def list_keys(
    name: NameFilter = "",
    sort: Sort = Order.CREATED,
    limit: Limit = None,
    output: FormatOption = None,
) -> None:
    """List the public keys."""
    print_records(selected(door().list(RecordKind.PUBLIC_KEY), name, sort, limit), COLUMNS, output)


@app.command("describe", epilog=examples("ims public-keys describe me"))
def describe(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key: its id, the beginning of that, or its name.")],
    output: FormatOption = None,
) -> None:
    """Show one public key."""
    print_record(door().get(RecordKind.PUBLIC_KEY, record_id(RecordKind.PUBLIC_KEY, key_id)), output)


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
