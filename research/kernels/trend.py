"""Trend kernels with a finite window: distances to averages, crossings, lines, channels.

Window kernels, in the convention of `research.kernels.program`: they turn statistics of windows,
bar by bar, into features. NaN in a statistic passes through.
"""

from __future__ import annotations

import numpy as np

from research.kernels.codes import CLOSE
from research.kernels.jit import inlined
from research.kernels.windows import Array

__all__ = [
    "cross_nb", "crossed_nb", "dist_nb", "over_nb", "position_nb", "r2_nb", "ratio_nb", "side_nb", "slope_nb",
]  # fmt: skip


@inlined
def dist_nb(x: Array, rows: Array, mean: int, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Distance of the close to an average as a fraction of it, c/mean − 1."""
    for i in range(begin, stop):
        rows[out, i] = x[CLOSE, i] / rows[mean, i] - 1.0


@inlined
def ratio_nb(a: float, b: float, minus: float) -> float:
    """Ratio of two numbers less a constant; NaN where b is 0."""
    return a / b - minus if b != 0.0 else np.nan


@inlined
def side_nb(fast: float, slow: float) -> float:
    """Side of one average against another: 1 below, 2 equal, 3 above; 0 where one is not known."""
    # One condition at a time, so that a loop over many bars vectorises.
    side = 3.0 if fast > slow else 0.0
    side = 1.0 if fast < slow else side
    return 2.0 if fast == slow else side


@inlined
def crossed_nb(before: float, now: float) -> float:
    """Crossing between two sides: +1 upwards, −1 downwards, else 0; NaN where one is not known."""
    crossed = 1.0 if (now == 3.0) & (before < 3.0) else 0.0
    crossed = -1.0 if (now == 1.0) & (before > 1.0) else crossed
    return np.nan if (before == 0.0) | (now == 0.0) else crossed


@inlined
def over_nb(rows: Array, a: int, b: int, minus: float, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Ratio of two rows less a constant, a/b − minus; NaN where b is 0."""
    for i in range(begin, stop):
        rows[out, i] = ratio_nb(rows[a, i], rows[b, i], minus)


@inlined
def cross_nb(
    rows: Array, fast: int, slow: int, begin: np.uint64, stop: np.uint64, state: Array, out: int
) -> None:
    """Crossing of two averages on this very bar: +1 upwards, −1 downwards, else 0.

    Upwards: fast > slow now and fast ≤ slow on the bar before; downwards the mirror image.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    fast, slow : int
        Rows of the averages.
    begin, stop : uint64
        Bars to fill.
    state : (1,) float64, changed in place
        Side on the bar before, coded 1 below, 2 equal, 3 above; 0 if not yet known.
    out : int
        Row of the crossing; NaN while the side on the bar before is not known.
    """
    before = state[0]
    for i in range(begin, stop):
        now = side_nb(rows[fast, i], rows[slow, i])
        rows[out, i] = crossed_nb(before, now)
        before = now
    state[0] = before


@inlined
def slope_nb(rows: Array, covariance: int, n: int, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Slope per bar of the least-squares line through n bars; 0 on a flat window.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    covariance : int
        Row of the window's covariance with time, which has population variance (n² − 1)/12.
    n : int
        Window.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of the slope.
    """
    per_time = 12.0 / (float(n) * n - 1.0)
    for i in range(begin, stop):
        rows[out, i] = rows[covariance, i] * per_time


@inlined
def r2_nb(
    rows: Array, variance: int, covariance: int, n: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Share of the variance that the line explains, 0 to 1; NaN on a flat window.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    variance, covariance : int
        Rows of the window's population variance and its covariance with time.
    n : int
        Window.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of the share.
    """
    time = (float(n) * n - 1.0) / 12.0
    for i in range(begin, stop):
        whole = rows[variance, i] * time
        share = rows[covariance, i] * rows[covariance, i] / whole
        # Rounding may push a perfect line past 1.
        rows[out, i] = (1.0 if share > 1.0 else share) if whole > 0.0 else np.nan


@inlined
def position_nb(
    x: Array, rows: Array, top: int, bottom: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Place of the close in a channel, (c − bottom)/(top − bottom); NaN where it has no height."""
    for i in range(begin, stop):
        height = rows[top, i] - rows[bottom, i]
        rows[out, i] = (x[CLOSE, i] - rows[bottom, i]) / height if height > 0.0 else np.nan
