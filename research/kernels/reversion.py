"""Reversion kernels: distance from the mean, speed of the pull back, serial dependence.

Window kernels, in the convention of `research.kernels.program`.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.jit import njit
from research.kernels.windows import Array, U

__all__ = ["autocorr_nb", "half_life_nb", "load_lagged_nb", "variance_ratio_nb", "z_nb"]

_LN2 = math.log(2.0)


@njit
def load_lagged_nb(x: Array, y: Array, begin: np.uint64, stop: np.uint64, s: Array) -> None:
    """Load the pair (x[1], y); begin ≥ 1."""
    one = U(1)
    for i in range(begin, stop):
        s[0, 0, i] = x[i - one]
        s[0, 1, i] = y[i]


@njit
def z_nb(x: Array, mean: Array, variance: Array, begin: np.uint64, stop: np.uint64, out: Array) -> None:
    """Score x by its own window, (x − mean)/σ with population σ; NaN on a flat window."""
    for i in range(begin, stop):
        out[i] = (x[i] - mean[i]) / math.sqrt(variance[i]) if variance[i] > 0.0 else np.nan


@njit
def half_life_nb(
    past: Array, change: Array, both: Array, n: int, begin: np.uint64, stop: np.uint64, out: Array
) -> None:
    """Half-life in bars of an Ornstein-Uhlenbeck pull: −ln 2/ln(1+b) of Δx = a + b·x[1].

    Parameters
    ----------
    past, change, both : (T,) float64
        Population variance of x[1] and of Δx over n bars, and their covariance.
    n : int
        Bars in the regression.
    begin, stop : uint64
        Rows to fill.
    out : (T,) float64, changed in place
        NaN unless −1 < b < 0 and t(b) < −2: no pull that can be told from noise.
    """
    for i in range(begin, stop):
        out[i] = np.nan
        if past[i] > 0.0:
            b = both[i] / past[i]
            residual = max(change[i] - b * both[i], 0.0)
            error = math.sqrt(residual / ((n - 2.0) * past[i]))
            if -1.0 < b < 0.0 and b < -2.0 * error:
                out[i] = -_LN2 / math.log1p(b)


@njit
def autocorr_nb(
    before: Array, now: Array, both: Array, begin: np.uint64, stop: np.uint64, out: Array
) -> None:
    """Pearson correlation from two variances and their covariance, −1 to 1; NaN on a flat window."""
    for i in range(begin, stop):
        size = math.sqrt(before[i]) * math.sqrt(now[i])
        rho = both[i] / size
        rho = 1.0 if rho > 1.0 else (-1.0 if rho < -1.0 else rho)
        out[i] = rho if size > 0.0 else np.nan


@njit
def variance_ratio_nb(
    mean_1: Array,
    variance_1: Array,
    mean_q: Array,
    variance_q: Array,
    q: int,
    n: int,
    begin: np.uint64,
    stop: np.uint64,
    out: Array,
) -> None:
    """Variance of overlapping q-bar returns over q times that of one-bar returns, unbiased.

    Parameters
    ----------
    mean_1, variance_1 : (T,) float64
        Mean and population variance of the n one-bar returns.
    mean_q, variance_q : (T,) float64
        Those of the n − q + 1 q-bar returns among the same bars.
    q, n : int
        Bars per long return; bars in the window.
    begin, stop : uint64
        Rows to fill.
    out : (T,) float64, changed in place
        1 for a random walk; NaN on a flat window.
    """
    count = n - q + 1.0
    m = q * count * (1.0 - q / n)
    scale = count * (n - 1.0) / (m * n)
    for i in range(begin, stop):
        d = mean_q[i] - q * mean_1[i]
        out[i] = scale * (variance_q[i] + d * d) / variance_1[i] if variance_1[i] > 0.0 else np.nan
