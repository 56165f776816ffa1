"""`ims import` and `ims export`, as an administrator who moves in runs them."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from errors import BadInput, Denied, Unreachable
from storage.models.records import Image
from storage.moving.sources import read_service
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import Ims
from tests.http_server import Answer, HttpServer, Request, serving
from tests.storage.moving.stores import many, write


def test_a_catalogue_moves_in_and_back(ims: Ims, catalogue: Catalogue, tmp_path: Path) -> None:
    source = str(write(tmp_path / "ims", **many(2)))
    dry = ims("import", source, "--dry-run", "--format", "json")
    assert (dry.returncode, dry.stderr) == (0, "9 taken (dry run: nothing was written)\n")
    assert {each["verdict"] for each in json.loads(dry.stdout)} == {"taken"}
    assert catalogue.images.all() == ([], [])
    assert ims("import", source).stderr == "9 taken\n"
    assert ims("import", source).stderr == "9 already there\n"
    assert len(catalogue.images.list()) == 2
    back = ims("export", str(tmp_path / "back"))
    assert f"{tmp_path / 'back'}/v2.1_images.json: 2\n" in back.stdout


def test_what_is_not_taken_is_told_and_ends_with_2(ims: Ims, catalogue: Catalogue, tmp_path: Path) -> None:
    image = catalogue.images.create(Image(name="ours"))
    other = {"id": image.id, "created": "2021-02-03T04:05:06", "name": "theirs"}
    refused = ims("import", str(write(tmp_path / "ims", images=[other, {"id": str(uuid4())}])))
    assert refused.returncode == 2
    assert "the record of its id has another created, name" in refused.stdout
    assert "it has no created" in refused.stdout
    assert refused.stderr == "1 in conflict, 1 broken\n"


def test_a_source_that_is_none_is_refused(ims: Ims, tmp_path: Path) -> None:
    for source, said in ((tmp_path, "holds no data files of IMS"), (tmp_path / "no", "does not exist")):
        refused = ims("import", str(source))
        assert refused.returncode == 2
        assert said in refused.stderr


def test_no_bucket_is_made_on_a_server_that_is_another_one(ims: Ims, store: ObjectStore, tmp_path: Path) -> None:
    before = store.client.list_buckets()["Buckets"]
    source = str(write(tmp_path / "ims", **many(1)))
    for command in (["import", source], ["import", source, "--dry-run"]):
        refused = ims(*command, IMS_BUCKET="not-there")
        assert refused.returncode != 0
        assert "not-there" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert store.client.list_buckets()["Buckets"] == before


def test_files_that_are_not_there_or_no_certificates_are_named(ims: Ims, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for option, file, said in (
        ("--token-file", "no", "does not exist"),
        ("--ca-certificates", "no", "does not exist"),
        ("--ca-certificates", "ca.pem", "holds no certificates"),
    ):
        refused = ims("import", "https://127.0.0.1:9/apis/ims", option, str(tmp_path / file))
        assert refused.returncode == 2
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_running_ims_is_read_by_its_api() -> None:
    lists = {"/ims/v3/images": [{"id": "1"}], "/ims/v3/deleted/recipes": [{"id": "2"}]}

    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer t0ken":
            return Answer(401)
        if request.path.endswith("remote-build-nodes"):
            return Answer(404)
        return Answer(body=json.dumps(lists.get(request.path, [])).encode())

    with serving(HttpServer(answer)) as server:
        found = read_service(f"{server.url}/ims/", token="t0ken")
        assert [(each.place.collection, each.fields) for each in found] == [
            ("deleted_recipes", {"id": "2"}),
            ("images", {"id": "1"}),
        ]
        with pytest.raises(Denied, match="401"):
            read_service(f"{server.url}/ims")
    with pytest.raises(Unreachable):
        read_service(server.url)


@pytest.mark.parametrize(
    ("answer", "error"), [(Answer(404), BadInput), (Answer(503), Unreachable), (Answer(), BadInput)]
)
def test_another_service_is_told_from_an_ims(answer: Answer, error: type[Exception]) -> None:
    with serving(HttpServer(lambda _: answer)) as server, pytest.raises(error, match="/v3/public-keys"):
        read_service(server.url)
