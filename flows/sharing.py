"""How workers of one pool share the runs that are due: each run goes to the worker that has the fewest.

Each worker computes the shares of all workers by the same rule, and takes its own: they need not communicate.
"""

from collections.abc import Mapping, Sequence

Shares = dict[str, list[str]]


def shares(
    due: Sequence[str],
    in_hand: Mapping[str, int],
    limit: int | None = None,
    bound: Mapping[str, str] | None = None,
) -> Shares:
    """Return which of the runs that are due each worker takes, in their order.

    Args:
        due: The ids of the runs, the longest due first.
        in_hand: How many runs each worker has; of two that have as many, the first by name comes first.
        limit: How many runs a worker may have; a run that no worker has room for is in no share.
        bound: The workers that some runs are bound to, however many runs the others have.
    """
    load = dict(in_hand)
    taken: Shares = {name: [] for name in load}
    for run in due:
        name = (bound or {}).get(run) or min(load, key=lambda known: (load[known], known))
        if limit is not None and load[name] >= limit:
            continue
        taken[name].append(run)
        load[name] += 1
    return taken
