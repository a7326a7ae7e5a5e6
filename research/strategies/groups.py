"""Cells of a sweep, group by group: features made, the strategy asked once, each cell's account ridden.

In: one symbol's bars and held rows, and cells ordered such that those that choose alike follow each other.
Out: sums, returns or moments and sketches per cell. One call runs any number of groups, since a call from
Python costs as much as a group of one cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.compared import compare_nb
from research.kernels.jit import njit
from research.kernels.ride import cell_nb, entries_nb
from research.kernels.sums import SUMS
from research.kernels.trials import returns_nb, trial_nb
from research.strategies.adaptive_momentum import ADAPTIVE_MOMENTUM, adaptive_momentum_nb
from research.strategies.base import Strategy
from research.strategies.ma_crossover import MA_CROSSOVER, ma_crossover_nb

__all__ = ["groups_nb", "number_of"]

# In the order of `choose_by_nb`: kernels are called by name, since one that is passed misses the cache.
_ASKED = (ADAPTIVE_MOMENTUM, MA_CROSSOVER)


def number_of(rule: Strategy) -> int:
    """Return the number by which `groups_nb` knows a strategy.

    Raises
    ------
    BadValue
        It has none: it was not written down in this file.
    """
    for number, asked in enumerate(_ASKED):
        if asked.kernel is rule.kernel:
            return number
    raise BadValue(
        "without a model the fused engine runs strategies that research/strategies/groups.py names, "
        f"was {rule.name}; "
        'name it there, or use engine="vectorbt"'
    )


@njit
def choose_by_nb(
    number: int,
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    params: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Ask the strategy of that number."""
    if number == 0:
        adaptive_momentum_nb(features, predictions, params, out)
    elif number == 1:
        ma_crossover_nb(features, predictions, params, out)


@njit
def groups_nb(
    number: int,
    rows: NDArray[np.float64],
    lead: int,
    recipes: NDArray[np.int64],
    reads: NDArray[np.int64],
    vectors: NDArray[np.float64],
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    read: NDArray[np.int64],
    first: int,
    stride: int,
    blank: Account,
    bars: NDArray[np.float64],
    execution: NDArray[np.float64],
    sums: NDArray[np.float64],
    returns: NDArray[np.float64],
    bucket: NDArray[np.int64],
    sign: NDArray[np.float64],
    moments: NDArray[np.float64],
    sketches: NDArray[np.float64],
) -> None:
    """Run groups first, first + stride, … of G.

    Parameters
    ----------
    number : int
        The strategy, from `number_of`.
    rows : (R, lead + T) float64
        Held rows, with `lead` bars before the first that may trade.
    recipes : (M, 4) int64
        How each feature comes from them (`research.kernels.compared`).
    reads : (D, K) int64
        Distinct lists of features; the shared ones first.
    vectors : (C, P) float64
        All parameters of each cell.
    order : (C,) int64
        Cells, group by group.
    starts : (G + 1,) int64
        Group g has the cells order[starts[g]] … order[starts[g + 1] − 1].
    read : (G,) int64
        The list of each group.
    blank : Account
        Of one symbol, as each account begins.
    bars : (N_BARS, T) float64
    execution : (N_EXECUTION,) float64
    sums : (C, N_SUMS) float64
        Zeros; written.
    returns : (C, T) float64
        Written; (0, T) where nobody reads it.
    bucket, sign : (T,)
        Of `trials.trial_nb`.
    moments, sketches : (C, N_MOMENTS), (C, S) float64
        Zeros; written. (0, …) where nobody reads them.
    """
    n_bars = bars.shape[1]
    features = np.empty((reads.shape[1], n_bars))
    held = np.full(reads.shape[1], -1)
    predictions = np.empty((0, n_bars))
    chosen, sized = np.empty((sg.N_SIGNALS, n_bars)), np.empty((sg.N_SIGNALS, 1))
    orders, ahead = np.empty((2 * n_bars, ac.N_ORDER)), np.empty(n_bars + 1, dtype=np.int32)
    account = Account(blank.totals.copy(), blank.positions.copy(), blank.pending.copy())
    capital = blank.totals[ac.A_CASH]
    keep, judge = returns.shape[0] > 0, moments.shape[0] > 0
    equity = np.empty(n_bars if keep or judge else 0)
    records = sums.view(SUMS)
    for g in range(first, read.size, stride):
        for k in range(held.size):
            name = reads[read[g], k]
            if name != held[k]:
                compare_nb(recipes[name], rows, lead, features, k)
                held[k] = name
        choose_by_nb(number, features, predictions, vectors[order[starts[g]]], chosen)
        entries_nb(chosen, ahead)
        for at in range(starts[g], starts[g + 1]):
            c = order[at]
            cell_nb(
                account, blank, bars, chosen, features, vectors[c], sized, ahead, execution, orders,
                records[c, 0], equity,
            )  # fmt: skip
            if keep:
                returns_nb(equity, capital, returns[c])
            elif judge:
                returns_nb(equity, capital, equity)
                trial_nb(equity, bucket, sign, moments[c], sketches[c])
