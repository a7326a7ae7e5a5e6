"""Momentum kernels with a finite window: stochastics, CCI, CMO, efficiency, money flow, Aroon.

Window kernels, in the convention of `research.kernels.program`. ``load_*`` write the series whose
statistic a tree computes into slot 0 of scratch; the others turn statistics into features.
"""

from __future__ import annotations

import numpy as np

from research.kernels.jit import njit
from research.kernels.windows import Array, U

__all__ = [
    "aroon_nb",
    "cci_nb",
    "load_money_nb",
    "load_path_nb",
    "load_typical_nb",
    "mfi_nb",
    "path_nb",
    "stoch_nb",
    "willr_nb",
]


@njit
def load_typical_nb(
    high: Array, low: Array, close: Array, begin: np.uint64, stop: np.uint64, s: Array
) -> None:
    """Load the typical price (h + l + c)/3."""
    for i in range(begin, stop):
        s[0, 0, i] = (high[i] + low[i] + close[i]) / 3.0


@njit
def load_path_nb(close: Array, begin: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load the absolute change of the close; begin ≥ 1."""
    one = U(1)
    for i in range(begin, stop):
        s[0, 0, i] = abs(close[i] - close[i - one])


@njit
def load_money_nb(
    high: Array,
    low: Array,
    close: Array,
    volume: Array,
    begin: np.uint64,
    stop: np.uint64,
    s: Array,
) -> None:
    """Load money flow, typical price × volume, of bars that rose and of bars that fell; begin ≥ 1."""
    one = U(1)
    for i in range(begin - one, stop):
        s[0, 2, i] = (high[i] + low[i] + close[i]) / 3.0
    for i in range(begin, stop):
        price = s[0, 2, i]
        before = s[0, 2, i - one]
        flow = price * volume[i]
        s[0, 0, i] = flow if price > before else 0.0
        s[0, 1, i] = flow if price < before else 0.0


@njit
def mfi_nb(rise: Array, fall: Array, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Money flow index, 100·rise/(rise + fall); NaN where no money flowed either way."""
    for i in range(begin, stop):
        both = rise[i] + fall[i]
        out[i] = 100.0 * (rise[i] / both) if both > 0.0 else np.nan


@njit
def path_nb(
    close: Array,
    path: Array,
    n: int,
    begin: np.uint64,
    stop: np.uint64,
    cmo: Array,
    efficiency: Array,
) -> None:
    """Net change over the path walked: Chande's oscillator (sum form) and Kaufman's efficiency ratio.

    Parameters
    ----------
    close : (T,) float64, adjusted price
    path : (T,) float64
        Mean absolute change of the last n bars.
    n : int
        Window.
    begin, stop : uint64
        Rows to fill; begin ≥ n.
    cmo : (T,) float64, changed in place
        100·(c − c[n])/Σ|Δc|, −100 to 100; NaN where the close has not moved.
    efficiency : (T,) float64, changed in place
        |c − c[n]|/Σ|Δc|, 0 to 1; NaN likewise.
    """
    lag = U(n)
    for i in range(begin, stop):
        walked = path[i] * n
        share = (close[i] - close[i - lag]) / walked if walked > 0.0 else np.nan
        # Rounding may push a straight path past 1.
        share = min(max(share, -1.0), 1.0) if walked > 0.0 else np.nan
        cmo[i] = 100.0 * share
        efficiency[i] = abs(share)


@njit
def aroon_nb(
    since_high: Array,
    since_low: Array,
    n: int,
    begin: np.uint64,
    stop: np.uint64,
    out: Array,
) -> None:
    """Aroon oscillator, 100·(bars since the low − bars since the high)/n of a window of n + 1 bars."""
    scale = 100.0 / n
    for i in range(begin, stop):
        out[i] = scale * (since_low[i] - since_high[i])


@njit
def willr_nb(close: Array, top: Array, bottom: Array, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Williams' %R, −100·(top − c)/(top − bottom); NaN where the channel has no height."""
    for i in range(begin, stop):
        height = top[i] - bottom[i]
        out[i] = -100.0 * ((top[i] - close[i]) / height) if height > 0.0 else np.nan


@njit
def stoch_nb(
    close: Array,
    slot: np.int64,
    smooth: int,
    signal: int,
    begin_k: np.uint64,
    begin_d: np.uint64,
    stop: np.uint64,
    s: Array,
    k: Array,
    d: Array,
) -> None:
    """Slow stochastic: %K is the mean of `smooth` raw values, %D the mean of `signal` %Ks.

    Parameters
    ----------
    close : (T,) float64, adjusted price
    slot : int64
        Slot of scratch with the highest high and the lowest low.
    smooth, signal : int
        Simple averages.
    begin_k, begin_d, stop : uint64
        Rows to fill. The channel is known from row begin_k − smooth + 1, and from row
        begin_d − smooth − signal + 2.
    s : (slots, rows, T) float64, changed in place
        Scratch.
    k, d : (T,) float64, changed in place
        0 to 100; NaN where a channel that they average has no height.
    """
    one = U(1)
    back = U(signal - 1)
    span = U(smooth - 1)
    # %K is needed `back` bars before the first %D, in scratch, since its own row may begin later.
    earliest = min(begin_k, begin_d - back)
    for i in range(earliest - span, stop):
        height = s[slot, 0, i] - s[slot, 1, i]
        s[3, 0, i] = 100.0 * ((close[i] - s[slot, 1, i]) / height) if height > 0.0 else np.nan
    for i in range(earliest, stop):
        s[3, 1, i] = 0.0
    for j in range(span + one):
        lag = span - j
        for i in range(earliest, stop):
            s[3, 1, i] += s[3, 0, i - lag]
    for i in range(earliest, stop):
        s[3, 1, i] = s[3, 1, i] / smooth
    for i in range(begin_k, stop):
        k[i] = s[3, 1, i]
    for i in range(begin_d, stop):
        d[i] = 0.0
    for j in range(back + one):
        lag = back - j
        for i in range(begin_d, stop):
            d[i] += s[3, 1, i - lag]
    for i in range(begin_d, stop):
        d[i] = d[i] / signal


@njit
def cci_nb(mean: Array, n: int, begin: np.uint64, stop: np.uint64, s: Array, out: Array) -> None:
    """Lambert's commodity channel index, (p − mean)/(0.015·mean|p − mean|) of the typical price p.

    Parameters
    ----------
    mean : (T,) float64
        Mean of the last n typical prices.
    n : int
        Window.
    begin, stop : uint64
        Rows to fill; begin ≥ n − 1.
    s : (slots, rows, T) float64, changed in place
        Scratch; row 0 of slot 0 holds the typical price.
    out : (T,) float64, changed in place
        NaN on a flat window.
    """
    one = U(1)
    size = U(n)
    for i in range(begin, stop):
        s[1, 0, i] = 0.0
    for j in range(size):
        lag = size - one - j
        for i in range(begin, stop):
            s[1, 0, i] += abs(s[0, 0, i - lag] - mean[i])
    scale = n / 0.015
    for i in range(begin, stop):
        spread = s[1, 0, i]
        out[i] = scale * ((s[0, 0, i] - mean[i]) / spread) if spread > 0.0 else np.nan
