"""A feature program: integer rows that say which kernel runs on which rows of one symbol's block.

In: base columns of one symbol's own bars (a tail of earlier bars, then the block), a program, the
carried state. Out: one row per statistic and feature, filled for the block.

Conventions
-----------
*Columns*, ``x[OPEN]`` … ``x[RETURN]``, are the base series of a symbol; *rows* are what steps have
computed from them, bar by bar beside the columns. A step is a list of integers: code, four
parameters, five input rows, five output rows (−1: not wanted), begin and end of its state. Steps run
in order on the bars ``start..stop−1`` of the block. Bar 0 is the symbol's first, or the columns hold
as many bars before `start` as any step looks back.

*Tree steps* (``T_…``) load a series into scratch and take a statistic of its windows (see
`research.kernels.windows`); their parameters are window, column or lag, pair of columns, lookback, and output
k is row k of the statistic. *Row steps* turn columns and rows of the same bar into features, so that
the NaN of a warm-up passes through. *Recursive steps* carry state; their last parameter is the warm-up.

Kernels are called by module-level names in one flat switch: a function passed as an argument would
miss the on-disk cache, and what lies under several levels of calls is optimised anew at every level.
They take the two-dimensional arrays and row numbers: cutting out a row counts a reference, atomically,
which costs more than most kernels spend on one bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels import momentum, price, recursive, reversion, scores, trend, volatility, volume
from research.kernels.jit import njit
from research.kernels.windows import (
    DRAWDOWN,
    EXTREMES,
    LINE,
    MEAN,
    MEANS_2,
    MEANS_3,
    PAIR,
    RECENCY,
    SKEW,
    VARIANCE,
    Array,
    U,
    clear_nb,
    copy_nb,
    tree_nb,
    warm_nb,
)

__all__ = ["load_nb", "recursion_nb", "steps_nb"]

# Bars of a tree step that are computed at a time: the slots of scratch then stay in the nearest cache.
TILE = np.uint64(256)
TILE_WIDE = np.uint64(128)  # for statistics of many rows


@njit
def load_nb(
    code: int, column: int, pair: int, x: Array, low: np.uint64, stop: np.uint64, s: Array
) -> np.int64:
    """Load the series of a tree step into bars low..stop−1 of slot 0 and name its statistic.

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
        First bar of the first window, end.
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
    elif code == do.T_TYPICAL:
        momentum.load_typical_nb(x, low, stop, s)
    elif code == do.T_PATH:
        momentum.load_path_nb(x, low, stop, s)
    elif code == do.T_MONEY:
        momentum.load_money_nb(x, low, stop, s)
        kind = MEANS_2
    elif code == do.T_DOWNSIDE:
        volatility.load_downside_nb(x, low, stop, s)
    elif code == do.T_RANGES:
        volatility.load_ranges_nb(x, low, stop, s)
        kind = MEANS_3
    elif code == do.T_CHANGE:
        volatility.load_change_nb(x, first, second, column, low, stop, s)
        kind = VARIANCE
    elif code == do.T_SIGNED:
        volume.load_signed_nb(x, low, stop, s)
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
        reversion.load_lagged_nb(x, first, second, low, stop, s)
        kind = PAIR
    clear_nb(kind, low, stop, s)
    return kind


