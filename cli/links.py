"""The options that name an object of S3 as `cray ims` does: `--link-type --link-path --link-etag`."""

from typing import Annotated

import typer

from errors import BadInput

LinkType = Annotated[str, typer.Option(help="Always s3.")]
LinkEtag = Annotated[str, typer.Option(help="The etag it must have; its present one when left out.")]


def link_of(path: str, etag: str, link_type: str) -> dict[str, str] | None:
    """Return the link that the options name, which its model checks; None when they name none."""
    if path:
        return {"path": path, "etag": etag, "type": link_type or "s3"}
    if etag:
        raise BadInput("--link-etag is given without --link-path", resolution="give the object's path, too")
    return None
