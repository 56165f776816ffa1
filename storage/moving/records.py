"""A record of an IMS as a record of ours: with its id, its link, its times, and all fields."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from config.refusals import refusals_of
from errors import BadInput, ImsError
from storage.models.jobs import Job
from storage.models.kinds import RecordKind
from storage.models.layout import DELETED_PREFIX
from storage.models.manifest import MANIFEST_NAME
from storage.models.records import Collection, Image, Journal, Link, Move, Recipe, Record
from storage.models.remote_build_nodes import node_id
from storage.moving.collections import FIELDS, Foreign
from storage.records.images import manifest_at
from storage.records.store import WRITERS
from storage.s3.addresses import uri_of
from storage.s3.object_info import MD5SUM
from storage.s3.objects import ObjectStore

_NULLS = {"template_dictionary": list, "metadata": dict, "ssh_containers": list}
_SHELL_ENDED = "ended"


def record_of(foreign: Foreign, store: ObjectStore) -> Record:
    """Return what is stored of a record of an IMS. Fields that neither it nor we know are kept.

    Raises:
        BadInput: It is no record, or a field has a value that cannot be.
    """
    if not isinstance(foreign.fields, Mapping):
        raise BadInput("it is not an object")
    kind = foreign.place.kind
    fields = _taken(foreign.fields, kind)
    if kind is RecordKind.REMOTE_BUILD_NODE:
        fields["id"] = node_id(str(fields.get("xname", "")))
    else:
        for name in ("id", "created"):
            if not fields.get(name):
                raise BadInput(f"it has no {name}")
    if kind is RecordKind.JOB:
        fields["ssh_containers"] = [_shell(each) for each in fields.get("ssh_containers", [])]
    if foreign.place.deleted:
        fields["deleted"] = foreign.fields.get("deleted")
        fields["collection"] = Collection.DELETED
    try:
        record = kind.model.model_validate(fields)
    except ValidationError as error:
        raise BadInput("; ".join(refusals_of(error, "it"))) from error
    _fail_if_it_would_change(record)
    return record.model_copy(update={"journal": _journal(record, store)}) if foreign.place.deleted else record


def links_of(record: Record) -> list[Link]:
    """Return the link of a record, if it has one."""
    link = record.link if isinstance(record, Image | Recipe) else None
    return [link] if link else []


def is_at_work(record: Record) -> bool:
    """Return whether a record is that of a job which has not ended: IMS works on it, and nobody here."""
    return isinstance(record, Job) and not record.status.is_final


def _taken(fields: Mapping[str, Any], kind: RecordKind) -> dict[str, Any]:
    ours = set(kind.model.model_fields) - set(FIELDS[kind]) | {WRITERS}
    taken = {name: value for name, value in fields.items() if name not in ours}
    # IMS leaves out what is not set, or writes null.
    for name, empty in _NULLS.items():
        if name in taken and taken[name] is None:
            taken[name] = empty()
    return {name: value for name, value in taken.items() if value is not None or name not in kind.model.model_fields}


def _fail_if_it_would_change(record: Record) -> None:
    """Refuse what our JSON cannot hold: half a character, NaN, a deep nesting, a time before all times."""
    try:
        stored = type(record).model_validate_json(json.dumps(record.model_dump(mode="json", warnings=False)))
        record.created.timestamp()
    except (ValueError, OverflowError, RecursionError) as error:
        said = "; ".join(refusals_of(error, "it")) if isinstance(error, ValidationError) else str(error)
        raise BadInput(f"it cannot be stored: {said}") from error
    if stored != record:
        names = {**dict(record), **(record.model_extra or {})}
        differ = sorted(name for name in names if getattr(stored, name) != getattr(record, name))
        raise BadInput(f"its {', '.join(differ)} cannot be stored as it is")


def _shell(shell: Any) -> Any:
    # Whatever it was when IMS wrote it: it is open no more.
    known = shell if isinstance(shell, Mapping) else {}
    return {"name": known.get("name"), "jail": bool(known.get("jail", False)), "status": _SHELL_ENDED}


def _journal(record: Record, store: ObjectStore) -> Journal:
    """Return the journal of a deleted record, by which it is restored: where its objects lie, and where they lay."""
    if isinstance(record, Recipe) and record.link:
        return _moved([record.link], store, lambda paths: paths[0])
    if isinstance(record, Image) and record.link:
        return _moved_image(record.link, store)
    return Journal()


def _moved_image(link: Link, store: ObjectStore) -> Journal:
    folder = link.key.rpartition("/")[0]
    manifest = Link(path=uri_of(link.bucket, f"{folder}/{MANIFEST_NAME}"))
    try:
        listed = [artifact.link for artifact in manifest_at(store, link.model_copy(update={"etag": ""}))[0].artifacts]
    except ImsError:
        listed = []
    return _moved([*listed, manifest], store, lambda paths: paths[-1])


def _moved(links: list[Link], store: ObjectStore, own: Callable[[list[str]], str]) -> Journal:
    moves, missing = [], []
    for link in links:
        original = uri_of(link.bucket, link.key.removeprefix(DELETED_PREFIX))
        found = store.find(link.path)
        if found is None:
            missing.append(original)
        elif original != link.path:
            md5 = found.metadata.get(MD5SUM, "")
            moves.append(Move(source=original, target=link.path, etag=found.etag, size=found.size, md5=md5))
    paths = [uri_of(link.bucket, link.key.removeprefix(DELETED_PREFIX)) for link in links]
    place = own(paths)
    etag = next((move.etag for move in moves if move.source == place), "")
    return Journal(link=Link(path=place, etag=etag), moves=moves, missing=missing)
