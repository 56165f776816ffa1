"""What the cluster did with a pod and its claim, as evidence: Kubernetes' events, a line each."""

import logging
from itertools import chain

from errors import ImsError
from pods.kubernetes.api import ClusterApi, Kind, Resource
from pods.kubernetes.pod import PodState

logger = logging.getLogger(__name__)

MOST = 20


def events_of(api: ClusterApi, state: PodState, claim: str = "") -> list[str]:
    """Return the last events of a pod and of its claim, oldest first; none when they cannot be read."""
    selectors = [f"involvedObject.uid={state.uid}"]
    if claim:
        selectors.append(f"involvedObject.name={claim},involvedObject.kind=PersistentVolumeClaim")
    try:
        found = list(chain.from_iterable(api.list(Kind.EVENTS, fields=fields).items for fields in selectors))
    except ImsError as error:
        logger.warning("the events of pod %s cannot be read: %s", state.name, error.message)
        return []
    return [_line(event) for event in sorted(found, key=_time)][-MOST:]


def _time(event: Resource) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")


def _line(event: Resource) -> str:
    times = event.get("count") or (event.get("series") or {}).get("count") or 1
    often = f" ({times} times)" if times > 1 else ""
    return f"{event.get('reason', '')}: {' '.join(str(event.get('message', '')).split())}{often}"
