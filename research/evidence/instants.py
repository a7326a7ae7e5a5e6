"""Where an audit looks: bars at which models are fitted, bars beside entries and exits, and any others.

In: the trace of a clean run, or of one with a leak. Out: bars.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.evidence.traces import Trace
from research.kernels.account import ENTERED, O_REASON

__all__ = ["choose_instants", "require_asked", "telling_instants"]

I64 = NDArray[np.int64]

_AFTER_LAST = 2  # the last bar but one is the last that has a future


def require_asked(count: int, bars: int, seed: int) -> None:
    """Refuse an audit that so many bars cannot have, before anything is run.

    Raises
    ------
    BadValue
        Fewer than 1 instant, or more than there are bars with a past and a future; a negative seed.
    """
    if seed < 0:
        raise BadValue(f"`seed` must be a whole number ≥ 0, was {seed}; 7 is the usual one")
    last = bars - _AFTER_LAST
    if count < 1 or count > last:
        raise BadValue(
            f"`instants` must be from 1 to {max(last, 0)}, the bars that have bars on both sides, was {count}"
        )


def choose_instants(base: Trace, count: int, seed: int) -> tuple[list[int], list[str]]:
    """Choose instants: up to a third retrainings, a third beside entries and exits, the rest anywhere.

    Parameters
    ----------
    base : Trace
    count, seed : int

    Returns
    -------
    list of int, list of str
        Bars, ascending, and what happens there: "retraining", "entry", "exit" or "".

    Raises
    ------
    BadValue
        Fewer than 1, or more than there are bars with a past and a future.
    """
    last = len(base.bar_close) - _AFTER_LAST
    require_asked(count, len(base.bar_close), seed)
    rng = np.random.default_rng(seed)
    orders = base.stages["orders"]
    entered = orders.values[:, O_REASON] == ENTERED
    # At t the order is decided and at t + 1 it fills; and the bar of the fill itself.
    entries, exits = (np.concatenate((b - 1, b)) for b in (orders.bar[entered], orders.bar[~entered]))
    chosen: dict[int, str] = {}
    for what, bars in zip(("retraining", "entry", "exit"), (_fits(base), entries, exits), strict=True):
        share = count // 3 if what == "retraining" else count // 6
        free = np.array([t for t in np.unique(bars) if t <= last and t not in chosen], np.int64)
        for t in rng.permutation(free)[:share]:
            chosen[int(t)] = what
    free = np.array([t for t in range(last + 1) if t not in chosen], np.int64)
    for t in rng.permutation(free)[: count - len(chosen)]:
        chosen[int(t)] = ""
    at = sorted(chosen)
    return at, [chosen[t] for t in at]


def telling_instants(base: Trace) -> list[int]:
    """Return bars at which leaks tend to show: of an entry's decision and of a fit, late and early.

    A choice made with hindsight shows early, where most of what decides it is still to come.
    """
    last = len(base.bar_close) - _AFTER_LAST
    orders = base.stages["orders"]
    found: list[int] = []
    for bars in (orders.bar[orders.values[:, O_REASON] == ENTERED] - 1, _fits(base)):
        known = bars[bars <= last]
        found += [int(known[int(share * known.size)]) for share in (0.9, 0.2) if known.size]
    return [*found, int(0.8 * last), int(0.5 * last)]


def _fits(base: Trace) -> I64:
    """Return the bars at which models were fitted."""
    return base.stages["fits"].bar if "fits" in base.stages else np.empty(0, np.int64)
