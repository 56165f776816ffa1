"""A plain service to compare with: records in memory, and one JSON file a collection that each change rewrites whole.

This reconstructs how the Cray Image Management Service keeps its records, with this project's web framework.
`python -m bench.plain_service FOLDER DESCRIPTOR` serves the records of FOLDER on a socket that listens already.
"""

import json
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import JSONResponse

from api.models.records import ImagePatch, SentImage

RECORDS, DELETED = "images.json", "deleted_images.json"


class Collection:
    """Records by id, as they are in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.records: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}

    def write(self) -> None:
        """Write the file again."""
        with self._file.open("w") as file:
            json.dump(self.records, file)


class Service:
    """The operations on images; each returns the answer.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self._present, self._deleted = Collection(folder / RECORDS), Collection(folder / DELETED)

    def list(self) -> Response:
        """List the images."""
        return JSONResponse([*self._present.records.values()])

    def get(self, record_id: str) -> Response:
        """Show one image."""
        return JSONResponse(self._found(record_id))

    def create(self, wanted: SentImage) -> Response:
        """Register an image."""
        fields = wanted.as_new().model_dump(mode="json")
        record = {"id": str(uuid4()), "created": datetime.now(UTC).isoformat(), **fields}
        self._present.records[record["id"]] = record
        self._present.write()
        return JSONResponse(record, 201)

    def change(self, record_id: str, changes: ImagePatch) -> Response:
        """Change an image."""
        record = self._found(record_id)
        if changes.metadata:
            record["metadata"][changes.metadata.key] = changes.metadata.value
        self._present.write()
        return JSONResponse(record)

    def delete(self, record_id: str) -> Response:
        """Delete an image so that it can be restored."""
        self._deleted.records[record_id] = self._found(record_id)
        del self._present.records[record_id]
        self._deleted.write()
        self._present.write()
        return Response(status_code=204)

    def _found(self, record_id: str) -> dict[str, Any]:
        if record_id not in self._present.records:
            raise HTTPException(404)
        return self._present.records[record_id]


def application(folder: Path) -> FastAPI:
    """Return the application."""
    app, service = FastAPI(), Service(folder)
    for method, path, operation in (
        ("GET", "/v3/images", service.list),
        ("POST", "/v3/images", service.create),
        ("GET", "/v3/images/{record_id}", service.get),
        ("PATCH", "/v3/images/{record_id}", service.change),
        ("DELETE", "/v3/images/{record_id}", service.delete),
    ):
        app.add_api_route(path, operation, methods=[method], response_model=None)
    return app


if __name__ == "__main__":
    listening = socket.socket(fileno=int(sys.argv[2]))
    config = uvicorn.Config(
        application(Path(sys.argv[1])), log_level="warning", access_log=False, timeout_keep_alive=600
    )
    uvicorn.Server(config).run(sockets=[listening])
