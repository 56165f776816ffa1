"""Following a pod's log by one connection after the other. A log failure never fails the step."""

import logging
import time

from errors import ImsError, NotFound
from pods.kubernetes.api import ClusterApi
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.stamps import StampedLines
from pods.log_copy import LogCopy

logger = logging.getLogger(__name__)

LAST_READS = 5


class PodLog:
    """Copies the log of one pod.

    Args:
        api: The cluster.
        pod: The pod's name.
        copy: Takes the output.
        options: The limits.
    """

    def __init__(self, api: ClusterApi, pod: str, copy: LogCopy, options: KubernetesOptions) -> None:
        self._api = api
        self._pod = pod
        self._copy = copy
        self._options = options
        self._lines = StampedLines()

    def follow(self) -> bool:
        """Copy the output until the connection ends; return False when it ended by a fault or after silence."""
        try:
            self._read(follow=True)
        except ImsError as error:
            logger.debug("%s", error.message)
            return False
        return True

    def finish(self) -> None:
        """Copy what is left of the log of a container that has ended.

        A stream that a proxy ended early looks like the log's end, so it is read until nothing new comes.
        """
        failure = "it changed between two reads"
        for attempt in range(LAST_READS):
            last = self._lines.unfinished
            try:
                if not self._read(follow=False) and self._lines.unfinished == last:
                    break
            except NotFound:
                # The pod is gone, and its log with it: only what was followed remains.
                break
            except ImsError as error:
                failure = error.message
                time.sleep(self._options.pause.total_seconds() * attempt)
        else:
            logger.warning("the end of the log of pod %s may be missing: %s", self._pod, failure)
        self._copy.feed(self._lines.end())
        self._copy.end()

    def _read(self, *, follow: bool) -> bool:
        """Copy the output of one connection; return whether any line of it was new."""
        since, news = self._lines.since, False
        self._lines.begin_again()
        for block in self._api.log(self._pod, follow=follow, since=since):
            if output := self._lines.feed(block):
                self._copy.feed(output)
                news = True
        return news
