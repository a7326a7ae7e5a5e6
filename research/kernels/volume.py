"""Volume kernels: signed and located volume, dollar volume, price impact, VWAP.

Window kernels, in the convention of `research.kernels.program`. ``load_*`` write the series whose
statistic a tree computes into slot 0 of scratch. A window without any volume has no ratio: NaN.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.codes import CLOSE, HIGH, LOW, RETURN, VOLUME
from research.kernels.jit import inlined
from research.kernels.windows import Array, U

__all__ = [
    "dollar_z_nb",
    "load_dollars_nb",
    "load_impact_nb",
    "load_located_nb",
    "load_paid_nb",
    "load_signed_nb",
    "obv_slope_nb",
    "share_nb",
    "volume_ratio_nb",
    "vwap_dist_nb",
]


@inlined
def load_signed_nb(x: Array, low: np.uint64, stop: np.uint64, lanes: np.uint64, s: Array) -> None:
    """Load volume with the sign of the close's change; low ≥ lanes."""
    for i in range(low, stop):
        v = x[VOLUME, i]
        up = v if x[CLOSE, i] > x[CLOSE, i - lanes] else 0.0
        s[0, 0, i] = up - (v if x[CLOSE, i] < x[CLOSE, i - lanes] else 0.0)


@inlined
def load_located_nb(x: Array, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load close location value × volume, 0 on a flat bar."""
    for i in range(low, stop):
        span = x[HIGH, i] - x[LOW, i]
        place = (x[CLOSE, i] - x[LOW, i]) - (x[HIGH, i] - x[CLOSE, i])
        s[0, 0, i] = place / span * x[VOLUME, i] if span > 0.0 else 0.0


@inlined
def load_paid_nb(x: Array, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load typical price × volume."""
    for i in range(low, stop):
        s[0, 0, i] = (x[HIGH, i] + x[LOW, i] + x[CLOSE, i]) / 3.0 * x[VOLUME, i]


@inlined
def load_dollars_nb(x: Array, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load dollar volume, close × volume."""
    for i in range(low, stop):
        s[0, 0, i] = x[CLOSE, i] * x[VOLUME, i]


@inlined
def load_impact_nb(x: Array, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load |r| per dollar traded, 0 on a bar without volume, and whether the bar traded."""
    for i in range(low, stop):
        dollars = x[CLOSE, i] * x[VOLUME, i]
        s[0, 0, i] = abs(x[RETURN, i]) / dollars if dollars > 0.0 else 0.0
    for i in range(low, stop):
        s[0, 1, i] = 1.0 if x[CLOSE, i] * x[VOLUME, i] > 0.0 else 0.0


@inlined
def share_nb(rows: Array, a: int, b: int, scale: float, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Scaled ratio of two means over the same bars, scale·a/b; NaN where b is 0."""
    for i in range(begin, stop):
        rows[out, i] = scale * (rows[a, i] / rows[b, i]) if rows[b, i] != 0.0 else np.nan


@inlined
def volume_ratio_nb(x: Array, rows: Array, mean: int, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Volume over its mean; NaN where the mean is 0."""
    for i in range(begin, stop):
        rows[out, i] = x[VOLUME, i] / rows[mean, i] if rows[mean, i] != 0.0 else np.nan


@inlined
def vwap_dist_nb(
    x: Array, rows: Array, paid: int, volume: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Distance of the close to the volume-weighted average price, c·Σv/Σpv − 1; NaN without volume."""
    for i in range(begin, stop):
        average = rows[paid, i] / rows[volume, i]
        rows[out, i] = x[CLOSE, i] / average - 1.0 if rows[volume, i] > 0.0 else np.nan


@inlined
def dollar_z_nb(
    x: Array, rows: Array, mean: int, variance: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Score dollar volume by its own window, (c·v − mean)/σ; NaN where it never differs."""
    for i in range(begin, stop):
        above = x[CLOSE, i] * x[VOLUME, i] - rows[mean, i]
        rows[out, i] = above / math.sqrt(rows[variance, i]) if rows[variance, i] > 0.0 else np.nan


@inlined
def obv_slope_nb(
    rows: Array, s: Array, volume: int, n: int, lanes: np.uint64, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Least-squares slope of the last n points of on-balance volume over the mean volume of those bars.

    The slope of a running sum is a weighted sum of its increments: the i-th of n, counted from 0,
    weighs 6·i·(n − i)/(n·(n² − 1)).

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    s : (slots, rows, T) float64, changed in place
        Scratch; row 0 of slot 0 holds the signed volume.
    volume : int
        Row of the mean volume of the n bars.
    n : int
        Points.
    lanes : uint64
        Places from a bar to the next.
    begin, stop : uint64
        Places to fill; begin ≥ n·lanes.
    out : int
        Row of the slope; NaN on a window without volume.
    """
    one = U(1)
    size = U(n)
    for i in range(begin, stop):
        s[1, 0, i] = 0.0
    for j in range(size):
        lag = (size - one - j) * lanes
        w = 6.0 * float(j) * float(size - j) / (float(n) * (float(n) * n - 1.0))
        for i in range(begin, stop):
            s[1, 0, i] += w * s[0, 0, i - lag]
    for i in range(begin, stop):
        rows[out, i] = s[1, 0, i] / rows[volume, i] if rows[volume, i] > 0.0 else np.nan
