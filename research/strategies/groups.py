"""Cells of a sweep, group by group: features made, the strategy asked once, each cell's account ridden.

In: one symbol's bars and held rows, and cells ordered such that those that choose alike follow each other.
Out: sums, returns or moments and sketches per cell. One call runs any number of groups, since a call from
Python costs as much as a group of one cell.

A strategy that wants something only where two rows cross is asked at these bars alone. Of any other, groups
go in blocks, and a block goes through the bars in tiles that stay in the nearest cache: features,
what the strategy makes of them, and what of that is an event (`research.kernels.events`). Then each cell is
ridden by its events.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.bars import actions_nb
from research.kernels.compared import compare_nb, turns_nb
from research.kernels.events import N_LISTS, end_events_nb
from research.kernels.jit import njit
from research.kernels.ride import cell_nb
from research.kernels.sums import SUMS
from research.kernels.trials import returns_nb, trial_nb
from research.strategies.asked import choose_rarely_nb, choose_tile_nb

__all__ = ["groups_nb"]

_BLOCK = 8  # groups that go through the bars together
_TILE = 512  # bars: a strategy's rows of so many fit the nearest cache
_FEW = 64  # closes that a strategy is asked at once, where it is asked at few


@njit
def groups_nb(
    number: int,
    rare: bool,
    rows: NDArray[np.float64],
    standing: NDArray[np.uint16],
    lead: int,
    recipes: NDArray[np.int64],
    reads: NDArray[np.int32],
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
        The strategy, from `asked.number_of`.
    rare : bool
        From `asked.is_rare`.
    rows : (R, lead + T) float64
        Held rows, with `lead` bars before the first that may trade.
    standing : (S, lead + T) uint16
        How those that cross stand (`research.kernels.standing`).
    recipes : (M, 4) int64
        How each feature comes from them (`research.kernels.compared`).
    reads : (D, K) int32
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
    n_bars, n_features = bars.shape[1], reads.shape[1]
    n_tiles = max(1, -(-n_bars // _TILE))
    tile = _FEW if rare else max(1, -(-n_bars // n_tiles))
    rest = 0 if rare else n_bars - n_bars // tile * tile  # bars of the last tile, where it is a shorter one
    features, rest_features = np.empty((n_features, tile)), np.empty((n_features, rest))
    predictions, rest_predictions = np.empty((0, tile)), np.empty((0, rest))
    chosen, rest_chosen = np.empty((sg.N_SIGNALS, tile)), np.empty((sg.N_SIGNALS, rest))
    features[:] = 0.0
    bar, few = np.arange(n_bars).astype(np.int32), np.empty(tile, dtype=np.int32)
    shared, held = np.empty((sg.N_SHARED_FEATURES, n_bars)), np.full(sg.N_SHARED_FEATURES, -1)
    sized, orders = np.empty((sg.N_SIGNALS, 1)), np.empty((2 * n_bars, ac.N_ORDER))
    together = 1 if rare else _BLOCK
    events = np.empty((together, N_LISTS, n_bars + 1), dtype=np.int32)
    counts, groups = np.empty((together, N_LISTS), dtype=np.int64), np.empty((together, 2), dtype=np.int64)
    room = -(-(lead + n_bars) // 8) * 8 if rare else 0
    sides, turned = np.empty(room, dtype=np.uint8), np.zeros(room, dtype=np.uint8)
    turns = np.empty(room, dtype=np.int32)
    actions = np.empty(n_bars + 1, dtype=np.int32)
    actions_nb(bars, execution, actions)
    account = Account(blank.totals.copy(), blank.positions.copy(), blank.pending.copy())
    capital = blank.totals[ac.A_CASH]
    keep, judge = returns.shape[0] > 0, moments.shape[0] > 0
    equity = np.empty(n_bars if keep or judge else 0)
    records = sums.view(SUMS)
    for at in range(first, read.size, stride * together):
        size = min(together, -(-(read.size - at) // stride))
        for b in range(size):
            g = at + b * stride
            groups[b, 0], groups[b, 1] = read[g], order[starts[g]]
        block = groups[:size]
        counts[:] = 0
        if rare:
            names = reads[groups[0, 0]]
            crossing = recipes[names[n_features - 1]]
            n_turns = turns_nb(standing[crossing[2]], standing[crossing[3]], sides, turned, turns)
            choose_rarely_nb(
                number, rows, standing, lead, recipes, names, vectors[groups[0, 1]], turns, n_turns, few,
                features, predictions, chosen, events[0], counts[0],
            )  # fmt: skip
        else:
            for begin in range(0, n_bars - rest, tile):
                choose_tile_nb(
                    number, rows, standing, lead, recipes, reads, vectors, block, bar[begin : begin + tile],
                    features, predictions, chosen, events, counts,
                )  # fmt: skip
            if rest > 0:
                choose_tile_nb(
                    number, rows, standing, lead, recipes, reads, vectors, block, bar[n_bars - rest :],
                    rest_features, rest_predictions, rest_chosen, events, counts,
                )  # fmt: skip
        for b in range(size):
            end_events_nb(events[b], counts[b], n_bars)
            for k in range(held.size):
                name = reads[groups[b, 0], k]
                if name != held[k]:
                    compare_nb(recipes[name], rows, standing, lead, 0, shared, k)
                    held[k] = name
            g = at + b * stride
            for i in range(starts[g], starts[g + 1]):
                c = order[i]
                cell_nb(
                    account, blank, bars, actions, events[b], shared, vectors[c], sized, execution, orders,
                    records[c, 0], equity,
                )  # fmt: skip
                if keep:
                    returns_nb(equity, capital, returns[c])
                elif judge:
                    returns_nb(equity, capital, equity)
                    trial_nb(equity, bucket, sign, moments[c], sketches[c])
