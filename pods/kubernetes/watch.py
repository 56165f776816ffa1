"""Watching one pod: list, then watch from there for a while, and again.

Every window begins with a list, so that nothing depends on a watch: when one is slow, cut off, expired (410) or not
allowed, changes are only seen later. The pod is known by its uid: another pod of its name is not taken for it.
"""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta

from errors import Denied, Interrupted, TransientError, Unreachable
from pods.kubernetes.api import ClusterApi, Kind, Resource
from pods.kubernetes.errors import Expired
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.pod import PodState
from pods.polling import poll

logger = logging.getLogger(__name__)

# How long a watch of past events lasts.
REPLAY = timedelta(seconds=1)


class PodWatch:
    """One pod of a cluster, and its state as last seen.

    Args:
        api: The cluster.
        state: The pod.
        options: The limits.
    """

    def __init__(self, api: ClusterApi, state: PodState, options: KubernetesOptions) -> None:
        self.state = state
        self._api = api
        self._options = options
        self._version = str(state.entry["metadata"]["resourceVersion"])
        self._fields = f"metadata.name={state.name}"

    def look(self) -> PodState:
        """Read the pod.

        Raises:
            Interrupted: It is gone, or another one has its name.
            Unreachable: The API server does not answer for too long.
        """
        self._list()
        return self.state

    def states(self, window: timedelta | None = None) -> Iterator[PodState]:
        """Yield the pod's state now, at each change, and at least once in each window.

        Args:
            window: How long one watch lasts; as the options say when it is left out.

        Raises:
            Interrupted, Unreachable: as `look`.
        """
        window = window or self._options.window
        while True:
            version, began = self._list(), time.monotonic()
            yield self.state
            try:
                for kind, entry in self._api.watch(Kind.PODS, version, fields=self._fields, window=window):
                    if self._take(kind, entry):
                        yield self.state
            except (TransientError, Denied) as error:
                if isinstance(error, Interrupted):
                    raise
                logger.debug("pod %s is looked at instead of watched: %s", self.state.name, error.message)
            # A watch that fails or ends at once must not cause a storm of lists.
            least = self._options.pause.total_seconds()
            time.sleep(max(0.0, least - (time.monotonic() - began)))

    def until_over(self, limit: timedelta) -> PodState:
        """Wait for the pod's end, for so long at the most, and return it as it is then."""
        give_up = time.monotonic() + limit.total_seconds()
        for state in self.states(limit):
            if state.is_over or time.monotonic() >= give_up:
                break
        return self.state

    def _list(self) -> str:
        found = self._api.list(Kind.PODS, fields=self._fields)
        if found.items:
            self._take("MODIFIED", found.items[0])
        else:
            self._read_its_end()
        self._version = found.version
        return found.version

    def _read_its_end(self) -> None:
        """Find out how a pod ended that was removed since the last look, as far as the API server remembers.

        Raises:
            Interrupted: It had not ended, or that is not known.
        """
        if not poll(self._replay, self._options.patience, self._options.pause):
            raise self._gone()

    def _replay(self) -> bool | None:
        """Read the pod's last events; return whether its removal was one of them, None without an answer."""
        try:
            for kind, entry in self._api.watch(Kind.PODS, self._version, fields=self._fields, window=REPLAY):
                self._take(kind, entry)
                if kind == "DELETED":
                    return True
        except Unreachable as error:
            logger.debug("how pod %s ended is asked for again: %s", self.state.name, error.message)
            return None
        except (Expired, Denied) as error:
            logger.debug("it is not known how pod %s ended: %s", self.state.name, error.message)
        return False

    def _take(self, kind: str, entry: Resource) -> bool:
        """Take an event; return whether it changes the state."""
        if kind == "BOOKMARK":
            return False
        seen = PodState(entry)
        if seen.uid != self.state.uid:
            raise Interrupted(f"pod {seen.name} was replaced by another one of its name")
        self.state = seen
        if kind == "DELETED" and not seen.is_over:
            raise self._gone()
        return True

    def _gone(self) -> Interrupted:
        return Interrupted(f"pod {self.state.name} was removed while it ran")
