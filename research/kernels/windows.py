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

The rules of merging are in `research.kernels.merges`; a single window, as live has it, is merged by
the same rules and the same tree in `research.kernels.folds`.

Several symbols may lie side by side, bar by bar: place i·lanes + b is bar i of symbol b. A window then
moves, and looks back, by `lanes` places instead of one; nothing else changes.

Row numbers are unsigned here and in the kernels that call here: a signed index makes Numba
test every access for Python's negative indexing, and a loop with that test does not vectorise.
"""

from __future__ import annotations

import numpy as np

from research.kernels.jit import inlined, njit
from research.kernels.merges import (
    Array,
    U,
    fall_nb,
    highest_nb,
    line_nb,
    lowest_nb,
    mean_nb,
    pair_nb,
    since_high_nb,
    since_low_nb,
    skew_nb,
    trend_nb,
    variance_nb,
)

__all__ = [
    "DRAWDOWN",
    "EXTREMES",
    "HIGHEST",
    "LINE",
    "MEAN",
    "PAIR",
    "RECENCY",
    "ROWS",
    "SCRATCH_ROWS",
    "SCRATCH_SLOTS",
    "SKEW",
    "TREND",
    "VARIANCE",
    "Array",
    "U",
    "clear_nb",
    "copy_nb",
    "tree_nb",
    "warm_nb",
]

# What a tree computes, and the meaning of the rows in its slots. NumPy scalars, here and below, since
# Numba would compile a function anew for each value of a plain constant that it is called with.
MEAN = np.int64(1)  # mean of one series
MEANS_2 = np.int64(2)  # means of two series
MEANS_3 = np.int64(3)  # means of three series
VARIANCE = np.int64(4)  # mean, population variance
LINE = np.int64(5)  # mean, population variance, covariance with time
TREND = np.int64(6)  # mean, nothing, covariance with time
SKEW = np.int64(7)  # mean, population variance, third central moment
PAIR = np.int64(8)  # mean x, mean y, variance x, variance y, covariance
DRAWDOWN = np.int64(9)  # highest, lowest, smallest later/earlier
EXTREMES = np.int64(10)  # highest of the first series, lowest of the second
HIGHEST = np.int64(11)  # highest
RECENCY = np.int64(12)  # highest, bars since, lowest of the second series, bars since; latest of ties

ROWS = (0, 1, 2, 3, 2, 3, 3, 3, 5, 3, 2, 1, 4)

# Two slots take turns for the doubled blocks, two for the merged window.
SCRATCH_SLOTS = 4
SCRATCH_ROWS = 5


@inlined
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


# Called for many places at a time: inlined in its two callers, it took Numba five times as long to compile.
@njit
def merge_nb(
    kind: np.int64,
    older: np.uint64,
    newer: np.uint64,
    lag: np.uint64,
    size: float,
    others: float,
    ago: float,
    low: np.uint64,
    stop: np.uint64,
    into: np.uint64,
    s: Array,
) -> None:
    """Merge, for each place i in low..stop−1, the block that ends at i − lag with the one that ends at i.

    Parameters
    ----------
    kind : int64
        What is merged, see the constants of this module.
    older, newer : uint64
        Slots of the two blocks.
    lag : uint64
        Places between the ends of the blocks.
    size, others : float
        Bars in the older and in the newer block.
    ago : float
        Bars between the ends of the blocks.
    low, stop : uint64
        Places to fill.
    into : uint64
        Slot to fill; neither `older` nor `newer`.
    s : (slots, rows, T) float64, changed in place
        Scratch.
    """
    wa = size / (size + others)
    wb = others / (size + others)
    middle = 0.5 * (size + others)
    if kind <= MEANS_3:
        for r in range(kind):
            for i in range(low, stop):
                mean_nb(s, r, older, i - lag, newer, i, into, i, wb)
    elif kind == VARIANCE:
        for i in range(low, stop):
            variance_nb(s, older, i - lag, newer, i, into, i, wa, wb)
    elif kind == LINE:
        for i in range(low, stop):
            line_nb(s, older, i - lag, newer, i, into, i, wa, wb, middle)
    elif kind == TREND:
        for i in range(low, stop):
            trend_nb(s, older, i - lag, newer, i, into, i, wa, wb, middle)
    elif kind == SKEW:
        for i in range(low, stop):
            skew_nb(s, older, i - lag, newer, i, into, i, wa, wb)
    elif kind == PAIR:
        for i in range(low, stop):
            pair_nb(s, older, i - lag, newer, i, into, i, wa, wb)
    elif kind == DRAWDOWN:
        for i in range(low, stop):
            highest_nb(s, 0, older, i - lag, newer, i, into, i)
        for i in range(low, stop):
            lowest_nb(s, 1, older, i - lag, newer, i, into, i)
        for i in range(low, stop):
            fall_nb(s, older, i - lag, newer, i, into, i)
    elif kind == EXTREMES:
        for i in range(low, stop):
            highest_nb(s, 0, older, i - lag, newer, i, into, i)
        for i in range(low, stop):
            lowest_nb(s, 1, older, i - lag, newer, i, into, i)
    elif kind == HIGHEST:
        for i in range(low, stop):
            highest_nb(s, 0, older, i - lag, newer, i, into, i)
    elif kind == RECENCY:
        for i in range(low, stop):
            highest_nb(s, 0, older, i - lag, newer, i, into, i)
        for i in range(low, stop):
            since_high_nb(s, older, i - lag, newer, i, into, i, ago)
        for i in range(low, stop):
            lowest_nb(s, 2, older, i - lag, newer, i, into, i)
        for i in range(low, stop):
            since_low_nb(s, older, i - lag, newer, i, into, i, ago)


@njit
def tree_nb(
    kind: np.int64, n: int, first: np.uint64, stop: np.uint64, lanes: np.uint64, s: Array
) -> np.uint64:
    """Compute a statistic of the n-bar windows that end at places first..stop−1.

    Parameters
    ----------
    kind : int64
        What to compute, see the constants of this module.
    n : int
        Window, ≥ 1.
    first, stop : uint64
        Places to fill; (n − 1)·lanes ≤ first < stop.
    lanes : uint64
        Places from a bar to the next.
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, T) float64, changed in place
        Places first − (n − 1)·lanes..stop − 1 of slot 0 hold the statistics of single bars.

    Returns
    -------
    uint64
        The slot whose places first..stop−1 hold the result.
    """
    one = U(1)
    size = U(n)
    low = first + lanes - size * lanes
    m = one  # bars in a doubled block
    done = U(0)  # bars merged so far
    level = U(0)
    merged = U(2)
    while True:
        if kind < EXTREMES and (size - done) & m:
            if done == U(0):
                if m == size:
                    return level
                for r in range(ROWS[kind]):
                    for i in range(first, stop):
                        s[merged, r, i] = s[level, r, i]
                done = m
                continue
            newer, lag, others, begin, into = merged, done, done, first, U(5) - merged
            done = done + m
        elif m + m > size:
            # Counting a bar twice does not change an extreme: two overlapping blocks make the window.
            if m == size:
                return level
            newer, lag, others, begin, into = level, size - m, m, first, one - level
            done = size
        else:
            newer, lag, others, begin, into = level, m, m, low + (m + m - one) * lanes, one - level
        merge_nb(kind, level, newer, lag * lanes, float(m), float(others), float(lag), begin, stop, into, s)
        if done == size:
            return into
        if newer == level:
            level = into
            m = m + m
        else:
            merged = into


@inlined
def copy_nb(x: Array, column: int, low: np.uint64, stop: np.uint64, row: int, s: Array) -> None:
    """Load places low..stop−1 of a column into a row of slot 0."""
    for i in range(low, stop):
        s[0, row, i] = x[column, i]


@inlined
def clear_nb(kind: np.int64, low: np.uint64, stop: np.uint64, slot: np.uint64, s: Array) -> None:
    """Complete places low..stop−1 of a slot, in which series are loaded: a single bar has no spread."""
    if kind == RECENCY:
        for i in range(low, stop):
            s[slot, 1, i] = 0.0
            s[slot, 3, i] = 0.0
    elif kind == DRAWDOWN:
        for i in range(low, stop):
            s[slot, 1, i] = s[slot, 0, i]
            s[slot, 2, i] = 1.0
    elif VARIANCE <= kind <= PAIR:
        for k in range(2 if kind == PAIR else 1, ROWS[kind]):
            for i in range(low, stop):
                s[slot, k, i] = 0.0
