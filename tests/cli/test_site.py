"""`ims site`."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography.utils import CryptographyDeprecationWarning

from config.certificates import parse_bundle
from tests.certificates import Authority
from tests.cli.conftest import Ims


def write_site(folder: Path, **fields: object) -> dict[str, str]:
    """Write a site file and return what names it in the environment."""
    file = folder / "site.yaml"
    file.write_text(yaml.safe_dump(fields))
    return {"IMS_SITE_FILE": str(file)}


def test_the_site_file_is_shown_without_its_passwords(ims: Ims, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(Authority("Test site CA").pem)
    named = write_site(
        tmp_path,
        ca_certificates="ca.pem",
        repositories=[{"url": "https://nexus.example.com/sles", "linux_distributions": ["sles15"]}],
        credentials=[{"url": "https://nexus.example.com/", "username": "builder", "password": "canary"}],
    )
    shown = ims("site", "--format", "json", **named)
    assert shown.returncode == 0, shown.stderr
    said = json.loads(shown.stdout)
    assert said["ca_certificates"][0].startswith("CN=Test site CA, until ")
    assert said["repositories"] == ["https://nexus.example.com/sles for sles15"]
    assert said["credentials"] == ["builder at https://nexus.example.com/"]
    assert "canary" not in shown.stdout


def test_what_is_wrong_in_it_is_named(ims: Ims, tmp_path: Path) -> None:
    refused = ims("site", **write_site(tmp_path, ca_certificate="ca.pem", credentials=[{"url": "ftp://x"}]))
    assert refused.returncode == 2
    assert "ca_certificate: Extra inputs are not permitted" in refused.stderr
    assert "credentials.0.url: must be an address" in refused.stderr


def test_without_a_site_file_the_user_is_told_how_to_have_one(ims: Ims) -> None:
    refused = ims("site")
    assert refused.returncode == 2
    assert "set IMS_SITE_FILE" in refused.stderr


def test_a_certificate_that_a_library_warns_of_is_shown_without_the_warning(ims: Ims, tmp_path: Path) -> None:
    """cryptography warns of a serial number of 0, which old roots have."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=Old"]
    pem = subprocess.run([*made, "-set_serial", "0"], capture_output=True, check=True).stdout
    with pytest.warns(CryptographyDeprecationWarning, match="serial number"):
        parse_bundle(pem, "ca.pem")
    (tmp_path / "ca.pem").write_bytes(pem)
    shown = ims("site", "--format", "json", **write_site(tmp_path, ca_certificates="ca.pem"))
    assert json.loads(shown.stdout)["ca_certificates"][0].startswith("CN=Old, until ")
    assert shown.stderr == ""