@njit
def recursion_nb(step: NDArray[np.int64], x: Array, rows: Array, state: Array, start: int, stop: int) -> None:
    """Run a recursive step on one symbol's block; its kernels take whole series.

    Parameters
    ----------
    step : (PROGRAM_WIDTH,) int64
        A step whose code is one of the last block in `research.kernels.codes`.
    x, rows, state, start, stop
        As for `steps_nb`.
    """
    code, n, p1 = step[do.CODE], step[do.P0], step[do.P1]
    carried = state[step[do.STATE] : step[do.STATE_END]]
    close = x[do.CLOSE, :stop]
    out = rows[step[do.OUT0], :stop]
    if code == do.EMA:
        recursive.dist_ema_nb(close, n, p1, start, carried, out)
    elif code == do.MACD:
        line, hist = rows[step[do.OUT1], :stop], rows[step[do.OUT2], :stop]
        recursive.macd_nb(close, n, p1, step[do.P2], step[do.P3], start, carried, out, line, hist)
    elif code == do.TRIX:
        recursive.trix_nb(close, n, p1, start, carried, out)
    elif code == do.EWMA_VOL:
        recursive.ewma_vol_nb(x[do.RETURN, :stop], n, p1, start, carried, out)
    elif code == do.RSI:
        recursive.rsi_nb(close, n, p1, start, carried, out)
    elif code == do.ATR:
        recursive.atr_pct_nb(x[do.HIGH, :stop], x[do.LOW, :stop], close, n, p1, start, carried, out)
    elif code == do.ADX:
        di_diff = rows[step[do.OUT1], :stop]
        recursive.adx_nb(x[do.HIGH, :stop], x[do.LOW, :stop], close, n, p1, start, carried, out, di_diff)


