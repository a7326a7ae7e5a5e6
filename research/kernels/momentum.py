"""Momentum kernels with a finite window: stochastics, CCI, CMO, efficiency, money flow, Aroon.

Window kernels, in the convention of `research.kernels.program`. ``load_*`` write the series whose
statistic a tree computes into slot 0 of scratch; the others turn statistics into features.
"""

from __future__ import annotations

import numpy as np

from research.kernels.codes import CLOSE, HIGH, LOW, VOLUME
from research.kernels.jit import inlined
from research.kernels.windows import Array, U

__all__ = [
    "aroon_nb",
    "cci_nb",
    "load_money_nb",
    "load_path_nb",
    "load_typical_nb",
    "mfi_nb",
    "net_over_path_nb",
    "stoch_nb",
    "willr_nb",
]


@inlined
def load_typical_nb(x: Array, low: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load the typical price (h + l + c)/3."""
    for i in range(low, stop):
        s[0, 0, i] = (x[HIGH, i] + x[LOW, i] + x[CLOSE, i]) / 3.0


@inlined
def load_path_nb(x: Array, low: np.uint64, stop: np.uint64, lanes: np.uint64, s: Array) -> None:
    """Load the absolute change of the close; low ≥ lanes."""
    for i in range(low, stop):
        s[0, 0, i] = abs(x[CLOSE, i] - x[CLOSE, i - lanes])


@inlined
def load_money_nb(x: Array, low: np.uint64, stop: np.uint64, lanes: np.uint64, s: Array) -> None:
    """Load money flow, typical price × volume, of bars that rose and of bars that fell; low ≥ lanes."""
    for i in range(low - lanes, stop):
        s[0, 2, i] = (x[HIGH, i] + x[LOW, i] + x[CLOSE, i]) / 3.0
    for i in range(low, stop):
        s[0, 0, i] = s[0, 2, i] * x[VOLUME, i] if s[0, 2, i] > s[0, 2, i - lanes] else 0.0
    for i in range(low, stop):
        s[0, 1, i] = s[0, 2, i] * x[VOLUME, i] if s[0, 2, i] < s[0, 2, i - lanes] else 0.0


@inlined
def mfi_nb(rows: Array, rise: int, fall: int, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Money flow index, 100·rise/(rise + fall); NaN where no money flowed either way."""
    for i in range(begin, stop):
        both = rows[rise, i] + rows[fall, i]
        rows[out, i] = 100.0 * (rows[rise, i] / both) if both > 0.0 else np.nan


@inlined
def net_over_path_nb(
    x: Array,
    rows: Array,
    path: int,
    n: int,
    lanes: np.uint64,
    begin: np.uint64,
    stop: np.uint64,
    cmo: int,
    efficiency: int,
) -> None:
    """Net change over the path walked: Chande's oscillator (sum form) and Kaufman's efficiency ratio.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    path : int
        Row of the mean absolute change of the last n bars.
    n : int
        Window.
    lanes : uint64
        Places from a bar to the next.
    begin, stop : uint64
        Places to fill; begin ≥ n·lanes.
    cmo : int
        Row of 100·(c − c[n])/Σ|Δc|, −100 to 100; NaN where the close has not moved.
    efficiency : int
        Row of |c − c[n]|/Σ|Δc|, 0 to 1; NaN likewise.
    """
    lag = U(n) * lanes
    for i in range(begin, stop):
        walked = rows[path, i] * n
        share = (x[CLOSE, i] - x[CLOSE, i - lag]) / walked
        # Rounding may push a straight path past 1.
        share = 1.0 if share > 1.0 else (-1.0 if share < -1.0 else share)
        rows[cmo, i] = 100.0 * share if walked > 0.0 else np.nan
        rows[efficiency, i] = abs(share) if walked > 0.0 else np.nan


@inlined
def aroon_nb(
    rows: Array, since_high: int, since_low: int, n: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Aroon oscillator, 100·(bars since the low − bars since the high)/n of a window of n + 1 bars."""
    scale = 100.0 / n
    for i in range(begin, stop):
        rows[out, i] = scale * (rows[since_low, i] - rows[since_high, i])


@inlined
def willr_nb(
    x: Array, rows: Array, top: int, bottom: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Williams' %R, −100·(top − c)/(top − bottom); NaN where the channel has no height."""
    for i in range(begin, stop):
        height = rows[top, i] - rows[bottom, i]
        rows[out, i] = -100.0 * ((rows[top, i] - x[CLOSE, i]) / height) if height > 0.0 else np.nan


@inlined
def stoch_nb(
    x: Array,
    rows: Array,
    s: Array,
    slot: np.uint64,
    smooth: int,
    signal: int,
    lanes: np.uint64,
    begin_k: np.uint64,
    begin_d: np.uint64,
    stop: np.uint64,
    k: int,
    d: int,
) -> None:
    """Slow stochastic: %K is the mean of `smooth` raw values, %D the mean of `signal` %Ks.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    s : (slots, rows, T) float64, changed in place
        Scratch.
    slot : uint64
        Its slot with the highest high and the lowest low, 0 to 2.
    smooth, signal : int
        Bars in the simple averages.
    lanes : uint64
        Places from a bar to the next.
    begin_k, begin_d, stop : uint64
        Places to fill. The channel is known from smooth − 1 bars before begin_k, and from
        smooth + signal − 2 bars before begin_d.
    k, d : int
        Rows of %K and %D, 0 to 100; NaN where a channel that they average has no height.
    """
    back = (U(signal) - U(1)) * lanes
    span = (U(smooth) - U(1)) * lanes
    # %K is needed `back` bars before the first %D, in scratch, since its own row may begin later.
    earliest = min(begin_k, begin_d - back)
    for i in range(earliest - span, stop):
        height = s[slot, 0, i] - s[slot, 1, i]
        s[3, 0, i] = 100.0 * ((x[CLOSE, i] - s[slot, 1, i]) / height) if height > 0.0 else np.nan
    for i in range(earliest, stop):
        s[3, 1, i] = 0.0
    for j in range(U(smooth)):
        lag = span - j * lanes
        for i in range(earliest, stop):
            s[3, 1, i] += s[3, 0, i - lag]
    for i in range(earliest, stop):
        s[3, 1, i] = s[3, 1, i] / smooth
    for i in range(begin_k, stop):
        rows[k, i] = s[3, 1, i]
    for i in range(begin_d, stop):
        rows[d, i] = 0.0
    for j in range(U(signal)):
        lag = back - j * lanes
        for i in range(begin_d, stop):
            rows[d, i] += s[3, 1, i - lag]
    for i in range(begin_d, stop):
        rows[d, i] = rows[d, i] / signal


@inlined
def cci_nb(
    rows: Array, s: Array, mean: int, n: int, lanes: np.uint64, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Lambert's commodity channel index, (p − mean)/(0.015·mean|p − mean|) of the typical price p.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    s : (slots, rows, T) float64, changed in place
        Scratch; row 0 of slot 0 holds the typical price.
    mean : int
        Row of the mean of the last n typical prices.
    n : int
        Window.
    lanes : uint64
        Places from a bar to the next.
    begin, stop : uint64
        Places to fill; begin ≥ (n − 1)·lanes.
    out : int
        Row of the index; NaN on a flat window.
    """
    one = U(1)
    size = U(n)
    for i in range(begin, stop):
        s[1, 0, i] = 0.0
    for j in range(size):
        lag = (size - one - j) * lanes
        for i in range(begin, stop):
            s[1, 0, i] += abs(s[0, 0, i - lag] - rows[mean, i])
    scale = n / 0.015
    for i in range(begin, stop):
        spread = s[1, 0, i]
        rows[out, i] = scale * ((s[0, 0, i] - rows[mean, i]) / spread) if spread > 0.0 else np.nan
