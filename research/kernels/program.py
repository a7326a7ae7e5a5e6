"""A feature program: integer rows that say which kernel runs on which rows of one symbol's block.

In: base columns of one symbol's own bars (a tail of earlier bars, then the block), a program, the
carried state. Out: one row per statistic and feature, filled for the block.

Conventions
-----------
*Columns* are the base series of a symbol, ``OPEN`` … ``RETURN``; *rows* are what steps have computed,
in a workspace aligned with the columns. A step is a row of integers: code, four parameters, five
input rows, five output rows (−1: not wanted), begin and end of its state. Steps run in order on the
rows ``start..stop−1`` of the block. Row 0 is the symbol's first bar, or the columns hold as many bars
before `start` as any step looks back.

*Tree steps* (``T_…``) load a series into scratch and take a statistic of its windows (see
`research.kernels.windows`); their parameters are window, column or lag, pair of columns, lookback, and output
k is row k of the statistic. *Row steps* turn columns and rows of the same bar into features, so that
the NaN of a warm-up passes through. *Recursive steps* carry state; their last parameter is the warm-up.

Kernels are called by module-level names in one flat switch: a function passed as an argument would
miss the on-disk cache, and what lies under several levels of calls is optimised anew at every level.
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

__all__ = ["load_nb", "steps_nb"]


@njit
def load_nb(
    code: int, column: int, pair: int, columns: Array, low: np.uint64, stop: np.uint64, s: Array
) -> np.int64:
    """Load the series of a tree step into rows low..stop−1 of slot 0 and name its statistic.

    Parameters
    ----------
    code : int
        A tree step.
    column : int
        Its second parameter: the column it reads, or a lag.
    pair : int
        Its third parameter: two columns.
    columns : (N_COLUMNS, T) float64
        Base columns.
    low, stop : uint64
        First row of the first window, end.
    s : (slots, rows, T) float64, changed in place
        Scratch.

    Returns
    -------
    int64
        Kind of statistic.
    """
    high, bottom, close, volumes = columns[do.HIGH], columns[do.LOW], columns[do.CLOSE], columns[do.VOLUME]
    ln_close, r = columns[do.LN_CLOSE], columns[do.RETURN]
    kind = MEAN
    if code <= do.T_DRAWDOWN:
        copy_nb(columns[column], low, stop, 0, s)
        if code == do.T_VARIANCE:
            kind = VARIANCE
        elif code == do.T_LINE:
            kind = LINE
        elif code == do.T_SKEW:
            kind = SKEW
        elif code == do.T_DRAWDOWN:
            kind = DRAWDOWN
    elif code == do.T_EXTREMES:
        copy_nb(high, low, stop, 0, s)
        copy_nb(bottom, low, stop, 1, s)
        kind = EXTREMES
    elif code == do.T_RECENCY:
        copy_nb(high, low, stop, 0, s)
        copy_nb(bottom, low, stop, 2, s)
        kind = RECENCY
    elif code == do.T_TYPICAL:
        momentum.load_typical_nb(high, bottom, close, low, stop, s)
    elif code == do.T_PATH:
        momentum.load_path_nb(close, low, stop, s)
    elif code == do.T_MONEY:
        momentum.load_money_nb(high, bottom, close, volumes, low, stop, s)
        kind = MEANS_2
    elif code == do.T_DOWNSIDE:
        volatility.load_downside_nb(r, low, stop, s)
    elif code == do.T_RANGES:
        ln_open, ln_high, ln_low = columns[do.LN_OPEN], columns[do.LN_HIGH], columns[do.LN_LOW]
        volatility.load_ranges_nb(ln_open, ln_high, ln_low, ln_close, low, stop, s)
        kind = MEANS_3
    elif code == do.T_CHANGE:
        x, y = columns[pair // do.N_COLUMNS], columns[pair % do.N_COLUMNS]
        volatility.load_change_nb(x, y, column, low, stop, s)
        kind = VARIANCE
    elif code == do.T_SIGNED:
        volume.load_signed_nb(close, volumes, low, stop, s)
        kind = MEANS_2
    elif code == do.T_LOCATED:
        volume.load_located_nb(high, bottom, close, volumes, low, stop, s)
        kind = MEANS_2
    elif code == do.T_PRICED:
        volume.load_priced_nb(high, bottom, close, volumes, low, stop, s)
        kind = MEANS_2
    elif code == do.T_DOLLARS:
        volume.load_dollars_nb(close, volumes, low, stop, s)
        kind = VARIANCE
    elif code == do.T_IMPACT:
        volume.load_impact_nb(r, close, volumes, low, stop, s)
        kind = MEANS_2
    elif code == do.T_PULL:
        reversion.load_lagged_nb(ln_close, r, low, stop, s)
        kind = PAIR
    elif code == do.T_SERIAL:
        reversion.load_lagged_nb(r, r, low, stop, s)
        kind = PAIR
    clear_nb(kind, low, stop, s)
    return kind


@njit
def steps_nb(
    program: NDArray[np.int64], columns: Array, rows: Array, s: Array, state: Array, start: int, stop: int
) -> None:
    """Run a program on one symbol's block.

    Parameters
    ----------
    program : (P, PROGRAM_WIDTH) int64
        Steps in an order in which inputs come first.
    columns : (N_COLUMNS, T) float64
        Base columns; rows 0..stop−1 are filled.
    rows : (R, T) float64, changed in place
        Workspace; rows start..stop−1 of every output are filled.
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
    high, low, close = columns[do.HIGH, :stop], columns[do.LOW, :stop], columns[do.CLOSE, :stop]
    volumes, ln_close, r = columns[do.VOLUME, :stop], columns[do.LN_CLOSE, :stop], columns[do.RETURN, :stop]
    for k in range(program.shape[0]):
        step = program[k]
        code = step[do.CODE]
        n = step[do.P0]
        p1 = step[do.P1]
        p2 = step[do.P2]
        p3 = step[do.P3]
        if code < do.N_TREES:
            first = U(max(start, p3))
            for j in range(do.OUT0, do.OUT4 + 1):
                if step[j] >= 0:
                    warm_nb(rows[step[j], :stop], start, p3)
            if first >= end:
                continue
            oldest = first + one - U(n)
            kind = load_nb(code, p1, p2, columns, oldest, end, s)
            slot = tree_nb(kind, n, first, end, s)
            for j in range(do.OUT0, do.OUT4 + 1):
                if step[j] >= 0:
                    row = step[j]
                    part = j - do.OUT0
                    for i in range(first, end):
                        rows[row, i] = s[slot, part, i]
            continue
        a = rows[step[do.IN0], :stop]
        b = rows[step[do.IN1], :stop]
        out = rows[step[do.OUT0], :stop]
        two = rows[step[do.OUT1], :stop]
        carried = state[step[do.STATE] : step[do.STATE_END]]
        if code == do.CHANGE:
            x, y = columns[p2 // do.N_COLUMNS], columns[p2 % do.N_COLUMNS]
            price.change_nb(x, y, n, p1, warm_nb(out, start, p1), end, out)
        elif code == do.ROC:
            price.roc_nb(close, n, warm_nb(out, start, n), end, out)
        elif code == do.BAR:
            price.bar_nb(columns[do.OPEN], high, low, close, begin, end, out, two, rows[step[do.OUT2]])
        elif code == do.DIST:
            trend.dist_nb(close, a, begin, end, out)
        elif code == do.OVER:
            trend.over_nb(a, b, float(n), begin, end, out)
        elif code == do.CROSS:
            trend.cross_nb(a, b, begin, end, carried, out)
        elif code == do.LINE_FIT:
            trend.line_nb(a, b, n, begin, end, out, two)
        elif code == do.CHANNEL:
            trend.channel_nb(close, a, b, begin, end, out, two, rows[step[do.OUT2]])
        elif code == do.STOCH:
            begin_k = warm_nb(out, start, n + p1 - 2)
            begin_d = warm_nb(two, start, n + p1 + p2 - 3)
            if begin_k < end:
                first = min(begin_k, begin_d + one - U(p2)) + one - U(p1)
                copy_nb(high, first + one - U(n), end, 0, s)
                copy_nb(low, first + one - U(n), end, 1, s)
                slot = tree_nb(EXTREMES, n, first, end, s)
                momentum.stoch_nb(close, slot, p1, p2, begin_k, begin_d, end, s, out, two)
        elif code == do.WILLR:
            momentum.willr_nb(close, a, b, begin, end, out)
        elif code == do.CCI:
            first = warm_nb(out, start, n - 1)
            if first < end:
                momentum.load_typical_nb(high, low, close, first + one - U(n), end, s)
                momentum.cci_nb(a, n, first, end, s, out)
        elif code == do.PATH:
            warm_nb(two, start, n)
            momentum.path_nb(close, a, n, warm_nb(out, start, n), end, out, two)
        elif code == do.MFI:
            momentum.mfi_nb(a, b, begin, end, out)
        elif code == do.AROON:
            momentum.aroon_nb(a, b, n, begin, end, out)
        elif code == do.ANNUAL:
            volatility.annual_nb(a, n / p1, begin, end, out)
        elif code == do.RANGES:
            volatility.ranges_nb(a, b, rows[step[do.IN2]], begin, end, out, two, rows[step[do.OUT2]])
        elif code == do.YANG_ZHANG:
            volatility.yang_zhang_nb(a, b, rows[step[do.IN2]], n, begin, end, out)
        elif code == do.BANDS:
            volatility.bands_nb(close, a, b, begin, end, out, two)
        elif code == do.SKEWNESS:
            volatility.skew_nb(a, b, begin, end, out)
        elif code == do.LESS:
            volatility.less_nb(a, float(n), begin, end, out)
        elif code == do.SHARE:
            volume.scaled_nb(a, b, float(n), begin, end, out)
        elif code == do.VOLUME_RATIO:
            trend.over_nb(volumes, a, 0.0, begin, end, out)
        elif code == do.VWAP_DIST:
            volume.vwap_dist_nb(close, a, b, begin, end, out)
        elif code == do.DOLLAR_Z:
            volume.dollar_z_nb(close, volumes, a, b, begin, end, out)
        elif code == do.OBV_SLOPE:
            first = warm_nb(out, start, n)
            if first < end:
                volume.load_signed_nb(close, volumes, first + one - U(n), end, s)
                volume.obv_slope_nb(a, n, first, end, s, out)
        elif code == do.Z:
            reversion.z_nb(columns[n], a, b, begin, end, out)
        elif code == do.HALF_LIFE:
            reversion.half_life_nb(a, b, rows[step[do.IN2]], n, begin, end, out)
        elif code == do.AUTOCORR:
            reversion.autocorr_nb(a, b, rows[step[do.IN2]], begin, end, out)
        elif code == do.VARIANCE_RATIO:
            reversion.variance_ratio_nb(a, b, rows[step[do.IN2]], rows[step[do.IN3]], n, p1, begin, end, out)
        elif code == do.RANK:
            scores.rank_nb(a, n, begin, end, carried, out, two)
        elif code == do.ADAPTIVE:
            scores.adaptive_nb(ln_close, a, b, n, p1, p2, begin, end, out)
        elif code == do.TREND_SCORE:
            scores.trend_score_nb(
                close, a, b, rows[step[do.IN2]], rows[step[do.IN3]], rows[step[do.IN4]], begin, end, out
            )
        elif code == do.MOMENTUM_SCORE:
            scores.momentum_score_nb(a, b, rows[step[do.IN2]], rows[step[do.IN3]], begin, end, out)
        elif code == do.EMA:
            recursive.dist_ema_nb(close, n, p1, start, carried, out)
        elif code == do.MACD:
            recursive.macd_nb(close, n, p1, p2, p3, start, carried, out, two, rows[step[do.OUT2], :stop])
        elif code == do.TRIX:
            recursive.trix_nb(close, n, p1, start, carried, out)
        elif code == do.EWMA_VOL:
            recursive.ewma_vol_nb(r, n, p1, start, carried, out)
        elif code == do.RSI:
            recursive.rsi_nb(close, n, p1, start, carried, out)
        elif code == do.ATR:
            recursive.atr_pct_nb(high, low, close, n, p1, start, carried, out)
        elif code == do.ADX:
            recursive.adx_nb(high, low, close, n, p1, start, carried, out, two)
