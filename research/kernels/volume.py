"""Volume kernels: signed and located volume, dollar volume, price impact, VWAP.

Window kernels, in the convention of `research.kernels.program`. ``load_*`` write the series whose
statistic a tree computes into slot 0 of scratch. A window without any volume has no ratio: NaN.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.jit import njit
from research.kernels.windows import Array, U

__all__ = [
    "dollar_z_nb",
    "load_dollars_nb",
    "load_impact_nb",
    "load_located_nb",
    "load_priced_nb",
    "load_signed_nb",
    "obv_slope_nb",
    "scaled_nb",
    "vwap_dist_nb",
]


@njit
def load_signed_nb(close: Array, volume: Array, begin: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load volume with the sign of the close's change, and volume; begin ≥ 1."""
    one = U(1)
    for i in range(begin, stop):
        v = volume[i]
        s[0, 0, i] = v if close[i] > close[i - one] else (-v if close[i] < close[i - one] else 0.0)
        s[0, 1, i] = v


@njit
def load_located_nb(
    high: Array, low: Array, close: Array, volume: Array, begin: np.uint64, stop: np.uint64, s: Array
) -> None:
    """Load close location value × volume (0 on a flat bar), and volume."""
    for i in range(begin, stop):
        span = high[i] - low[i]
        place = ((close[i] - low[i]) - (high[i] - close[i])) / span if span > 0.0 else 0.0
        s[0, 0, i] = place * volume[i]
        s[0, 1, i] = volume[i]


@njit
def load_priced_nb(
    high: Array, low: Array, close: Array, volume: Array, begin: np.uint64, stop: np.uint64, s: Array
) -> None:
    """Load typical price × volume, and volume."""
    for i in range(begin, stop):
        s[0, 0, i] = (high[i] + low[i] + close[i]) / 3.0 * volume[i]
        s[0, 1, i] = volume[i]


@njit
def load_dollars_nb(close: Array, volume: Array, begin: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load dollar volume, close × volume."""
    for i in range(begin, stop):
        s[0, 0, i] = close[i] * volume[i]


@njit
def load_impact_nb(
    r: Array, close: Array, volume: Array, begin: np.uint64, stop: np.uint64, s: Array
) -> None:
    """Load |r| per dollar traded, 0 on a bar without volume, and whether the bar traded."""
    for i in range(begin, stop):
        dollars = close[i] * volume[i]
        s[0, 0, i] = abs(r[i]) / dollars if dollars > 0.0 else 0.0
        s[0, 1, i] = 1.0 if dollars > 0.0 else 0.0


@njit
def scaled_nb(x: Array, y: Array, scale: float, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Scaled ratio of two means over the same bars, scale·x/y; NaN where y is 0."""
    for i in range(begin, stop):
        out[i] = scale * (x[i] / y[i]) if y[i] != 0.0 else np.nan


@njit
def vwap_dist_nb(
    close: Array, paid: Array, volume: Array, begin: np.uint64, stop: np.uint64, out: Array
) -> None:
    """Distance of the close to the volume-weighted average price, c·Σv/Σpv − 1; NaN without volume."""
    for i in range(begin, stop):
        out[i] = close[i] / (paid[i] / volume[i]) - 1.0 if paid[i] > 0.0 else np.nan


@njit
def dollar_z_nb(
    close: Array,
    volume: Array,
    mean: Array,
    variance: Array,
    begin: np.uint64,
    stop: np.uint64,
    out: Array,
) -> None:
    """Score dollar volume by its own window, (c·v − mean)/σ; NaN where it never differs."""
    for i in range(begin, stop):
        above = close[i] * volume[i] - mean[i]
        out[i] = above / math.sqrt(variance[i]) if variance[i] > 0.0 else np.nan


@njit
def obv_slope_nb(volume: Array, n: int, begin: np.uint64, stop: np.uint64, s: Array, out: Array) -> None:
    """Least-squares slope of the last n points of on-balance volume over the mean volume of those bars.

    The slope of a running sum is a weighted sum of its increments: the i-th of n, counted from 0,
    weighs 6·i·(n − i)/(n·(n² − 1)).

    Parameters
    ----------
    volume : (T,) float64
        Mean volume of the n bars.
    n : int
        Points.
    begin, stop : uint64
        Rows to fill; begin ≥ n.
    s : (slots, rows, T) float64, changed in place
        Scratch; row 0 of slot 0 holds the signed volume.
    out : (T,) float64, changed in place
        NaN on a window without volume.
    """
    one = U(1)
    size = U(n)
    for i in range(begin, stop):
        s[1, 0, i] = 0.0
    for j in range(size):
        lag = size - one - j
        w = 6.0 * float(j) * float(size - j) / (float(n) * (float(n) * n - 1.0))
        for i in range(begin, stop):
            s[1, 0, i] += w * s[0, 0, i - lag]
    for i in range(begin, stop):
        out[i] = s[1, 0, i] / volume[i] if volume[i] > 0.0 else np.nan
