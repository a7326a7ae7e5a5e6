"""One bar of windows: the trees of `research.kernels.windows` with n − 1 merges instead of n·log n.

In: the window of one bar in scratch, of one symbol or of several side by side. Out: its statistic, to
the same bits. Many bars share their blocks; a single one, as live has it, has nothing to share:

1. Neighbours are merged into half as many blocks, again and again.
2. Where the number of blocks is odd, the newest is left over: with what was left over before, it
   makes the newer part of the next merge. These are the blocks of the tree, from small to large.

For 1. to run over places in a row, bars are first laid out so that every merge finds the older blocks in
the first half of its places and the newer ones in the second (`order_of`). What does not depend on the order
of its bars needs no layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import inlined, njit
from research.kernels.windows import (
    EXTREMES,
    HIGHEST,
    MEANS_2,
    MEANS_3,
    PAIR,
    RECENCY,
    ROWS,
    Array,
    U,
    clear_nb,
    merge_nb,
)

__all__ = ["LANES", "fold_nb", "order_of"]

# Symbols side by side: enough for loops over them to vectorise, few enough for their tails to stay near.
LANES = 16
FULL = U(LANES)


def order_of(n: int) -> list[int]:
    """Return the place of each bar of an n-bar window, oldest first.

    Examples
    --------
    >>> order_of(4), order_of(7)
    ([0, 2, 1, 3], [0, 3, 1, 4, 2, 5, 6])
    """
    if n == 1:
        return [0]
    half = n // 2
    pairs = order_of(half)
    places = [pairs[t // 2] + t % 2 * half for t in range(2 * half)]
    return [*places, n - 1] if n % 2 else places


@inlined
def spread_nb(
    row: np.uint64,
    low: np.uint64,
    order: NDArray[np.int64],
    begin: int,
    n: int,
    lanes: np.uint64,
    s: Array,
) -> None:
    """Lay a row of the n bars from place `low` of slot 0 out in slot 1."""
    for t in range(U(n)):
        source = low + t * lanes
        target = U(order[U(begin) + t]) * lanes
        if lanes == FULL:
            # The number is known here, so that no copy begins with asking how long it is.
            for b in range(FULL):
                s[1, row, target + b] = s[0, row, source + b]
        else:
            for b in range(lanes):
                s[1, row, target + b] = s[0, row, source + b]


@njit
def fold_nb(
    kind: np.int64, n: int, at: np.uint64, lanes: np.uint64, order: NDArray[np.int64], begin: int, s: Array
) -> np.uint64:
    """Compute a statistic of the n-bar windows that end at places at..at + lanes − 1.

    Parameters
    ----------
    kind : int64
        What to compute, see the constants of `research.kernels.windows`.
    n : int
        Window, ≥ 1.
    at : uint64
        First place of the bar, ≥ (n − 1)·lanes.
    lanes : uint64
        Places from a bar to the next.
    order : (M,) int64
        From `begin` on, what `order_of` gives for n.
    begin : int
        First of n entries.
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, T) float64, changed in place
        Places at − (n − 1)·lanes..at + lanes − 1 of slot 0 hold the series.

    Returns
    -------
    uint64
        The slot whose places at..at + lanes − 1 hold the result.
    """
    zero, one, two, three = U(0), U(1), U(2), U(3)
    blocks = U(n)
    low = at + lanes - blocks * lanes
    cur = zero
    if kind != EXTREMES and kind != HIGHEST:
        spread_nb(zero, low, order, begin, n, lanes, s)
        if kind == MEANS_2 or kind == MEANS_3 or kind == PAIR:
            spread_nb(one, low, order, begin, n, lanes, s)
        if kind == RECENCY or kind == MEANS_3:
            spread_nb(two, low, order, begin, n, lanes, s)
        low = zero
        cur = one
        clear_nb(kind, low, blocks * lanes, cur, s)
    merged = two
    m = 1.0
    done = 0.0
    while True:
        if blocks & one:
            last = low + (blocks - one) * lanes
            if done == 0.0:
                for r in range(ROWS[kind]):
                    for b in range(lanes):
                        s[two, r, at + b] = s[cur, r, last + b]
            else:
                into = two - merged
                merge_nb(kind, cur, merged, at - last, m, done, done, at, at + lanes, into, s)
                merged = into
            done += m
        if blocks == one:
            return merged
        blocks = blocks >> one
        half = blocks * lanes
        low = low + half
        into = three if cur == one else one
        merge_nb(kind, cur, cur, half, m, m, m, low, low + half, into, s)
        cur = into
        m += m
