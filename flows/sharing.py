"""How workers of one pool share what is due: each run to the one that has least in hand.

Each worker reckons for all of them by the same rule, and takes what comes out for itself: they need not talk.
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
        in_hand: How many runs each worker has; of two with as many the name decides.
        limit: How many a worker may have; a run that nobody has room for is nobody's.
        bound: The workers that some runs are for, whatever others have.
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
