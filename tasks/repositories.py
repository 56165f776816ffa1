"""Waiting for the repositories of a description: no pod starts before all of them answer."""

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from config.settings import settings
from errors import Denied, LimitReached, PermanentError, Untrusted
from ingest.description import Repository
from storage.models.jobs import Job, JobStatus
from tasks.jobs import report
from tasks.kiwi_config import KiwiConfig
from tasks.retries import retryable

logger = logging.getLogger(__name__)

# Some servers refuse HEAD, by various codes.
TRY_GET = {httpx.codes.FORBIDDEN, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED}
REFUSALS = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
# openssl/x509_vfy.h
CERTIFICATE_EXPIRED = 10


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


@retryable
def wait_for_repositories(configuration: KiwiConfig, job: Job) -> None:
    """Ask all repositories, again and again, until all of them answer in one round.

    Raises:
        Denied: A server refuses our credentials.
        Untrusted: A server's certificate is not to be trusted.
        LimitReached: Some did not answer within the limit; each is named with its last answer.
    """
    report(job, status=JobStatus.WAITING_FOR_REPOS)
    limits = settings().repositories
    with httpx.Client(
        verify=trust(configuration.ca_certificates),
        timeout=limits.timeout.total_seconds(),
        follow_redirects=True,
    ) as client:
        wait_until_ready(
            [repository for repository in configuration.repositories if is_asked(repository)],
            lambda repository: ask(client, repository),
            interval=limits.interval,
            limit=limits.limit,
        )


def trust(certificates: Sequence[str]) -> ssl.SSLContext:
    """Return the authorities that a build trusts: this host's, and the site's own."""
    context = ssl.create_default_context()
    if certificates:
        context.load_verify_locations(cadata="".join(certificates))
    return context


def is_asked(repository: Repository) -> bool:
    """Return whether a repository is on a web server; no other can be asked."""
    return urlsplit(repository.url).scheme in {"http", "https"}


def metadata_urls(repository: Repository) -> list[str]:
    """Return the URLs of which one must answer for the repository to be ready.

    rpm-md: `repodata/repomd.xml`. apt: `InRelease`, or `Release` where it is not signed inline, of the distribution, or
    of the repository itself when it is a flat one (sources.list(5)). A list of mirrors is requested itself.
    """
    if repository.source_type != "baseurl":
        return [repository.url]
    if repository.type != "apt-deb":
        return [_below(repository.url, "repodata/repomd.xml")]
    flat = repository.distribution in {"", "./"}
    folder = "" if flat else f"dists/{repository.distribution}/"
    return [_below(repository.url, f"{folder}{name}") for name in ("InRelease", "Release")]


def _below(url: str, path: str) -> str:
    """Return the URL of a file of a repository; a query, which may be a token, stays at the end."""
    address, mark, query = url.partition("?")
    return f"{address.rstrip('/')}/{path}{mark}{query}"


def wait_until_ready(
    repositories: Sequence[Repository],
    ask_one: Callable[[Repository], Answer],
    *,
    interval: timedelta,
    limit: timedelta,
) -> None:
    """Ask all repositories in parallel, in rounds, until one round finds all of them ready.

    Args:
        repositories: The repositories to ask.
        ask_one: Asks one repository.
        interval: Pause between two rounds.
        limit: When to give up.

    Raises:
        PermanentError: See wait_for_repositories.
    """
    if not repositories:
        return
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=min(16, len(repositories))) as pool:
        while True:
            answers = list(pool.map(ask_one, repositories))
            for answer in answers:
                if answer.refusal:
                    raise answer.refusal
            missing = [
                f"{metadata_urls(repository)[0]} ({answer.text})"
                for repository, answer in zip(repositories, answers, strict=True)
                if answer.text
            ]
            if not missing:
                logger.info("all %d repositories are ready", len(repositories))
                return
            ready = len(repositories) - len(missing)
            if time.monotonic() - started + interval.total_seconds() > limit.total_seconds():
                raise LimitReached(
                    f"{len(missing)} of {len(repositories)} repositories did not answer within "
                    f"{limit.total_seconds():g} s: {', '.join(missing)}",
                    resolution="correct their addresses in the recipe or bring them up, then run the job again",
                )
            logger.info("%d of %d repositories ready, waiting for %s", ready, len(repositories), ", ".join(missing))
            time.sleep(interval.total_seconds())


def ask(client: httpx.Client, repository: Repository) -> Answer:
    """Ask one repository: READY when one of its URLs answers, else what the first one answered."""
    first, *others = metadata_urls(repository)
    answer = _answer(client, first, repository)
    return READY if any(_answer(client, url, repository) == READY for url in others if answer.text) else answer


def _answer(client: httpx.Client, url: str, repository: Repository) -> Answer:
    auth = httpx.BasicAuth(repository.username, repository.password) if repository.username else httpx.Auth()
    try:
        response = client.head(url, auth=auth)
        if response.status_code in TRY_GET:
            with client.stream("GET", url, auth=auth) as response:
                pass
    except httpx.TimeoutException:
        return Answer(f"no answer within {settings().repositories.timeout.total_seconds():g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        said = f"{error}" or type(error).__name__
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
