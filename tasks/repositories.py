"""Waiting for the repositories of a description: no pod starts before all of them answer."""

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from config.settings import settings
from errors import LimitReached
from ingest.description import Repository
from storage.models.jobs import Job, JobStatus
from tasks.jobs import report
from tasks.kiwi_config import KiwiConfig
from tasks.repository_addresses import expanded, is_on_web, metadata_urls, unknown_variable
from tasks.repository_answers import Answer, ask
from tasks.retries import retryable
from tasks.web_connections import web_client

logger = logging.getLogger(__name__)

# Repositories with the digests of their metadata; empty where it is not known. The names are those of a fingerprint.
Metadata = list[tuple[str, str]]
_AT_A_TIME = 16
# So many repositories are named in a line of the log, and in the message of the job that failed.
_NAMED = 5
_NAMED_AT_LAST = 20
# Recipes spell the addresses, and servers the answers.
_LONGEST_NAMED = 300
_NOT_ASKED = "not asked within the limit"


@retryable
def wait_for_repositories(configuration: KiwiConfig, job: Job) -> Metadata:
    """Ask all repositories, again and again, until all of them answer in one round.

    Returns:
        What their metadata is.

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
        answers = wait_until_ready(
            asked, lambda repository: ask(client, repository), interval=limits.interval, limit=limits.limit
        )
    return _metadata(configuration, asked, answers, job.arch)


def ask_repositories(configuration: KiwiConfig, job: Job) -> Metadata:
    """Ask all repositories once, and return what their metadata is; that of one that does not answer is not known."""
    limits = settings().repositories
    asked = addressed(configuration.repositories, configuration.package_manager, job.arch)
    with (
        web_client(
            trust(configuration.ca_certificates), seconds=limits.timeout.total_seconds(), private=limits.private
        ) as client,
        ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool,
    ):
        return _metadata(configuration, asked, list(pool.map(partial(ask, client), asked)), job.arch)


def _metadata(configuration: KiwiConfig, asked: Sequence[Repository], answers: Sequence[Answer], arch: str) -> Metadata:
    known = [(_named_as(each), answer.metadata) for each, answer in zip(asked, answers, strict=True)]
    of_web = filter(is_on_web, configuration.repositories)
    manager = configuration.package_manager
    return known + [(_named_as(each), "") for each in of_web if _address(each, manager, arch)[1]]


def _named_as(repository: Repository) -> str:
    """Return the name of an input of a fingerprint. A query, which may be a token, is no part of it."""
    return f"repository {repository.url.partition('?')[0]} {repository.distribution}".strip()


def addressed(repositories: Sequence[Repository], package_manager: str, arch: str) -> list[Repository]:
    """Return the repositories that can be asked, with their addresses as the package manager will ask for them.

    Those are left out, and logged, whose address only the package manager knows.
    """
    asked: list[Repository] = []
    for repository in filter(is_on_web, repositories):
        url, variable = _address(repository, package_manager, arch)
        if variable:
            logger.info("not waiting for %s: only %s knows the value of %s", url, package_manager, variable)
        else:
            asked.append(repository.model_copy(update={"url": url}))
    return asked


def _address(repository: Repository, package_manager: str, arch: str) -> tuple[str, str]:
    """Return a repository's address as far as it is known, and a variable of it whose value is not known."""
    url = expanded(repository.url, package_manager, arch)
    return url, unknown_variable(url, package_manager)


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
) -> list[Answer]:
    """Ask all repositories in parallel, in rounds, until one round finds all of them ready; return their answers.

    Args:
        repositories: The repositories to ask.
        ask_one: Asks one repository.
        interval: Pause between two rounds.
        limit: When to give up.

    Raises:
        PermanentError: See wait_for_repositories.
    """
    if not repositories:
        return []
    ends_at = time.monotonic() + limit.total_seconds()
    pool = ThreadPoolExecutor(max_workers=min(_AT_A_TIME, len(repositories)))

    def ask_all() -> list[Answer]:
        return list(pool.map(partial(_in_time, ask_one, ends_at), repositories))

    try:
        while missing := _missing(repositories, answers := ask_all()):
            if time.monotonic() + interval.total_seconds() > ends_at:
                raise LimitReached(
                    f"{len(missing)} of {len(repositories)} repositories are not ready after "
                    f"{limit.total_seconds():g} s: {_named(missing, _NAMED_AT_LAST)}",
                    resolution="correct their addresses in the recipe or the site file, or start their servers, then "
                    "run the job again; IMS_REPOSITORY_LIMIT is the limit",
                )
            _log_progress(len(repositories), missing)
            time.sleep(interval.total_seconds())
    finally:
        # A cancelled job does not wait for servers that do not answer.
        pool.shutdown(wait=False, cancel_futures=True)
    logger.info("all %d repositories are ready", len(repositories))
    return answers


def _in_time(ask_one: Callable[[Repository], Answer], ends_at: float, repository: Repository) -> Answer:
    # Many repositories that are silent would make one round longer than the limit.
    return ask_one(repository) if time.monotonic() < ends_at else Answer(_NOT_ASKED)


def _missing(repositories: Sequence[Repository], answers: Sequence[Answer]) -> list[str]:
    for answer in answers:
        if answer.refusal:
            raise answer.refusal
    silent = [pair for pair in zip(repositories, answers, strict=True) if pair[1].text]
    # Those that were asked are named first: their answers say what is wrong.
    silent.sort(key=lambda pair: pair[1].text == _NOT_ASKED)
    return [f"{_cut(metadata_urls(repository)[0])} ({_cut(answer.text)})" for repository, answer in silent]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_NAMED else f"{text[:_LONGEST_NAMED]}…"


def _named(missing: Sequence[str], most: int) -> str:
    others = f" and {len(missing) - most} others" if len(missing) > most else ""
    return f"{', '.join(missing[:most])}{others}"


def _log_progress(total: int, missing: Sequence[str]) -> None:
    logger.info("%d of %d repositories ready, waiting for %s", total - len(missing), total, _named(missing, _NAMED))
