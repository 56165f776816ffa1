"""`ims public-keys`."""

import json
import tomllib
from pathlib import Path

import pytest

from storage.models.records import Image, PublicKey, new_id
from storage.records.catalogue import Catalogue
from tests.cli.conftest import Ims
from tests.cli.test_output import KEY


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key.pub"
    file.write_text(f"{KEY}\n")
    return file


def test_a_key_is_created_listed_and_described(ims: Ims, key_file: Path, catalogue: Catalogue) -> None:
    created = ims("public-keys", "create", "--name", "me", "--public-key", str(key_file))
    assert created.returncode == 0, created.stderr
    record = tomllib.loads(created.stdout)
    assert record["name"] == "me"
    # Byte for byte: clients look keys up by equality.
    assert record["public_key"] == f"{KEY}\n"
    assert catalogue.public_keys.get(record["id"]).public_key == f"{KEY}\n"
    assert tomllib.loads(ims("public-keys", "list").stdout) == {"results": [record]}
    assert json.loads(ims("public-keys", "describe", record["id"], "--format", "json").stdout) == record


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a key\n", "is not an SSH public key"),
        (f'command="id" {KEY}\n'.encode(), "without options or hosts before it"),
        (f"{KEY}\n{KEY}\n".encode(), "is not one line of text"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"ssh-dss AAAAB3NzaC1kc3M= old@site.example\n", "ssh-dss; make one with `ssh-keygen -t ed25519`"),
        (b"A" * 100_000, "has more than 65536 bytes"),
    ],
    ids=["garbage", "options", "two keys", "binary", "DSA", "too long"],
)
def test_what_is_no_public_key_is_refused(
    content: bytes, words: str, ims: Ims, key_file: Path, catalogue: Catalogue
) -> None:
    key_file.write_bytes(content)
    refused = ims("public-keys", "create", "--name", "me", "--public-key", str(key_file))
    assert refused.returncode == 2
    assert words in refused.stderr
    assert refused.stdout == ""
    assert catalogue.public_keys.list() == []


def test_a_key_that_was_registered_elsewhere_is_listed_but_opens_no_shell(ims: Ims, catalogue: Catalogue) -> None:
    """An import adopts keys as they are; one that no shell takes is named before a job is started."""
    old = catalogue.public_keys.create(PublicKey(name="old", public_key="ssh-dss AAAAB3NzaC1kc3M= old\n"))
    assert json.loads(ims("public-keys", "list", "--format", "json").stdout)[0]["public_key"] == old.public_key
    image = catalogue.images.create(Image(name="i"))
    refused = ims(
        *("jobs", "create", "--job-type", "customize", "--artifact-id", image.id, "--public-key-id", old.id),
        *("--image-root-archive-name", "n"),
    )
    assert refused.returncode == 2
    assert f"public key {old.id} (old) is not a key that the SSH server of the shells takes" in refused.stderr


def test_a_missing_file_is_named(ims: Ims, tmp_path: Path) -> None:
    refused = ims("public-keys", "create", "--name", "me", "--public-key", str(tmp_path / "none.pub"))
    assert refused.returncode == 2
    assert f"{tmp_path}/none.pub cannot be read: No such file" in refused.stderr


@pytest.mark.parametrize("unknown", [new_id(), "nonsense"], ids=["an id", "nonsense"])
def test_an_unknown_key_is_the_users_mistake(unknown: str, ims: Ims) -> None:
    ended = ims("public-keys", "describe", unknown)
    assert ended.returncode == 2
    assert ended.stderr.startswith(("Error: Not found:", "Error: Bad input:"))
    assert unknown in ended.stderr
