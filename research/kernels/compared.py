"""A feature that compares two statistics, made from their rows, where many pairs share few statistics.

In: rows that are held, and how those that cross stand among each other (`research.kernels.standing`). Out:
the feature's row, by the very operations of a program (`research.kernels.rows`), or the few bars of it that
matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels.jit import njit
from research.kernels.trend import crossed_nb, ratio_nb, side_nb

__all__ = ["HELD", "compare_nb", "crossing_nb", "turns_nb"]

# A recipe is four integers: the code of a row step, its parameter, the rows that it reads.
HELD = 0  # no step at all: the feature is the first of its rows

_AT_ONCE = 8  # bars that are asked together whether any of them differs from the one before


@njit
def stood_nb(one: int, other: int) -> float:
    """Side of one row against another by their places; `trend.side_nb` of their values."""
    return side_nb(float(one) if one > 0 else np.nan, float(other) if other > 0 else np.nan)


@njit
def crossing_nb(one: NDArray[np.uint16], other: NDArray[np.uint16], at: int) -> float:
    """Return what `compare_nb` makes of bar `at` ≥ 1 of two standing rows by CROSS."""
    return crossed_nb(stood_nb(one[at - 1], other[at - 1]), stood_nb(one[at], other[at]))


@njit
def compare_nb(
    recipe: NDArray[np.int64],
    rows: NDArray[np.float64],
    standing: NDArray[np.uint16],
    lead: int,
    begin: int,
    out: NDArray[np.float64],
    k: int,
) -> None:
    """Make one feature, of some bars that follow each other.

    Parameters
    ----------
    recipe : (4,) int64
        HELD, or the code OVER or CROSS; its parameter; two rows: of `standing` for CROSS, else of `rows`.
    rows : (R, lead + T) float64
        Statistics and features that are held.
    standing : (S, lead + T) uint16
        Statistics of which only places are held.
    lead : int
        Bars of the rows before the first that may trade, 0 or 1.
    begin : int
        The first bar to make, counted from the first that may trade.
    out : (K, M) float64
        Row `k` is written: bars begin … begin + M − 1.
    """
    code, first, to = recipe[0], lead + begin, out[k]
    last = first + to.size
    # Cut first and counted from 0: an index that might be negative keeps a loop from vectorising.
    if code == do.OVER:
        minus, a, b = float(recipe[1]), rows[recipe[2], first:last], rows[recipe[3], first:last]
        for i in range(to.size):
            to[i] = ratio_nb(a[i], b[i], minus)
    elif code == do.CROSS:
        unknown = 1 if first == 0 and to.size > 0 else 0
        to[:unknown] = np.nan  # nobody knows the side before a symbol's first bar
        one, other = standing[recipe[2]], standing[recipe[3]]
        for i in range(unknown, to.size):
            to[i] = crossing_nb(one, other, first + i)
    else:
        to[:] = rows[recipe[2], first:last]


@njit
def turns_nb(
    one: NDArray[np.uint16],
    other: NDArray[np.uint16],
    sides: NDArray[np.uint8],
    turned: NDArray[np.uint8],
    at: NDArray[np.int32],
) -> int:
    """List the bars on which one row is on another side of the other than on the bar before.

    On all other bars `crossing_nb` is 0 or NaN. Returns how many are listed.

    Parameters
    ----------
    one, other : (L,) uint16
        Standing rows.
    sides, turned : (P,) uint8
        Scratch; P is L rounded up to a multiple of 8, and `turned` holds zeros from L on.
    at : (P,) int32
        Written from the front, ascending.
    """
    # Bytes, in loops without a branch, so that they vectorise.
    for i in range(one.size):
        sides[i] = (one[i] > other[i]) | ((one[i] < other[i]) << 1)
    turned[0] = 0
    before, now, differs = sides[: one.size - 1], sides[1 : one.size], turned[1 : one.size]
    for i in range(differs.size):
        differs[i] = before[i] ^ now[i]
    eights = turned.view(np.uint64)
    n = 0
    for w in range(eights.size):
        if eights[w] != 0:
            for i in range(_AT_ONCE * w, _AT_ONCE * w + _AT_ONCE):
                at[n] = i  # overwritten by the next one, unless it counts
                n += 1 if turned[i] != 0 else 0
    return n
