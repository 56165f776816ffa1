"""Waiting for the repositories of a description: no pod starts before all of them answer."""

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import httpx

from errors import LimitReached
from ingest.description import Repository
from storage.models import Job, JobStatus
from storage.settings import settings
from tasks.jobs import report
from tasks.retries import retryable

logger = logging.getLogger("ims.repositories")

READY = ""


@retryable
def wait_for_repositories(repositories: Sequence[Repository], job: Job) -> None:
    """Ask all repositories, again and again, until all of them answer in one round.

    Raises:
        LimitReached: Some did not answer within the limit; each is named with its last answer.
    """
    report(job, status=JobStatus.WAITING_FOR_REPOS)
    limits = settings()
    with httpx.Client(
        # The host's trust store, so that a site's own CA holds here as it does for curl.
        verify=ssl.create_default_context(),
        timeout=limits.repository_timeout.total_seconds(),
        follow_redirects=True,
    ) as client:
        wait_until_ready(
            [metadata_urls(repository) for repository in repositories if is_asked(repository)],
            lambda urls: ask(client, urls),
            interval=limits.repository_interval,
            limit=limits.repository_limit,
        )


def is_asked(repository: Repository) -> bool:
    """Tell whether a repository lies on a web server, which alone can be asked."""
    return urlsplit(repository.url).scheme in {"http", "https"}


def metadata_urls(repository: Repository) -> list[str]:
    """Return the addresses of which one must answer for the repository to be ready.

    rpm-md: `repodata/repomd.xml`. apt: `InRelease`, or `Release` where it is not signed inline, of the distribution, or
    of the repository itself when it is a flat one (sources.list(5)).
    """
    base = repository.url.rstrip("/")
    if repository.type != "apt-deb":
        return [f"{base}/repodata/repomd.xml"]
    if repository.distribution and repository.distribution != "./":
        base = f"{base}/dists/{repository.distribution}"
    return [f"{base}/InRelease", f"{base}/Release"]


def wait_until_ready(
    repositories: Sequence[Sequence[str]],
    ask_one: Callable[[Sequence[str]], str],
    *,
    interval: timedelta,
    limit: timedelta,
) -> None:
    """Ask all repositories in parallel, in rounds, until one round finds all of them ready.

    Args:
        repositories: For each repository the addresses of which one must answer.
        ask_one: Asks one repository; returns READY or what it answered instead.
        interval: Pause between two rounds.
        limit: When to give up.

    Raises:
        LimitReached: See wait_for_repositories.
    """
    if not repositories:
        return
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=min(16, len(repositories))) as pool:
        while True:
            answers = list(pool.map(ask_one, repositories))
            missing = [
                f"{_shown(urls[0])} ({answer})" for urls, answer in zip(repositories, answers, strict=True) if answer
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


def ask(client: httpx.Client, urls: Sequence[str]) -> str:
    """Ask one repository; return READY, or what it answered at the first of its addresses."""
    answers = [_answer(client, url) for url in urls[:1]]
    if answers[0] == READY:
        return READY
    answers += [_answer(client, url) for url in urls[1:]]
    return READY if READY in answers else answers[0]


def _answer(client: httpx.Client, url: str) -> str:
    try:
        response = client.head(url)
        if response.status_code in {httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED}:
            with client.stream("GET", url) as response:
                pass
    except httpx.TimeoutException:
        return f"no answer within {settings().repository_timeout.total_seconds():g} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{error}" or type(error).__name__
    return READY if response.is_success else f"{response.status_code} {response.reason_phrase}"


def _shown(url: str) -> str:
    """Return an address without the credentials it may carry."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
