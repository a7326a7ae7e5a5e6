"""One window at a time: the trees of `research.kernels.windows` with n − 1 merges instead of n·log n.

In: one window in scratch. Out: its statistic, to the same bits. Many windows share their blocks and
vectorise; one alone, as live has it, has nothing to share and is folded where it lies:

1. Neighbours are merged into half as many blocks, again and again.
2. Where the number of blocks is odd, the newest is left over: with what was left over before, it
   makes the newer part of the next merge. These are the blocks of the tree, from small to large.

Each statistic has a loop of its own, so that nothing is decided anew for each of the short passes.
Arguments common to all: ``n`` bars in the window, ``at`` its last bar, ``s`` scratch; the statistics
of single bars are in slot 0, which is used up, and the result goes to bar `at` of slot 2.
"""

from __future__ import annotations

import numpy as np

from research.kernels.jit import njit
from research.kernels.merges import (
    Array,
    U,
    drawdown_nb,
    extremes_nb,
    line_nb,
    mean_nb,
    pair_nb,
    recency_nb,
    skew_nb,
    variance_nb,
)
from research.kernels.windows import (
    DRAWDOWN,
    EXTREMES,
    HIGHEST,
    LINE,
    MEANS_3,
    PAIR,
    RECENCY,
    SKEW,
    TREND,
    VARIANCE,
)

__all__ = ["fold_nb"]

ZERO, ONE, TWO = U(0), U(1), U(2)


@njit
def fold_mean_nb(r: int, n: int, at: np.uint64, s: Array) -> None:
    """Fold the mean of the series in row `r`."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, r, at] = s[0, r, last]
            else:
                mean_nb(s, r, ZERO, last, TWO, at, TWO, at, done / (m + done))
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            mean_nb(s, r, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t, 0.5)
        m += m


@njit
def fold_variance_nb(n: int, at: np.uint64, s: Array) -> None:
    """Fold mean and population variance."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, 0, at] = s[0, 0, last]
                s[2, 1, at] = s[0, 1, last]
            else:
                variance_nb(s, ZERO, last, TWO, at, TWO, at, m / (m + done), done / (m + done))
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            variance_nb(s, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t, 0.5, 0.5)
        m += m


@njit
def fold_line_nb(n: int, at: np.uint64, s: Array) -> None:
    """Fold mean, population variance, covariance with time."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, 0, at] = s[0, 0, last]
                s[2, 1, at] = s[0, 1, last]
                s[2, 2, at] = s[0, 2, last]
            else:
                line_nb(s, ZERO, last, TWO, at, TWO, at, m / (m + done), done / (m + done), 0.5 * (m + done))
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            line_nb(s, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t, 0.5, 0.5, m)
        m += m


@njit
def fold_skew_nb(n: int, at: np.uint64, s: Array) -> None:
    """Fold mean, population variance, third central moment."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, 0, at] = s[0, 0, last]
                s[2, 1, at] = s[0, 1, last]
                s[2, 2, at] = s[0, 2, last]
            else:
                skew_nb(s, ZERO, last, TWO, at, TWO, at, m / (m + done), done / (m + done))
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            skew_nb(s, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t, 0.5, 0.5)
        m += m


@njit
def fold_pair_nb(n: int, at: np.uint64, s: Array) -> None:
    """Fold the means, variances and covariance of two series."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, 0, at] = s[0, 0, last]
                s[2, 1, at] = s[0, 1, last]
                s[2, 2, at] = s[0, 2, last]
                s[2, 3, at] = s[0, 3, last]
                s[2, 4, at] = s[0, 4, last]
            else:
                pair_nb(s, ZERO, last, TWO, at, TWO, at, m / (m + done), done / (m + done))
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            pair_nb(s, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t, 0.5, 0.5)
        m += m


@njit
def fold_drawdown_nb(n: int, at: np.uint64, s: Array) -> None:
    """Fold highest, lowest, smallest later/earlier."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, 0, at] = s[0, 0, last]
                s[2, 1, at] = s[0, 1, last]
                s[2, 2, at] = s[0, 2, last]
            else:
                drawdown_nb(s, ZERO, last, TWO, at, TWO, at)
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            drawdown_nb(s, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t)
        m += m


@njit
def fold_extremes_nb(n: int, at: np.uint64, s: Array) -> None:
    """Fold the highest of one series and the lowest of another."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, 0, at] = s[0, 0, last]
                s[2, 1, at] = s[0, 1, last]
            else:
                extremes_nb(s, ZERO, last, TWO, at, TWO, at)
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            extremes_nb(s, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t)
        m += m


@njit
def fold_recency_nb(n: int, at: np.uint64, s: Array) -> None:
    """Fold highest and bars since, lowest and bars since."""
    blocks = U(n)
    low = at + ONE - blocks
    m = 1.0
    done = 0.0
    while True:
        if blocks & ONE:
            last = low + blocks - ONE
            if done == 0.0:
                s[2, 0, at] = s[0, 0, last]
                s[2, 1, at] = s[0, 1, last]
                s[2, 2, at] = s[0, 2, last]
                s[2, 3, at] = s[0, 3, last]
            else:
                recency_nb(s, ZERO, last, TWO, at, TWO, at, done)
            done += m
        if blocks == ONE:
            break
        blocks = blocks >> ONE
        for t in range(blocks):
            recency_nb(s, ZERO, low + t + t, ZERO, low + t + t + ONE, ZERO, low + t, m)
        m += m


@njit
def fold_nb(kind: np.int64, n: int, at: np.uint64, s: Array) -> np.uint64:
    """Compute a statistic of the one n-bar window that ends at bar `at`.

    Parameters
    ----------
    kind : int64
        What to compute, see the constants of `research.kernels.windows`.
    n : int
        Window, ≥ 1.
    at : uint64
        The bar, ≥ n − 1.
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, T) float64, changed in place
        Bars at − n + 1..at of slot 0 hold the statistics of single bars.

    Returns
    -------
    uint64
        The slot whose bar `at` holds the result.
    """
    if kind <= MEANS_3:
        for r in range(kind):
            fold_mean_nb(r, n, at, s)
    elif kind == VARIANCE:
        fold_variance_nb(n, at, s)
    elif kind == LINE or kind == TREND:
        fold_line_nb(n, at, s)
    elif kind == SKEW:
        fold_skew_nb(n, at, s)
    elif kind == PAIR:
        fold_pair_nb(n, at, s)
    elif kind == DRAWDOWN:
        fold_drawdown_nb(n, at, s)
    elif kind == EXTREMES or kind == HIGHEST:
        fold_extremes_nb(n, at, s)
    elif kind == RECENCY:
        fold_recency_nb(n, at, s)
    return TWO
