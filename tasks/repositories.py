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
from errors import BadInput, Denied, LimitReached, PermanentError, Untrusted
from ingest.description import Repository
from storage.models.jobs import Job, JobStatus
from tasks.jobs import report
from tasks.kiwi_config import KiwiConfig
from tasks.repository_addresses import expanded, is_on_web, metadata_urls, unknown_variable
from tasks.retries import retryable
from tasks.web_connections import web_client

logger = logging.getLogger(__name__)

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
        BadInput: A server has an address that no repository may have.
        Denied: A server refuses our credentials.
        Untrusted: A server's certificate is not to be trusted.
        LimitReached: Some did not answer within the limit; each is named with its last answer.
    """
    report(job, status=JobStatus.WAITING_FOR_REPOS)
    limits = settings().repositories
    asked = addressed(configuration.repositories, configuration.package_manager, job.arch)
    with web_client(
        trust(configuration.ca_certificates), seconds=limits.timeout.total_seconds(), private=limits.private
    ) as client:
        wait_until_ready(
            asked, lambda repository: ask(client, repository), interval=limits.interval, limit=limits.limit
        )


def addressed(repositories: Sequence[Repository], package_manager: str, arch: str) -> list[Repository]:
    """Return the repositories that can be asked, with their addresses as the package manager will ask for them.

    Those are left out, and logged, whose address only the package manager knows.
    """
    asked: list[Repository] = []
    for repository in filter(is_on_web, repositories):
        url = expanded(repository.url, package_manager, arch)
        if variable := unknown_variable(url, package_manager):
            logger.info("not waiting for %s: only %s knows the value of %s", url, package_manager, variable)
        else:
            asked.append(repository.model_copy(update={"url": url}))
    return asked


def trust(certificates: Sequence[str]) -> ssl.SSLContext:
    """Return the authorities that a build trusts: this host's, and the site's own."""
    context = ssl.create_default_context()
    if certificates:
        context.load_verify_locations(cadata="".join(certificates))
    return context


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
        # Not HEAD, which some servers refuse by any status, or do not answer. Of the file itself nothing is read.
        with client.stream("GET", url, auth=auth) as response:
            pass
    except BadInput as error:
        return Answer(error.message, error)
    except httpx.TimeoutException:
        return Answer(f"no answer within {settings().repositories.timeout.total_seconds():g} s")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        refusal = BadInput(f"{url} is not a web address: {error}", resolution="correct it in the recipe")
        return Answer(refusal.message, refusal)
    except httpx.HTTPError as error:
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
