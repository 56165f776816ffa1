"""api/app.py: each version has its resources under each of its addresses."""

import re

from api.app import application
from api.versions import Version

BOTH = {
    *("healthz/live", "healthz/ready", "version"),
    *(f"{path}{one}" for path in ("public-keys", "recipes", "images", "jobs") for one in ("", "/{}")),
    *(f"remote-build-nodes{one}" for one in ("", "/{}", "/{}/status", "/status", "/status/{}")),
}
V3_ALONE = {f"deleted/{path}{one}" for path in ("public-keys", "recipes", "images") for one in ("", "/{}")}


def test_the_document_has_the_resources_of_each_version() -> None:
    paths = {re.sub(r"\{\w+\}", "{}", path) for path in application().openapi()["paths"]}
    for version, wanted in ((Version.V3, BOTH | V3_ALONE), (Version.V2, BOTH)):
        prefix = f"{version.prefixes[0]}/"
        assert {path.removeprefix(prefix) for path in paths if path.startswith(prefix)} == wanted


def test_a_path_without_a_version_is_one_of_v2() -> None:
    assert Version.V2.prefixes == ("/apis/ims/v2", "/apis/ims", "/v2", "")
    assert Version.V3.prefixes == ("/apis/ims/v3", "/v3")
