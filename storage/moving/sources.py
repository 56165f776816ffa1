"""Where the records of an IMS are read from: its data files, an export of docs-csm's script, or its API."""

import json
import lzma
import re
import ssl
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from errors import BadInput, Denied, Unreachable
from storage.moving.collections import PLACES, Foreign, Place

EXPORT = "export.json"
# 10,000 records take 10 MB.
LARGEST_BYTES = 1 << 30
SECONDS = 300.0
_READ_BYTES = 1 << 20


def read_folder(folder: Path) -> list[Foreign]:
    """Read a folder: the data files of an IMS, or an export that is no tar archive.

    Of several files of one list the newest version counts, as for IMS.

    Raises:
        BadInput: There is no such file, or one of them is not a list of records.
    """
    if (folder / EXPORT).is_file():
        return _exported(_read(folder / EXPORT), str(folder / EXPORT))
    files = {place: file for place in PLACES if (file := _newest(folder, place))}
    if not files:
        names = ", ".join(place.file_name for place in PLACES[:3])
        raise BadInput(
            f"{folder} holds no data files of IMS ({names}, …) and no {EXPORT}",
            resolution="copy /var/ims/data from the pod of IMS, or name the tar archive of an export",
        )
    return [each for place, file in files.items() for each in _listed(place, _json(_read(file), str(file)), str(file))]


def read_archive(archive: Path) -> list[Foreign]:
    """Read the records in the tar archive of an export; nothing is unpacked.

    Raises:
        BadInput: It is not such an archive.
    """
    text: bytes | None = None
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if text is None and member.name.removeprefix("./") == EXPORT and member.isfile():
                    text = _member(tar, member)
            # The checksum of a compressed archive stands at its end: what was read before is proven only there.
            while tar.fileobj is not None and tar.fileobj.read(_READ_BYTES):
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise BadInput(f"{archive} is not a tar archive, or not whole: {error}") from error
    if text is not None:
        return _exported(text, f"{archive}: {EXPORT}")
    raise BadInput(f"{archive} holds no {EXPORT}", resolution="name an archive that ims-import-export.py has written")


def read_service(url: str, *, token: str = "", authorities: Path | None = None) -> list[Foreign]:
    """Read the lists of a running IMS by its API.

    Args:
        url: Its address, up to the version: `https://api-gw.example/apis/ims`.
        token: Sent as a bearer token; empty: none.
        authorities: A file with the certificates that its own is checked against; None: those of this host.

    Raises:
        Unreachable: It does not answer.
        Denied: It refuses the token.
        BadInput: It is no IMS, or the file holds no certificates.
    """
    try:
        verify = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise BadInput(f"{authorities} holds no certificates in PEM form: {error}") from error
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    found: list[Foreign] = []
    try:
        with httpx.Client(headers=headers, verify=verify, timeout=SECONDS, follow_redirects=True) as client:
            for place in PLACES:
                address = f"{url.rstrip('/')}/v3/{place.path}"
                found += _listed(place, _answered(client.get(address), address), address)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(f"{url} does not answer: {error}", resolution="see whether the address is right") from error
    return found


def _answered(answer: httpx.Response, address: str) -> Any:
    if answer.status_code in {401, 403}:
        raise Denied(
            f"{address} refuses us ({answer.status_code})", resolution="name a file with a token: --token-file"
        )
    if answer.status_code >= 500:
        raise Unreachable(f"{address} answers {answer.status_code}")
    if answer.status_code != 200:
        # An older IMS has no remote build nodes.
        if answer.status_code == 404 and address.endswith(PLACES[-1].path):
            return []
        raise BadInput(f"{address} answers {answer.status_code}", resolution="end the address before /v3")
    return _json(answer.content, address)


def _newest(folder: Path, place: Place) -> Path | None:
    pattern = re.compile(rf"v(\d+)(?:\.(\d+))?_{place.collection}\.json")
    found = [
        (int(match[1]), int(match[2] or 0), file)
        for file in folder.iterdir()
        if (match := pattern.fullmatch(file.name)) and file.is_file()
    ]
    return max(found)[2] if found else None


def _read(file: Path) -> bytes:
    if file.stat().st_size > LARGEST_BYTES:
        raise BadInput(f"{file} has more than {LARGEST_BYTES >> 20} MiB")
    return file.read_bytes()


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > LARGEST_BYTES:
        raise BadInput(f"{member.name} has more than {LARGEST_BYTES >> 20} MiB")
    content = tar.extractfile(member)
    return content.read() if content else b""


def _json(text: bytes, where: str) -> Any:
    if not text.strip():
        raise BadInput(
            f"{where} is empty", resolution="IMS leaves it so when it is killed while it writes: take a copy"
        )
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is not JSON: {error}") from error


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        # A record whose id is there twice would be lost.
        twice = next(name for number, (name, _) in enumerate(members) if name in dict(members[:number]))
        raise ValueError(f"it names {twice!r} twice")
    return found


def _exported(text: bytes, where: str) -> list[Foreign]:
    document = _json(text, where)
    data = document.get("ims_data") if isinstance(document, Mapping) else None
    if not isinstance(data, Mapping):
        raise BadInput(f'{where} has no object "ims_data"', resolution="name an export of ims-import-export.py")
    found: list[Foreign] = []
    for place in PLACES:
        holder = data.get("deleted") if place.deleted else data
        name = place.kind.documents.replace("-", "_")
        listed = holder.get(name) if isinstance(holder, Mapping) else None
        found += _listed(place, [] if listed is None else listed, f"{where}, {place.collection}")
    return found


def _listed(place: Place, value: Any, where: str) -> Iterator[Foreign]:
    """Give the records of a list, or of a map from ids to records."""
    records = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise BadInput(f"{where} is not a list of records")
    for number, fields in enumerate(records, 1):
        yield Foreign(place, fields, f"{where}, record {number}")
