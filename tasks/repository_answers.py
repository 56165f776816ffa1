"""What a repository answers: it is ready, it may become so, or asking again cannot help."""

import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from config.settings import settings
from errors import BadInput, Denied, PermanentError, Untrusted
from ingest.description import Repository
from tasks.repository_addresses import metadata_urls

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
    """

    text: str = ""
    refusal: PermanentError | None = None


READY = Answer()


def ask(client: httpx.Client, repository: Repository) -> Answer:
    """Ask one repository: READY when one of its URLs answers, else what the first one answered."""
    first, *others = metadata_urls(repository)
    answer = _answer(client, first, repository)
    return READY if any(_answer(client, url, repository) == READY for url in others if answer.text) else answer


def _answer(client: httpx.Client, url: str, repository: Repository) -> Answer:
    auth = httpx.BasicAuth(repository.username, repository.password) if repository.username else httpx.Auth()
    try:
        # Not HEAD, which some servers refuse by any status, or do not answer. Of the file itself nothing is read.
        with client.stream("GET", url, auth=auth) as response:
            pass
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
        return READY
    said = f"{response.status_code} {response.reason_phrase}".strip()
    return Answer(said, _denied(url, said, repository) if response.status_code in REFUSALS else None)


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
