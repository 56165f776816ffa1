"""What a repository answers: it is ready, it may become so, or asking again cannot help."""

import hashlib
import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from config.settings import settings
from errors import BadInput, Denied, PermanentError, Untrusted
from ingest.description import Repository
from tasks.repository_addresses import metadata_urls, names_metadata

# Debian's largest InRelease has 200 kB, a repomd.xml 10 kB.
LARGEST_METADATA_BYTES = 8 << 20
# A server that compresses anew each time would seem to have another file each time.
_AS_STORED = {"Accept-Encoding": "identity"}
REFUSALS = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
# openssl/x509_vfy.h
CERTIFICATE_EXPIRED = 10
# What Python adds to the words of the system and of openssl.
_OF_PYTHON = re.compile(r"\[(?:Errno -?\d+|SSL(?:: \w+)?)\] | \(_ssl\.c:\d+\)")


@dataclass(frozen=True)
class Answer:
    """What a repository answered.

    Args:
        text: What went wrong; empty when the repository is ready.
        refusal: The error to raise, when asking again cannot help.
        metadata: The sha256 of the metadata that it answered with; empty when that is not known.
    """

    text: str = ""
    refusal: PermanentError | None = None
    metadata: str = field(default="", compare=False)


READY = Answer()


def ask(client: httpx.Client, repository: Repository) -> Answer:
    """Ask one repository: READY when one of its URLs answers, else what the first one answered."""
    first, *others = metadata_urls(repository)
    answer = _answer(client, first, repository)
    if answer == READY:
        return answer
    return next((ready for url in others if (ready := _answer(client, url, repository)) == READY), answer)


def _answer(client: httpx.Client, url: str, repository: Repository) -> Answer:
    auth = httpx.BasicAuth(repository.username, repository.password) if repository.username else httpx.Auth()
    try:
        # Not HEAD, which some servers refuse by any status, or do not answer.
        with client.stream("GET", url, auth=auth, headers=_AS_STORED) as response:
            metadata = _metadata_of(response) if response.is_success and names_metadata(repository) else ""
    except BadInput as error:
        refusal = BadInput(f"{url} is not asked: {error.message}", resolution=error.resolution)
        return Answer(refusal.message, refusal)
    except httpx.TimeoutException:
        return Answer(f"no answer within {settings().repositories.timeout.total_seconds():g} s")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        refusal = BadInput(f"{url} is not a web address: {error}", resolution="correct it in the recipe")
        return Answer(refusal.message, refusal)
    except httpx.HTTPError as error:
        said = _OF_PYTHON.sub("", f"{error}") or type(error).__name__
        certificate = _certificate_error(error)
        return Answer(said, _untrusted(url, certificate) if certificate else None)
    if response.is_success:
        return Answer(metadata=metadata)
    said = f"{response.status_code} {response.reason_phrase}".strip()
    return Answer(said, _denied(url, said, repository) if response.status_code in REFUSALS else None)


def _metadata_of(response: httpx.Response) -> str:
    """Return the digest of a file, empty when it is too large, or does not come to its end: the repository is ready."""
    digest, size = hashlib.sha256(), 0
    try:
        for piece in response.iter_raw():
            digest.update(piece)
            size += len(piece)
            if size > LARGEST_METADATA_BYTES:
                return ""
    except httpx.HTTPError:
        return ""
    return digest.hexdigest()


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _untrusted(url: str, error: ssl.SSLCertVerificationError) -> Untrusted:
    if error.verify_code == CERTIFICATE_EXPIRED:
        resolution = "the server needs a new certificate; see also whether this host's clock is right"
    else:
        resolution = "name the file of the CA that certified it as ca_certificates in the site file (IMS_SITE_FILE)"
    server = urlsplit(url).netloc
    return Untrusted(f"the certificate of {server} is not trusted: {error.verify_message}", resolution=resolution)


def _denied(url: str, said: str, repository: Repository) -> Denied:
    user = f"the user {repository.username}" if repository.username else "requests without credentials"
    return Denied(
        f"{url} is refused to {user}: {said}",
        resolution="give the right credentials of the repository in the site file (IMS_SITE_FILE)",
    )
