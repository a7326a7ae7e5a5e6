"""Trend kernels with a finite window: distances to averages, crossings, lines, channels.

Window kernels, in the convention of `research.kernels.program`: they turn statistics of windows,
row by row, into features. NaN in a statistic passes through.
"""

from __future__ import annotations

import numpy as np

from research.kernels.jit import njit
from research.kernels.windows import Array

__all__ = ["channel_nb", "cross_nb", "dist_nb", "line_nb", "over_nb"]


@njit
def dist_nb(x: Array, mean: Array, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Distance to an average as a fraction of it, x/mean − 1."""
    for i in range(begin, stop):
        out[i] = x[i] / mean[i] - 1.0


@njit
def over_nb(x: Array, y: Array, minus: float, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Ratio of two rows less a constant, x/y − minus; NaN where y is 0."""
    for i in range(begin, stop):
        out[i] = x[i] / y[i] - minus if y[i] != 0.0 else np.nan


@njit
def cross_nb(fast: Array, slow: Array, begin: np.uint64, stop: np.uint64, state: Array, out: Array) -> None:
    """Crossing of two averages on this very bar: +1 upwards, −1 downwards, else 0.

    Upwards: fast > slow now and fast ≤ slow on the bar before; downwards the mirror image.

    Parameters
    ----------
    fast, slow : (T,) float64
    begin, stop : uint64
        Rows to fill.
    state : (1,) float64, changed in place
        Side on the bar before, coded 1 below, 2 equal, 3 above; 0 if not yet known.
    out : (T,) float64, changed in place
        NaN while the side on the bar before is not known.
    """
    before = state[0]
    for i in range(begin, stop):
        if fast[i] > slow[i]:
            now = 3.0
        elif fast[i] < slow[i]:
            now = 1.0
        else:
            now = 2.0 if fast[i] == slow[i] else 0.0
        if before == 0.0 or now == 0.0:
            out[i] = np.nan
        elif now == 3.0 and before < 3.0:
            out[i] = 1.0
        elif now == 1.0 and before > 1.0:
            out[i] = -1.0
        else:
            out[i] = 0.0
        before = now
    state[0] = before


@njit
def line_nb(
    variance: Array,
    covariance: Array,
    n: int,
    begin: np.uint64,
    stop: np.uint64,
    slope: Array,
    r2: Array,
) -> None:
    """Least-squares line through n bars: slope per bar and share of variance explained.

    Parameters
    ----------
    variance, covariance : (T,) float64
        Population variance of the window, covariance with time.
    n : int
        Window; time has population variance (n² − 1)/12.
    begin, stop : uint64
        Rows to fill.
    slope : (T,) float64, changed in place
        0 on a flat window.
    r2 : (T,) float64, changed in place
        0 to 1; NaN on a flat window.
    """
    time = (float(n) * n - 1.0) / 12.0
    for i in range(begin, stop):
        slope[i] = covariance[i] / time
    for i in range(begin, stop):
        whole = variance[i] * time
        share = covariance[i] * covariance[i] / whole
        # Rounding may push a perfect line past 1.
        r2[i] = (1.0 if share > 1.0 else share) if whole > 0.0 else np.nan


@njit
def channel_nb(
    close: Array,
    top: Array,
    bottom: Array,
    begin: np.uint64,
    stop: np.uint64,
    hi_dist: Array,
    lo_dist: Array,
    position: Array,
) -> None:
    """Place of the close in the channel of highs and lows.

    Parameters
    ----------
    close : (T,) float64, adjusted price
    top, bottom : (T,) float64
        Highest high and lowest low of the window, this bar included.
    begin, stop : uint64
        Rows to fill.
    hi_dist, lo_dist : (T,) float64, changed in place
        c/top − 1 ≤ 0; c/bottom − 1 ≥ 0.
    position : (T,) float64, changed in place
        (c − bottom)/(top − bottom), 0 to 1; NaN where the channel has no height.
    """
    for i in range(begin, stop):
        hi_dist[i] = close[i] / top[i] - 1.0
    for i in range(begin, stop):
        lo_dist[i] = close[i] / bottom[i] - 1.0
    for i in range(begin, stop):
        height = top[i] - bottom[i]
        position[i] = (close[i] - bottom[i]) / height if height > 0.0 else np.nan
