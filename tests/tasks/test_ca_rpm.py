"""Tests of tasks/ca_rpm.py, and of the RPM that builder/programs/ca_rpm.py makes of its spec."""

import dataclasses
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.settings import settings
from errors import BadInput
from ingest.description import Description
from ingest.packing import pack_files
from tasks.ca_rpm import SPEC, CaRpm, render_ca_rpm
from tests.builder.s3_stand_in import StandIn, stand_in
from tests.builder_pod import run_in_builder
from tests.certificates import Authority

ONE, TWO = Authority("One"), Authority("Two")
ANCHORS = ("/usr/share/pki/trust/anchors", "/etc/pki/ca-trust/source/anchors")
Rendered = Callable[..., CaRpm | None]


def description(manager: str = "zypper") -> Description:
    known = {"file": "config.xml", "name": "a", "schema_version": "7.5", "kiwi": 9, "repositories": []}
    return Description.model_validate(known | {"package_manager": manager})


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rendered]:
    """Render the RPM of a site with a CA file of the given content."""

    def rendered(bundle: bytes | None, manager: str = "zypper") -> CaRpm | None:
        (tmp_path / "site.yaml").write_text("" if bundle is None else "ca_certificates: ca.pem\n")
        (tmp_path / "ca.pem").write_bytes(bundle or b"")
        return render_ca_rpm.fn(description(manager))

    monkeypatch.setenv("IMS_SITE_FILE", str(tmp_path / "site.yaml"))
    settings.cache_clear()
    yield rendered
    settings.cache_clear()


def test_a_site_without_a_ca_has_none(rendered: Rendered) -> None:
    assert rendered(None) is None


def test_an_image_of_debs_has_none(rendered: Rendered) -> None:
    assert rendered(ONE.pem, "apt") is None


def test_a_ca_file_that_is_none_is_refused(rendered: Rendered) -> None:
    with pytest.raises(BadInput, match=r"ca\.pem holds no certificate"):
        rendered(b"nothing")


def test_each_certificate_is_a_file_of_its_own_named_after_its_fingerprint(rendered: Rendered) -> None:
    made = rendered(b"text around\n" + ONE.pem + TWO.pem)
    assert made is not None
    assert sorted(made.certificates.values()) == sorted([ONE.pem.decode(), TWO.pem.decode()])
    for name in made.certificates:
        for anchors in ANCHORS:
            assert f"\n{anchors}/{name}\n" in made.spec.partition("%files")[2]
            assert f"%{{buildroot}}{anchors}/{name}" in made.spec
    assert "{{" not in made.spec


def test_the_digest_is_the_same_for_the_same_certificates_in_any_order(rendered: Rendered) -> None:
    first, second = rendered(ONE.pem + TWO.pem), rendered(b"# again\n" + TWO.pem + ONE.pem + TWO.pem)
    assert first is not None
    assert second is not None
    assert first.digest == second.digest


def test_another_ca_is_another_digest_and_another_release(rendered: Rendered) -> None:
    made = [rendered(bundle) for bundle in (ONE.pem, TWO.pem, ONE.pem + TWO.pem)]
    assert len({each.digest for each in made if each}) == 3
    assert len({line for each in made if each for line in each.spec.splitlines() if line.startswith("Release")}) == 3


@pytest.mark.parametrize(
    "other",
    [
        lambda made: dataclasses.replace(made, spec=f"{made.spec}\n"),
        lambda made: dataclasses.replace(made, certificates=dict.fromkeys(made.certificates, "x")),
        lambda made: dataclasses.replace(
            made, certificates={f"x{name}": pem for name, pem in made.certificates.items()}
        ),
    ],
    ids=["spec", "content", "names"],
)
def test_all_that_the_rpm_is_made_of_is_in_its_digest(rendered: Rendered, other: Callable[[CaRpm], CaRpm]) -> None:
    made = rendered(ONE.pem)
    assert made is not None
    assert other(made).digest != made.digest


