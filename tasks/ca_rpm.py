"""The CA RPM, which makes an image root trust the site's certificate authorities.

It is built once for the same certificates and the same spec, and kept in S3 by the digest of both.
"""

import hashlib
import io
import logging
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

from builder.contract.inputs import CaRpmInput, ContextInput
from config.certificates import CaCertificate, parse_bundle
from config.settings import settings
from config.site import read_site
from errors import NotFound
from ingest.description import Description
from ingest.packing import pack_files
from storage.models.jobs import Job
from storage.models.layout import ca_rpm_key, job_key
from storage.s3.objects import object_store
from tasks.kiwi_templates import render
from tasks.pods import run_step
from tasks.retries import retryable

logger = logging.getLogger(__name__)

SPEC = "site-ca.spec"


@dataclass(frozen=True)
class CaRpm:
    """A CA RPM that is to be built: its spec, and the certificates by the names of their files."""

    spec: str
    certificates: dict[str, str]

    @property
    def digest(self) -> str:
        """The digest of all that decides what the RPM holds, in hexadecimal."""
        digest = hashlib.sha256(self.spec.encode())
        for name, pem in sorted(self.certificates.items()):
            digest.update(f"\0{name}\0{pem}".encode())
        return digest.hexdigest()


def site_certificates() -> list[CaCertificate]:
    """Return the certificates of the site's authorities; none when the site has none.

    Raises:
        BadInput: The CA file cannot be read, or is not one.
    """
    site = read_site()
    return parse_bundle(site.ca_bundle(), str(site.ca_certificates)) if site.ca_certificates else []


def authority_files(certificates: Sequence[str]) -> dict[str, bytes]:
    """Return certificates, as PEM, by the names that they have in context archives."""
    return {f"ca/{number:02}.pem": pem.encode() for number, pem in enumerate(certificates)}


@retryable
def render_ca_rpm(description: Description) -> CaRpm | None:
    """Check the site's CA file and render the spec of its RPM.

    Returns:
        The RPM to build; None for a site without a CA, and for descriptions that are not built of RPMs.

    Raises:
        BadInput: The CA file is not PEM, or holds something that is no valid CA certificate.
    """
    if description.package_manager == "apt" or not (found := site_certificates()):
        return None
    for certificate in found:
        logger.info("the image will trust %s, until %s", certificate.subject, f"{certificate.expires:%Y-%m-%d}")
    certificates = {f"ims-site-ca-{certificate.sha256[:16]}.pem": certificate.pem for certificate in found}
    # A release that follows from the certificates: a new CA is a new package to package managers.
    release = hashlib.sha256("".join(sorted(certificates)).encode()).hexdigest()[:12]
    spec = render(SPEC, files=sorted(certificates), release=release)
    return CaRpm(spec, certificates)


@retryable
def build_ca_rpm(ca_rpm: CaRpm | None, job: Job) -> dict[str, bytes]:
    """Return the CA RPM and the public key it is signed with, as files of a context archive; none when there is none.

    It is built in an unprivileged pod when S3 does not hold it yet. Safe to repeat, and for several jobs at once: each
    writes both files in one object, and whichever is read fits together.

    Raises:
        StepFailed: rpmbuild failed.
    """
    if ca_rpm is None:
        return {}
    store, bucket, key = object_store(), settings().bucket, ca_rpm_key(ca_rpm.digest)
    try:
        return _unpacked(store.read(bucket, key)[0])
    except NotFound:
        logger.info("building the CA RPM %s", key)
    sources, limit = job_key(job.id, "ca-rpm.tgz"), settings().limits.package
    texts = {SPEC: ca_rpm.spec, **ca_rpm.certificates}
    archive = pack_files({name: text.encode() for name, text in texts.items()})
    store.write(bucket, sources, archive, content_type="application/gzip")
    sha256 = hashlib.sha256(archive).hexdigest()
    told = CaRpmInput(
        context=ContextInput(url=store.presigned_get(bucket, sources, limit), sha256=sha256),
        result_url=store.presigned_put(bucket, key, limit),
    )
    run_step(job, "ca-rpm", "ca_rpm", told, deadline=limit, root=False, workspace=False)
    return _unpacked(store.read(bucket, key)[0])


def _unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar}
        return {f"ca/{name}": file.read() for name, file in files.items() if file}
