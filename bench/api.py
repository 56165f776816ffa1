"""The REST API against a service that rewrites one JSON file, both asked over HTTP: `python -m bench.api`.

Each is a process. Both have the same records and answer the same client, one request after the other; the time is
measured at the socket. The alternative (bench/plain_service.py) keeps its records in memory, as the Cray Image
Management Service does. Beside the times the processor time of the service is printed, which other work on the host
changes less. The alternative asks nothing for a record that it has in memory; ours asks S3 whether it is the present
one. A deletion of ours is a flow run that is seen in Prefect.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Callable

from api.models.records import ShownImage
from bench.plain_service import RECORDS
from bench.records import image_of, put_documents
from bench.report import AtMost, Figure, Option, run, show
from bench.served import Answer, Measured, Service, measured, plain_service, rest_api
from bench.services import services
from config.settings import settings
from storage.models.records import Image
from storage.s3.objects import object_store

OPTIONS = [
    Option("rounds", 20, 3, "how often each request is measured; the median counts"),
    Option("sizes", "100,5000,10000,20000", "100", "how many records"),
]
# Where one file has to be rewritten, ours must not be slower; of fewer records, sixteen requests weigh more.
NOT_SLOWER_FROM = 5_000
MOST_LIST_MS, MOST_CHANGE_MS, AT = 40, 25, 10_000
MOST_DELETE_MS = 1_000
IMAGES = "/v3/images"
COMPARED = ("list", "get", "create", "change", "delete")


def measure(asked: Namespace) -> list[Figure]:
    """Measure both services, for each number of records."""
    figures = []
    with services() as folder:
        for size in map(int, asked.sizes.split(",")):
            images = [image_of(number) for number in range(size)]
            put_documents(object_store(), settings().bucket, images)
            plain = folder / f"plain-{size}"
            plain.mkdir()
            records = [json.loads(ShownImage.of(image).model_dump_json()) for image in images]
            (plain / RECORDS).write_text(json.dumps({record["id"]: record for record in records}))
            with rest_api(folder) as ours, plain_service(plain) as theirs:
                figures += _figures(size, *_measured(ours, theirs, images, asked.rounds))
    return figures


def _measured(
    ours: Service, theirs: Service, images: list[Image], rounds: int
) -> tuple[dict[str, Measured], dict[str, Measured]]:
    show(f"{len(images):,} records")
    show(f"  first list of the process, ours: {measured(ours, 1, lambda _: ours.ask('GET', IMAGES))}")
    if ours.ask("GET", IMAGES).json() != theirs.ask("GET", IMAGES).json():
        raise SystemExit("the two services do not have the same records")
    results: tuple[dict[str, Measured], dict[str, Measured]] = ({}, {})
    for what in (*COMPARED, "list after a change"):
        for service, result in zip((ours, theirs), results, strict=True):
            result[what] = measured(service, rounds, _requests(service, images)[what])
            show(f"  {what}, {service.name}: {result[what]}")
    return results


def _requests(service: Service, images: list[Image]) -> dict[str, Callable[[int], Answer]]:
    def path(number: int) -> str:
        return f"{IMAGES}/{images[number * 7 % len(images)].id}"

    def change(number: int) -> Answer:
        entry = {"operation": "set", "key": "touched", "value": str(number)}
        return service.ask("PATCH", path(number), {"metadata": entry})

    def list_after_change(number: int) -> Answer:
        change(number)
        return service.ask("GET", IMAGES)

    def delete_new(number: int) -> Answer:
        made = service.ask("POST", IMAGES, {"name": f"deleted-{number}"}).json()
        return service.ask("DELETE", f"{IMAGES}/{made['id']}")

    return {
        "list": lambda _: service.ask("GET", IMAGES),
        "get": lambda number: service.ask("GET", path(number)),
        "create": lambda number: service.ask("POST", IMAGES, {"name": f"made-{number}"}),
        "change": change,
        "list after a change": list_after_change,
        "delete": delete_new,
    }


def _figures(size: int, ours: dict[str, Measured], theirs: dict[str, Measured]) -> list[Figure]:
    figures = []
    if size >= NOT_SLOWER_FROM:
        for what in COMPARED:
            ratio = ours[what].p50 / theirs[what].p50
            figures.append(Figure(f"{what}, {size:,} records, ours / one file", ratio, AtMost(1)))
    if size == AT:
        figures.append(Figure(f"list of {size:,}, ms", ours["list"].p50 * 1000, AtMost(MOST_LIST_MS)))
        figures.append(Figure(f"change of one of {size:,}, ms", ours["change"].p50 * 1000, AtMost(MOST_CHANGE_MS)))
    figures.append(Figure(f"delete of one of {size:,}, ms", ours["delete"].p50 * 1000, AtMost(MOST_DELETE_MS)))
    return figures


if __name__ == "__main__":
    sys.exit(run(measure, __doc__, OPTIONS))