@dataclass(frozen=True)
class Built:
    """A CA RPM as the pod hands it in, its key, and what it was made of; all in one folder."""

    folder: Path
    said: str
    source: CaRpm

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the builder image, in the folder."""
        return run_in_builder(["sh", "-c", command], workspace=self.folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The RPM of a bundle of two authorities, built by the pod's program in the builder image."""
    folder = tmp_path_factory.mktemp("ca-rpm")
    with pytest.MonkeyPatch.context() as patch, stand_in() as server:
        (folder / "ca.pem").write_bytes(ONE.pem + TWO.pem)
        (folder / "site.yaml").write_text("ca_certificates: ca.pem\n")
        patch.setenv("IMS_SITE_FILE", str(folder / "site.yaml"))
        settings.cache_clear()
        source = render_ca_rpm.fn(description())
        settings.cache_clear()
        assert source is not None
        ran = run_pod(folder, server, {SPEC: source.spec, **source.certificates})
        assert ran.returncode == 0, ran.stdout
        with tarfile.open(fileobj=io.BytesIO(server.objects["/result"])) as tar:
            assert sorted(tar.getnames()) == ["ims-site-ca.asc", "ims-site-ca.rpm"]
            tar.extractall(folder, filter="data")
    yield Built(folder, ran.stdout, source)
    shutil.rmtree(folder)


def run_pod(folder: Path, server: StandIn, texts: dict[str, str]) -> subprocess.CompletedProcess[str]:
    archive = pack_files({name: text.encode() for name, text in texts.items()})
    server.objects["/context"] = archive
    environment = {
        "IMS_CONTEXT_URL": server.url("/context"),
        "IMS_CONTEXT_SHA256": hashlib.sha256(archive).hexdigest(),
        "IMS_RESULT_URL": server.url("/result"),
    }
    return run_in_builder(["python3", "-m", "builder.programs.ca_rpm"], workspace=folder, environment=environment)


@pytest.mark.containers
def test_the_rpm_is_signed_by_the_key_beside_it_and_by_no_other(built: Built) -> None:
    unknown = built.run("rpm -K ims-site-ca.rpm")
    assert "SIGNATURES NOT OK" in unknown.stdout
    known = built.run("rpm --import ims-site-ca.asc && rpm -K ims-site-ca.rpm")
    assert known.stdout.strip().endswith("digests signatures OK")
    assert "PRIVATE" not in (built.folder / "ims-site-ca.asc").read_text()


@pytest.mark.containers
def test_the_rpm_holds_each_certificate_for_both_families_and_nothing_else(built: Built) -> None:
    listed = built.run("rpm -qlp --nosignature ims-site-ca.rpm 2>/dev/null").stdout.split()
    assert sorted(listed) == sorted(f"{anchors}/{name}" for anchors in ANCHORS for name in built.source.certificates)
    asked = "rpm -qp --nosignature --qf '%{NAME} %{ARCH} %{PAYLOADCOMPRESSOR}\\n[%{REQUIRENAME} ]\\n' ims-site-ca.rpm"
    name, needed = built.run(f"{asked} 2>/dev/null").stdout.splitlines()
    assert name == "ims-site-ca noarch gzip"
    assert {each for each in needed.split() if not each.startswith("rpmlib(")} == {"/bin/sh"}


@pytest.mark.containers
@pytest.mark.parametrize(
    "tools", [["update-ca-certificates"], ["update-ca-trust"], []], ids=["SUSE", "Red Hat", "none"]
)
def test_installing_it_refreshes_the_trust_store_that_is_there(built: Built, tmp_path: Path, tools: list[str]) -> None:
    shutil.copy(built.folder / "ims-site-ca.rpm", tmp_path)
    make = ["mkdir -p /root-of-image/bin /root-of-image/dev", "cd /root-of-image", "mknod -m 666 dev/null c 1 3"]
    make += ["for file in /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*'); do cp -L --parents $file .; done"]
    for tool in tools:
        make += [f"printf '#!/bin/sh\\necho {tool} >> /called\\n' > bin/{tool}", f"chmod 755 bin/{tool}"]
    make += ["rpm --root /root-of-image --nodeps --nosignature -i /workspace/ims-site-ca.rpm; echo exit $?"]
    make += [f"cat .{ANCHORS[0]}/* | grep -c BEGIN", "cat called 2>/dev/null || echo nothing"]
    ran = run_in_builder(["bash", "-c", "\n".join(make)], workspace=tmp_path)
    assert ran.stdout.splitlines()[-3:] == ["exit 0", "2", *(tools or ["nothing"])], ran.stdout


@pytest.mark.containers
def test_a_spec_that_does_not_build_is_the_error(tmp_path: Path) -> None:
    with stand_in() as server:
        ran = run_pod(tmp_path, server, {SPEC: "Name: broken\n"})
        assert "/result" not in server.objects
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1].startswith("error: rpmbuild failed with exit code ")
