"""The first part of a program: statistics of the windows of columns.

In: base columns, the tree steps of a program. Out: one row per statistic that a later step reads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels import momentum, reversion, volatility, volume
from research.kernels.folds import fold_nb
from research.kernels.jit import inlined, njit
from research.kernels.windows import (
    DRAWDOWN,
    EXTREMES,
    HIGHEST,
    LINE,
    MEAN,
    MEANS_2,
    MEANS_3,
    PAIR,
    RECENCY,
    SKEW,
    TREND,
    VARIANCE,
    Array,
    U,
    clear_nb,
    copy_nb,
    tree_nb,
    warm_nb,
)

__all__ = ["trees_nb"]

# Bars of a tree step that are computed at a time: the slots of scratch then stay in the nearest cache.
TILE = np.uint64(256)
TILE_WIDE = np.uint64(128)  # for statistics of many rows
TILE_LONG = np.uint64(512)  # for long windows, which begin anew in every tile


@njit
def load_nb(
    code: int, column: int, pair: int, x: Array, low: np.uint64, stop: np.uint64, lanes: np.uint64, s: Array
) -> np.int64:
    """Load the series of a tree step into places low..stop−1 of slot 0 and name its statistic.

    Parameters
    ----------
    code : int
        A tree step.
    column : int
        Its second parameter: the column it reads, or a lag.
    pair : int
        Its third parameter: two columns.
    x : (N_COLUMNS, T) float64
        Base columns.
    low, stop : uint64
        First place of the first window, end.
    lanes : uint64
        Places from a bar to the next.
    s : (slots, rows, T) float64, changed in place
        Scratch.

    Returns
    -------
    int64
        Kind of statistic.
    """
    first, second = pair // do.N_COLUMNS, pair % do.N_COLUMNS
    kind = MEAN
    if code <= do.T_DRAWDOWN:
        copy_nb(x, column, low, stop, 0, s)
        if code == do.T_VARIANCE:
            kind = VARIANCE
        elif code == do.T_LINE:
            kind = LINE
        elif code == do.T_SKEW:
            kind = SKEW
        elif code == do.T_DRAWDOWN:
            kind = DRAWDOWN
    elif code == do.T_EXTREMES:
        copy_nb(x, do.HIGH, low, stop, 0, s)
        copy_nb(x, do.LOW, low, stop, 1, s)
        kind = EXTREMES
    elif code == do.T_RECENCY:
        copy_nb(x, do.HIGH, low, stop, 0, s)
        copy_nb(x, do.LOW, low, stop, 2, s)
        kind = RECENCY
    elif code == do.T_TREND:
        copy_nb(x, column, low, stop, 0, s)
        kind = TREND
    elif code == do.T_HIGHEST:
        copy_nb(x, do.HIGH, low, stop, 0, s)
        kind = HIGHEST
    elif code == do.T_TYPICAL:
        momentum.load_typical_nb(x, low, stop, s)
    elif code == do.T_PATH:
        momentum.load_path_nb(x, low, stop, lanes, s)
    elif code == do.T_MONEY:
        momentum.load_money_nb(x, low, stop, lanes, s)
        kind = MEANS_2
    elif code == do.T_DOWNSIDE:
        volatility.load_downside_nb(x, low, stop, s)
    elif code == do.T_RANGES:
        volatility.load_ranges_nb(x, low, stop, s)
        kind = MEANS_3
    elif code == do.T_CHANGE:
        volatility.load_change_nb(x, first, second, U(column) * lanes, low, stop, s)
        kind = VARIANCE
    elif code == do.T_SIGNED:
        volume.load_signed_nb(x, low, stop, lanes, s)
    elif code == do.T_LOCATED:
        volume.load_located_nb(x, low, stop, s)
    elif code == do.T_PAID:
        volume.load_paid_nb(x, low, stop, s)
    elif code == do.T_DOLLARS:
        volume.load_dollars_nb(x, low, stop, s)
        kind = VARIANCE
    elif code == do.T_IMPACT:
        volume.load_impact_nb(x, low, stop, s)
        kind = MEANS_2
    elif code == do.T_PULL or code == do.T_SERIAL:
        reversion.load_lagged_nb(x, first, second, low, stop, lanes, s)
        kind = PAIR
    return kind


@inlined
def stoch_nb(
    x: Array,
    rows: Array,
    s: Array,
    n: int,
    smooth: int,
    signal: int,
    start: int,
    stop: int,
    lanes: int,
    k: int,
    d: int,
) -> None:
    """Run the stochastic: a channel, its place in it, two averages.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, T) float64, changed in place
    n, smooth, signal : int
        Bars in the channel, in %K, in %D.
    start, stop : int
        Places of the block.
    lanes : int
        Places from a bar to the next.
    k, d : int
        Rows of %K and %D.
    """
    end = U(stop)
    bar = U(lanes)
    begin_k = warm_nb(rows, k, start, stop, (n + smooth - 2) * lanes)
    begin_d = warm_nb(rows, d, start, stop, (n + smooth + signal - 3) * lanes)
    if begin_k < end:
        first = min(begin_k, begin_d - (U(signal) - U(1)) * bar) - (U(smooth) - U(1)) * bar
        low = first - (U(n) - U(1)) * bar
        for i in range(low, end):
            s[0, 0, i] = x[do.HIGH, i]
            s[0, 1, i] = x[do.LOW, i]
        slot = tree_nb(EXTREMES, n, first, end, bar, s)
        momentum.stoch_nb(x, rows, s, slot, smooth, signal, bar, begin_k, begin_d, end, k, d)


@njit
def trees_nb(
    program: NDArray[np.int64],
    order: NDArray[np.int64],
    x: Array,
    rows: Array,
    s: Array,
    start: int,
    stop: int,
    lanes: int,
) -> None:
    """Run the tree steps of a program on a block.

    Parameters
    ----------
    program, order, x, rows, s, start, stop, lanes
        As for `research.kernels.program.steps_nb`.
    """
    end = U(stop)
    bar = U(lanes)
    for k in range(program.shape[0]):
        code = program[k, do.CODE]
        n = program[k, do.P0]
        p1 = program[k, do.P1]
        p2 = program[k, do.P2]
        lookback = program[k, do.P3] * lanes
        if code == do.STOCH:
            stoch_nb(x, rows, s, n, p1, p2, start, stop, lanes, program[k, do.OUT0], program[k, do.OUT1])
        elif code < do.N_TREES:
            first = U(max(start, lookback))
            for j in range(do.OUT0, do.OUT4 + 1):
                if program[k, j] >= 0:
                    warm_nb(rows, program[k, j], start, stop, lookback)
            tile = TILE_LONG if n > 64 else (TILE_WIDE if code == do.T_PULL or code == do.T_SERIAL else TILE)
            while first < end:
                until = min(end, first + tile)
                low = first + bar - U(n) * bar
                kind = load_nb(code, p1, p2, x, low, until, bar, s)
                if until - first == bar:
                    slot = fold_nb(kind, n, first, bar, order, program[k, do.IN0], s)
                else:
                    clear_nb(kind, low, until, U(0), s)
                    slot = tree_nb(kind, n, first, until, bar, s)
                for j in range(do.OUT0, do.OUT4 + 1):
                    row = program[k, j]
                    part = j - do.OUT0
                    if row >= 0:
                        for i in range(first, until):
                            rows[row, i] = s[slot, part, i]
                first = until
