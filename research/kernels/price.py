"""Price kernels: changes over a lag and the shape of a bar.

Window kernels, in the convention of `research.kernels.program`: ``x`` holds the base columns of one
symbol's own bars, ``rows`` what has been computed from them, and rows are named by number. The bars
``begin..stop−1`` of the outputs are filled; lags reach back from there.
"""

from __future__ import annotations

import numpy as np

from research.kernels.codes import CLOSE, HIGH, LOW, OPEN
from research.kernels.jit import inlined
from research.kernels.windows import Array

__all__ = ["bar_nb", "change_nb", "roc_nb"]


@inlined
def change_nb(
    x: Array,
    rows: Array,
    later: int,
    earlier: int,
    near: np.uint64,
    far: np.uint64,
    begin: np.uint64,
    stop: np.uint64,
    out: int,
) -> None:
    """Difference of two columns at two lags; of logarithms it is a log return.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    later, earlier : int
        Columns.
    near, far : uint64
        Their lags in places, 0 ≤ near ≤ far.
    begin, stop : uint64
        Bars to fill; begin ≥ far.
    out : int
        Row of later[near] − earlier[far].
    """
    for i in range(begin, stop):
        rows[out, i] = x[later, i - near] - x[earlier, i - far]


@inlined
def roc_nb(x: Array, rows: Array, lag: np.uint64, begin: np.uint64, stop: np.uint64, out: int) -> None:
    """Rate of change of the close in percent over `lag` places, 100·(c/c[lag] − 1); begin ≥ lag."""
    for i in range(begin, stop):
        rows[out, i] = 100.0 * (x[CLOSE, i] / x[CLOSE, i - lag] - 1.0)


@inlined
def bar_nb(
    x: Array, rows: Array, begin: np.uint64, stop: np.uint64, clv: int, range_pct: int, body: int
) -> None:
    """Shape of each bar: close location, range, body.

    A bar without a range has its close in the middle and no body: clv and body are 0.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    begin, stop : uint64
        Bars to fill.
    clv, range_pct, body : int
        Rows of (2c−h−l)/(h−l), −1 to 1; (h−l)/c; (c−o)/(h−l), −1 to 1.
    """
    for i in range(begin, stop):
        span = x[HIGH, i] - x[LOW, i]
        place = (x[CLOSE, i] - x[LOW, i]) - (x[HIGH, i] - x[CLOSE, i])
        rows[clv, i] = place / span if span > 0.0 else 0.0
    for i in range(begin, stop):
        rows[range_pct, i] = (x[HIGH, i] - x[LOW, i]) / x[CLOSE, i]
    for i in range(begin, stop):
        span = x[HIGH, i] - x[LOW, i]
        rows[body, i] = (x[CLOSE, i] - x[OPEN, i]) / span if span > 0.0 else 0.0
