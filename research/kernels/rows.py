"""The last part of a program: columns and statistics of a bar become features of that bar.

In: base columns, the rows of earlier steps. Out: one row per feature.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels import momentum, price, reversion, scores, trend, volatility, volume
from research.kernels.jit import njit
from research.kernels.windows import Array, U, warm_nb

__all__ = ["rows_nb"]


@njit
def rows_nb(
    program: NDArray[np.int64],
    x: Array,
    rows: Array,
    s: Array,
    states: Array,
    who: NDArray[np.int64],
    start: int,
    stop: int,
) -> None:
    """Run the row steps of a program on a block.

    Parameters
    ----------
    program, x, rows, s, states, who, start, stop
        As for `research.kernels.program.steps_nb`.
    """
    begin = U(start)
    end = U(stop)
    lanes = who.size
    bar = U(lanes)
    span = (end - begin) // bar
    for k in range(program.shape[0]):
        code = program[k, do.CODE]
        n = program[k, do.P0]
        p1 = program[k, do.P1]
        p2 = program[k, do.P2]
        a = program[k, do.IN0]
        b = program[k, do.IN1]
        c = program[k, do.IN2]
        d = program[k, do.IN3]
        out = program[k, do.OUT0]
        out1 = program[k, do.OUT1]
        out2 = program[k, do.OUT2]
        if code == do.CHANGE:
            first = warm_nb(rows, out, start, stop, p1 * lanes)
            later, earlier = p2 // do.N_COLUMNS, p2 % do.N_COLUMNS
            price.change_nb(x, rows, later, earlier, U(n) * bar, U(p1) * bar, first, end, out)
        elif code == do.ROC:
            price.roc_nb(x, rows, U(n) * bar, warm_nb(rows, out, start, stop, n * lanes), end, out)
        elif code == do.BAR:
            price.bar_nb(x, rows, begin, end, out, out1, out2)
        elif code == do.DIST:
            trend.dist_nb(x, rows, a, begin, end, out)
        elif code == do.OVER:
            trend.over_nb(rows, a, b, float(n), begin, end, out)
        elif code == do.CROSS:
            for lane in range(lanes):
                if who[lane] >= 0:
                    state = states[who[lane], program[k, do.STATE] :]
                    at = begin + U(lane)
                    trend.cross_nb(rows, a, b, at, at + span, state, out)
        elif code == do.SLOPE:
            trend.slope_nb(rows, a, n, begin, end, out)
        elif code == do.R2:
            trend.r2_nb(rows, a, b, n, begin, end, out)
        elif code == do.POSITION:
            trend.position_nb(x, rows, a, b, begin, end, out)
        elif code == do.WILLR:
            momentum.willr_nb(x, rows, a, b, begin, end, out)
        elif code == do.CCI:
            first = warm_nb(rows, out, start, stop, (n - 1) * lanes)
            if first < end:
                momentum.load_typical_nb(x, first + bar - U(n) * bar, end, s)
                momentum.cci_nb(rows, s, a, n, bar, first, end, out)
        elif code == do.PATH:
            warm_nb(rows, out1, start, stop, n * lanes)
            first = warm_nb(rows, out, start, stop, n * lanes)
            momentum.net_over_path_nb(x, rows, a, n, bar, first, end, out, out1)
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
            first = warm_nb(rows, out, start, stop, n * lanes)
            if first < end:
                volume.load_signed_nb(x, first + bar - U(n) * bar, end, bar, s)
                volume.obv_slope_nb(rows, s, a, n, bar, first, end, out)
        elif code == do.Z:
            reversion.z_nb(x, rows, n, a, b, begin, end, out)
        elif code == do.HALF_LIFE:
            reversion.half_life_nb(rows, a, b, c, n, begin, end, out)
        elif code == do.AUTOCORR:
            reversion.autocorr_nb(rows, a, b, c, begin, end, out)
        elif code == do.VARIANCE_RATIO:
            reversion.variance_ratio_nb(rows, a, b, c, d, n, p1, begin, end, out)
        elif code == do.RANK:
            for lane in range(lanes):
                at = begin + U(lane)
                if who[lane] >= 0:
                    state = states[who[lane], program[k, do.STATE] :]
                    scores.rank_nb(rows, a, n, at, at + span, state, out, out1)
                else:
                    rows[out, at] = np.nan
        elif code == do.ADAPTIVE:
            scores.adaptive_nb(x, rows, a, b, n, p1, p2, bar, begin, end, out)
        elif code == do.TREND_SCORE:
            scores.trend_score_nb(x, rows, a, b, c, d, program[k, do.IN4], begin, end, out)
        elif code == do.MOMENTUM_SCORE:
            scores.momentum_score_nb(rows, a, b, c, d, begin, end, out)
