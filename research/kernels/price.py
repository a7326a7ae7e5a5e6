"""Price kernels: changes over a lag and the shape of a bar.

Window kernels, in the convention of `research.kernels.program`: rows ``begin..stop−1`` of the
outputs are filled from equally long series of one symbol's own bars. Lags reach back from there;
rows whose window is not full are NaN before a kernel sees them, and NaN passes through.
"""

from __future__ import annotations

import numpy as np

from research.kernels.jit import njit
from research.kernels.windows import Array, U

__all__ = ["bar_nb", "change_nb", "roc_nb"]


@njit
def change_nb(
    x: Array, y: Array, near: int, far: int, begin: np.uint64, stop: np.uint64, out: Array
) -> None:
    """Difference of two columns at two lags, x[near] − y[far]; of logarithms it is a log return.

    Parameters
    ----------
    x, y : (T,) float64
    near, far : int
        Bars back, 0 ≤ near ≤ far.
    begin, stop : uint64
        Rows to fill; begin ≥ far.
    out : (T,) float64, changed in place
    """
    later = U(near)
    earlier = U(far)
    for i in range(begin, stop):
        out[i] = x[i - later] - y[i - earlier]


@njit
def roc_nb(x: Array, n: int, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Rate of change in percent, 100·(x/x[n] − 1)."""
    lag = U(n)
    for i in range(begin, stop):
        out[i] = 100.0 * (x[i] / x[i - lag] - 1.0)


@njit
def bar_nb(
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
    begin: np.uint64,
    stop: np.uint64,
    clv: Array,
    range_pct: Array,
    body: Array,
) -> None:
    """Shape of each bar: close location, range, body.

    A bar without a range has its close in the middle and no body: clv and body are 0.

    Parameters
    ----------
    open_, high, low, close : (T,) float64, adjusted price
    begin, stop : uint64
        Rows to fill.
    clv, range_pct, body : (T,) float64, changed in place
        (2c−h−l)/(h−l), −1 to 1; (h−l)/c; (c−o)/(h−l), −1 to 1.
    """
    for i in range(begin, stop):
        span = high[i] - low[i]
        clv[i] = ((close[i] - low[i]) - (high[i] - close[i])) / span if span > 0.0 else 0.0
        body[i] = (close[i] - open_[i]) / span if span > 0.0 else 0.0
    for i in range(begin, stop):
        range_pct[i] = (high[i] - low[i]) / close[i]
