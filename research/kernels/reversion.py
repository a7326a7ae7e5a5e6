"""Reversion kernels: distance from the mean, speed of the pull back, serial dependence.

Window kernels, in the convention of `research.kernels.program`.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.jit import inlined
from research.kernels.windows import Array

__all__ = ["autocorr_nb", "half_life_nb", "load_lagged_nb", "variance_ratio_nb", "z_nb"]

_LN2 = math.log(2.0)


@inlined
def load_lagged_nb(
    x: Array, before: int, now: int, low: np.uint64, stop: np.uint64, lanes: np.uint64, s: Array
) -> None:
    """Load the pair of two columns (before[1], now); low ≥ lanes."""
    for i in range(low, stop):
        s[0, 0, i] = x[before, i - lanes]
        s[0, 1, i] = x[now, i]


@inlined
def z_nb(
    x: Array, rows: Array, column: int, mean: int, variance: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Score a column by its own window, (x − mean)/σ with population σ; NaN on a flat window."""
    for i in range(begin, stop):
        above = x[column, i] - rows[mean, i]
        rows[out, i] = above / math.sqrt(rows[variance, i]) if rows[variance, i] > 0.0 else np.nan


@inlined
def half_life_nb(
    rows: Array, past: int, change: int, both: int, n: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Half-life in bars of an Ornstein-Uhlenbeck pull: −ln 2/ln(1+b) of Δx = a + b·x[1].

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    past, change, both : int
        Rows of the population variance of x[1] and of Δx over n bars, and of their covariance.
    n : int
        Bars in the regression.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of the half-life; NaN unless −1 < b < 0 and t(b) < −2: no pull that can be told from noise.
    """
    for i in range(begin, stop):
        rows[out, i] = np.nan
        if rows[past, i] > 0.0 and rows[both, i] < 0.0:
            b = rows[both, i] / rows[past, i]
            residual = max(rows[change, i] - b * rows[both, i], 0.0)
            # t(b) < −2, squared.
            if b > -1.0 and b * b * ((n - 2.0) * rows[past, i]) > 4.0 * residual:
                rows[out, i] = -_LN2 / math.log1p(b)


@inlined
def autocorr_nb(
    rows: Array, before: int, now: int, both: int, begin: np.uint64, stop: np.uint64, out: int
) -> None:
    """Pearson correlation from two variances and their covariance, −1 to 1; NaN on a flat window."""
    for i in range(begin, stop):
        size = math.sqrt(rows[before, i]) * math.sqrt(rows[now, i])
        rho = rows[both, i] / size
        rho = 1.0 if rho > 1.0 else (-1.0 if rho < -1.0 else rho)
        rows[out, i] = rho if size > 0.0 else np.nan


@inlined
def variance_ratio_nb(
    rows: Array,
    mean_1: int,
    variance_1: int,
    mean_q: int,
    variance_q: int,
    q: int,
    n: int,
    begin: np.uint64,
    stop: np.uint64,
    out: int,
) -> None:
    """Variance of overlapping q-bar returns over q times that of one-bar returns, unbiased.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    mean_1, variance_1 : int
        Rows of the mean and population variance of the n one-bar returns.
    mean_q, variance_q : int
        Those of the n − q + 1 q-bar returns among the same bars.
    q, n : int
        Bars per long return; bars in the window.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of the ratio, 1 for a random walk; NaN on a flat window.
    """
    count = n - q + 1.0
    m = q * count * (1.0 - q / n)
    scale = count * (n - 1.0) / (m * n)
    for i in range(begin, stop):
        d = rows[mean_q, i] - q * rows[mean_1, i]
        ratio = scale * (rows[variance_q, i] + d * d) / rows[variance_1, i]
        rows[out, i] = ratio if rows[variance_1, i] > 0.0 else np.nan
