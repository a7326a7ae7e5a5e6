"""Statistics of trailing windows, computed afresh for every bar in O(log n) vector passes.

In: rows of scratch that hold a series. Out: a slot of scratch that holds its statistics.

A window of n bars is cut into blocks of powers of two (21 = 16 + 4 + 1, oldest block first) and
its statistic is merged from theirs, pairwise:

1. Slot 0 holds blocks of one bar: the series itself.
2. Doubling: the statistic of 2m bars ending at row i is merged from that of the m bars ending
   at row i − m and that of the m bars ending at row i, for all rows at once.
3. Where n has a block of size m, that level is merged, as the older part, with what the smaller
   blocks have given so far.

So each value comes from its own n bars by one fixed tree of operations: the same bits whatever
came before, wherever a chunk begins. The loop over rows is innermost and carries nothing, so it
vectorises, and a 200-bar mean costs nine passes instead of two hundred. Adding the window one by
one, oldest to newest, has the same freedom from history, but its cost grows with n and its
rounding error with it; a running add-and-subtract sum has neither the bits nor the accuracy.
Merging means, never sums, makes a window of equal values exactly flat.

Merging rules: T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for
computing sample variances", Stanford STAN-CS-79-773, 1979; third moment and covariance: P. Pébay,
"Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
statistical moments", Sandia SAND2008-6212, 2008.

Row numbers are unsigned here and in the kernels that call here: a signed index makes Numba
test every access for Python's negative indexing, and a loop with that test does not vectorise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit

__all__ = [
    "DRAWDOWN",
    "EXTREMES",
    "LINE",
    "MEAN",
    "PAIR",
    "RECENCY",
    "SCRATCH_ROWS",
    "SCRATCH_SLOTS",
    "SKEW",
    "VARIANCE",
    "Array",
    "U",
    "clear_nb",
    "copy_nb",
    "tree_nb",
    "warm_nb",
]

Array = NDArray[np.float64]
U = np.uint64

# What a tree computes, and the meaning of the rows in its slots. NumPy scalars, here and below, since
# Numba would compile a function anew for each value of a plain constant that it is called with.
MEAN = np.int64(1)  # mean of one series
MEANS_2 = np.int64(2)  # means of two series
MEANS_3 = np.int64(3)  # means of three series
VARIANCE = np.int64(4)  # mean, population variance
LINE = np.int64(5)  # mean, population variance, covariance with time
SKEW = np.int64(6)  # mean, population variance, third central moment
PAIR = np.int64(7)  # mean x, mean y, variance x, variance y, covariance
DRAWDOWN = np.int64(8)  # highest, lowest, smallest later/earlier
EXTREMES = np.int64(9)  # highest of the first series, lowest of the second
RECENCY = np.int64(10)  # highest, bars since, lowest of the second series, bars since; latest of ties

_ROWS = (0, 1, 2, 3, 2, 3, 3, 5, 3, 2, 4)

# Two slots take turns for the doubled blocks, two for the merged window.
SCRATCH_SLOTS = 4
SCRATCH_ROWS = 5


@njit
def warm_nb(rows: Array, out: int, start: int, stop: int, lookback: int) -> np.uint64:
    """Write NaN from bar `start` over the bars without a full window; return the first bar with one.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
        Bar 0 is the symbol's first, or a later one that has `lookback` bars before bar `start`.
    out : int
        Row to write.
    start, stop : int
        Bars to fill.
    lookback : int
        Bars before the first value.

    Returns
    -------
    uint64
        max(start, lookback); `stop` or more if no bar of this call has a value.
    """
    for i in range(start, min(lookback, stop)):
        rows[out, i] = np.nan
    return U(max(start, lookback))


@njit
def merge_nb(
    kind: np.int64,
    older: np.int64,
    newer: np.int64,
    lag: np.uint64,
    a: float,
    b: float,
    low: np.uint64,
    stop: np.uint64,
    into: np.int64,
    s: Array,
) -> None:
    """Merge, for each row i in low..stop−1, the block that ends at i − lag with the one that ends at i.

    Parameters
    ----------
    kind : int64
        What is merged, see the constants of this module.
    older, newer : int64
        Slots of the two blocks.
    lag : uint64
        Bars between the ends of the blocks.
    a, b : float
        Sizes of the older and the newer block.
    low, stop : uint64
        Rows to fill.
    into : int64
        Slot to fill; neither `older` nor `newer`.
    s : (slots, rows, T) float64
        Scratch.
    """
    wa = a / (a + b)
    wb = b / (a + b)
    ww = wa * wb
    if kind <= MEANS_3:
        for k in range(kind):
            for i in range(low, stop):
                x = s[older, k, i - lag]
                s[into, k, i] = x + wb * (s[newer, k, i] - x)
    elif kind == VARIANCE:
        for i in range(low, stop):
            x = s[older, 0, i - lag]
            d = s[newer, 0, i] - x
            s[into, 0, i] = x + wb * d
            s[into, 1, i] = (wa * s[older, 1, i - lag] + wb * s[newer, 1, i]) + ww * (d * d)
    elif kind == LINE:
        # The middles of the blocks are (a + b)/2 bars apart.
        wt = ww * 0.5 * (a + b)
        for i in range(low, stop):
            x = s[older, 0, i - lag]
            d = s[newer, 0, i] - x
            s[into, 0, i] = x + wb * d
            s[into, 1, i] = (wa * s[older, 1, i - lag] + wb * s[newer, 1, i]) + ww * (d * d)
            s[into, 2, i] = (wa * s[older, 2, i - lag] + wb * s[newer, 2, i]) + wt * d
    elif kind == SKEW:
        w3 = ww * (wa - wb)
        for i in range(low, stop):
            x = s[older, 0, i - lag]
            d = s[newer, 0, i] - x
            va = s[older, 1, i - lag]
            vb = s[newer, 1, i]
            s[into, 0, i] = x + wb * d
            s[into, 1, i] = (wa * va + wb * vb) + ww * (d * d)
            third = wa * s[older, 2, i - lag] + wb * s[newer, 2, i]
            s[into, 2, i] = third + d * (3.0 * ww * (vb - va) + w3 * (d * d))
    elif kind == PAIR:
        for i in range(low, stop):
            x = s[older, 0, i - lag]
            y = s[older, 1, i - lag]
            dx = s[newer, 0, i] - x
            dy = s[newer, 1, i] - y
            s[into, 0, i] = x + wb * dx
            s[into, 1, i] = y + wb * dy
            s[into, 2, i] = (wa * s[older, 2, i - lag] + wb * s[newer, 2, i]) + ww * (dx * dx)
            s[into, 3, i] = (wa * s[older, 3, i - lag] + wb * s[newer, 3, i]) + ww * (dy * dy)
            s[into, 4, i] = (wa * s[older, 4, i - lag] + wb * s[newer, 4, i]) + ww * (dx * dy)
    elif kind == DRAWDOWN:
        for i in range(low, stop):
            top = s[older, 0, i - lag]
            bottom = s[newer, 1, i]
            s[into, 0, i] = max(top, s[newer, 0, i])
            s[into, 1, i] = min(s[older, 1, i - lag], bottom)
            s[into, 2, i] = min(s[older, 2, i - lag], s[newer, 2, i], bottom / top)
    elif kind == EXTREMES:
        for i in range(low, stop):
            s[into, 0, i] = max(s[older, 0, i - lag], s[newer, 0, i])
            s[into, 1, i] = min(s[older, 1, i - lag], s[newer, 1, i])
    elif kind == RECENCY:
        ago = float(lag)
        for i in range(low, stop):
            x = s[older, 0, i - lag]
            y = s[newer, 0, i]
            s[into, 0, i] = max(x, y)
            s[into, 1, i] = s[newer, 1, i] if y >= x else s[older, 1, i - lag] + ago
            x = s[older, 2, i - lag]
            y = s[newer, 2, i]
            s[into, 2, i] = min(x, y)
            s[into, 3, i] = s[newer, 3, i] if y <= x else s[older, 3, i - lag] + ago


@njit
def tree_nb(kind: np.int64, n: int, first: np.uint64, stop: np.uint64, s: Array) -> np.int64:
    """Compute a statistic of the n-bar windows that end at rows first..stop−1.

    Parameters
    ----------
    kind : int64
        What to compute, see the constants of this module.
    n : int
        Window, ≥ 1.
    first, stop : uint64
        Rows to fill; first ≥ n − 1.
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, T) float64, changed in place
        Rows first − n + 1..stop − 1 of slot 0 hold the statistics of single bars.

    Returns
    -------
    int64
        The slot whose rows first..stop−1 hold the result.
    """
    size = U(n)
    one = U(1)
    two = U(2)
    low = first + one - size
    m = one  # bars in a doubled block
    done = U(0)  # bars merged so far
    level = np.int64(0)
    merged = np.int64(2)
    while True:
        last = m + m > size
        if kind >= EXTREMES and last:
            # Counting a bar twice does not change an extreme: two overlapping blocks make the window.
            if m == size:
                return level
            newer, lag, a, b, begin, into = level, size - m, m, m, first, 1 - level
            done = size
        elif kind < EXTREMES and (size - done) & m:
            if done == U(0):
                if m == size:
                    return level
                for k in range(_ROWS[kind]):
                    for i in range(first, stop):
                        s[merged, k, i] = s[level, k, i]
                done = m
                continue
            newer, lag, a, b, begin, into = merged, done, m, done, first, 5 - merged
            done = done + m
        else:
            newer, lag, a, b, begin, into = level, m, m, m, low + two * m - one, 1 - level
        merge_nb(kind, level, newer, lag, float(a), float(b), begin, stop, into, s)
        if done == size:
            return into
        if newer == level:
            level = into
            m = m + m
        else:
            merged = into


@njit
def copy_nb(x: Array, column: int, low: np.uint64, stop: np.uint64, row: int, s: Array) -> None:
    """Load bars low..stop−1 of a column into a row of slot 0."""
    for i in range(low, stop):
        s[0, row, i] = x[column, i]


@njit
def clear_nb(kind: np.int64, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Complete rows low..stop−1 of slot 0, in which the series are loaded: a single bar has no spread."""
    if kind == RECENCY:
        for i in range(low, stop):
            s[0, 1, i] = 0.0
            s[0, 3, i] = 0.0
    elif kind == DRAWDOWN:
        for i in range(low, stop):
            s[0, 1, i] = s[0, 0, i]
            s[0, 2, i] = 1.0
    elif VARIANCE <= kind <= PAIR:
        for k in range(2 if kind == PAIR else 1, _ROWS[kind]):
            for i in range(low, stop):
                s[0, k, i] = 0.0