@njit
def steps_nb(
    program: NDArray[np.int64], x: Array, rows: Array, s: Array, state: Array, start: int, stop: int
) -> None:
    """Run a program on one symbol's block.

    Parameters
    ----------
    program : (P, PROGRAM_WIDTH) int64
        Steps in an order in which inputs come first.
    x : (N_COLUMNS, T) float64
        Base columns; bars 0..stop−1 are filled.
    rows : (R, T) float64, changed in place
        Workspace; bars start..stop−1 of every output are filled.
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, T) float64, changed in place
        Scratch.
    state : (S,) float64, changed in place
        Carried state of all steps.
    start, stop : int
        The block.
    """
    begin = U(start)
    end = U(stop)
    one = U(1)
    for k in range(program.shape[0]):
        code = program[k, do.CODE]
        n = program[k, do.P0]
        p1 = program[k, do.P1]
        p2 = program[k, do.P2]
        p3 = program[k, do.P3]
        a = program[k, do.IN0]
        b = program[k, do.IN1]
        c = program[k, do.IN2]
        d = program[k, do.IN3]
        out = program[k, do.OUT0]
        out1 = program[k, do.OUT1]
        out2 = program[k, do.OUT2]
        if code < do.N_TREES:
            first = U(max(start, p3))
            for j in range(do.OUT0, do.OUT4 + 1):
                if program[k, j] >= 0:
                    warm_nb(rows, program[k, j], start, stop, p3)
            tile = TILE_WIDE if code >= do.T_PULL and n < 128 else TILE
            while first < end:
                until = min(end, first + tile)
                kind = load_nb(code, p1, p2, x, first + one - U(n), until, s)
                slot = tree_nb(kind, n, first, until, s)
                for j in range(do.OUT0, do.OUT4 + 1):
                    row = program[k, j]
                    part = j - do.OUT0
                    if row >= 0:
                        for i in range(first, until):
                            rows[row, i] = s[slot, part, i]
                first = until
        elif code == do.CHANGE:
            first = warm_nb(rows, out, start, stop, p1)
            price.change_nb(x, rows, p2 // do.N_COLUMNS, p2 % do.N_COLUMNS, n, p1, first, end, out)
        elif code == do.ROC:
            price.roc_nb(x, rows, n, warm_nb(rows, out, start, stop, n), end, out)
        elif code == do.BAR:
            price.bar_nb(x, rows, begin, end, out, out1, out2)
        elif code == do.DIST:
            trend.dist_nb(x, rows, a, begin, end, out)
        elif code == do.OVER:
            trend.over_nb(rows, a, b, float(n), begin, end, out)
        elif code == do.CROSS:
            trend.cross_nb(rows, a, b, begin, end, state[program[k, do.STATE] :], out)
        elif code == do.LINE_FIT:
            trend.line_fit_nb(rows, a, b, n, begin, end, out, out1)
        elif code == do.CHANNEL:
            trend.channel_nb(x, rows, a, b, begin, end, out, out1, out2)
        elif code == do.STOCH:
            begin_k = warm_nb(rows, out, start, stop, n + p1 - 2)
            begin_d = warm_nb(rows, out1, start, stop, n + p1 + p2 - 3)
            if begin_k < end:
                first = min(begin_k, begin_d + one - U(p2)) + one - U(p1)
                copy_nb(x, do.HIGH, first + one - U(n), end, 0, s)
                copy_nb(x, do.LOW, first + one - U(n), end, 1, s)
                slot = tree_nb(EXTREMES, n, first, end, s)
                momentum.stoch_nb(x, rows, s, slot, p1, p2, begin_k, begin_d, end, out, out1)
        elif code == do.WILLR:
            momentum.willr_nb(x, rows, a, b, begin, end, out)
        elif code == do.CCI:
            first = warm_nb(rows, out, start, stop, n - 1)
            if first < end:
                momentum.load_typical_nb(x, first + one - U(n), end, s)
                momentum.cci_nb(rows, s, a, n, first, end, out)
        elif code == do.PATH:
            warm_nb(rows, out1, start, stop, n)
            first = warm_nb(rows, out, start, stop, n)
            momentum.net_over_path_nb(x, rows, a, n, first, end, out, out1)
        elif code == do.MFI:
            momentum.mfi_nb(rows, a, b, begin, end, out)
        elif code == do.AROON:
            momentum.aroon_nb(rows, a, b, n, begin, end, out)
        elif code == do.ANNUAL:
            volatility.annual_nb(rows, a, n / p1, begin, end, out)
        elif code == do.RANGES:
            volatility.ranges_nb(rows, a, b, c, begin, end, out, out1, out2)
        elif code == do.YANG_ZHANG:
            volatility.yang_zhang_nb(rows, a, b, c, n, begin, end, out)
        elif code == do.BANDS:
            volatility.bands_nb(x, rows, a, b, begin, end, out, out1)
        elif code == do.SKEWNESS:
            volatility.skew_nb(rows, a, b, begin, end, out)
        elif code == do.LESS:
            volatility.less_nb(rows, a, float(n), begin, end, out)
        elif code == do.SHARE:
            volume.share_nb(rows, a, b, float(n), begin, end, out)
        elif code == do.VOLUME_RATIO:
            volume.volume_ratio_nb(x, rows, a, begin, end, out)
        elif code == do.VWAP_DIST:
            volume.vwap_dist_nb(x, rows, a, b, begin, end, out)
        elif code == do.DOLLAR_Z:
            volume.dollar_z_nb(x, rows, a, b, begin, end, out)
        elif code == do.OBV_SLOPE:
            first = warm_nb(rows, out, start, stop, n)
            if first < end:
                volume.load_signed_nb(x, first + one - U(n), end, s)
                volume.obv_slope_nb(rows, s, a, n, first, end, out)
        elif code == do.Z:
            reversion.z_nb(x, rows, n, a, b, begin, end, out)
        elif code == do.HALF_LIFE:
            reversion.half_life_nb(rows, a, b, c, n, begin, end, out)
        elif code == do.AUTOCORR:
            reversion.autocorr_nb(rows, a, b, c, begin, end, out)
        elif code == do.VARIANCE_RATIO:
            reversion.variance_ratio_nb(rows, a, b, c, d, n, p1, begin, end, out)
        elif code == do.RANK:
            scores.rank_nb(rows, a, n, begin, end, state[program[k, do.STATE] :], out, out1)
        elif code == do.ADAPTIVE:
            scores.adaptive_nb(x, rows, a, b, n, p1, p2, begin, end, out)
        elif code == do.TREND_SCORE:
            scores.trend_score_nb(x, rows, a, b, c, d, program[k, do.IN4], begin, end, out)
        elif code == do.MOMENTUM_SCORE:
            scores.momentum_score_nb(rows, a, b, c, d, begin, end, out)
        else:
            recursion_nb(program[k], x, rows, state, start, stop)
