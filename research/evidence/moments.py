"""Moments of return series: what decides whether a Sharpe ratio is luck.

In: returns, (T, N), one column per account. Out: four figures per column, per period, never annual.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue

__all__ = ["Moments", "moments", "returns_matrix"]

F64 = NDArray[np.float64]
_ROUNDING = 1e-12  # a spread this small beside the mean is the rounding of equal returns


class Moments(NamedTuple):
    """What of a return series decides whether its Sharpe ratio is luck.

    Attributes
    ----------
    sharpe, skewness, kurtosis, autocorrelation : (N,) float64
        Per period; kurtosis raw, autocorrelation at lag 1. NaN for a series without variance.
    periods : int
        T.
    """

    sharpe: F64
    skewness: F64
    kurtosis: F64
    autocorrelation: F64
    periods: int


def returns_matrix(returns: F64) -> F64:
    """Return `returns` as finite (T, N) float64, or refuse it.

    Parameters
    ----------
    returns : (T, N) or (T,) float64
        Return of each period; one column per cell.

    Raises
    ------
    BadValue
        Other shapes, fewer than three periods, NaN or infinity (row, column and count are named).
    """
    matrix = np.asarray(returns, dtype=np.float64)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or matrix.shape[0] < 3 or matrix.shape[1] < 1:
        raise BadValue(
            f"`returns` must be (T periods, N cells) with T ≥ 3 and N ≥ 1, had shape {np.shape(returns)}; "
            "put periods in rows and cells in columns"
        )
    bad = ~np.isfinite(matrix)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise BadValue(
            f"`returns` must be finite, had {int(bad.sum())} NaN or infinite, the first in period {row} of "
            f"cell {column}; use 0 where an account stood still, leave out cells that are still warming up"
        )
    return matrix


def moments(returns: F64) -> Moments:
    """Return the moments of each column.

    Parameters
    ----------
    returns : (T, N) or (T,) float64
        NaN is refused: an account that stands still returns 0.

    Returns
    -------
    Moments
        Sharpe: mean / std (ddof 1). Skewness and kurtosis: population moments. A column's bits do not
        depend on the columns beside it, so chunks of a sweep give those of the whole.

    Examples
    --------
    >>> found = moments(np.array([[0.01, 0.0], [-0.01, 0.0], [0.03, 0.0]]))
    >>> found.sharpe.tolist()
    [0.5, nan]
    """
    # One contiguous row per cell: NumPy then sums each in the same order however many there are.
    rows = np.ascontiguousarray(returns_matrix(returns).T)
    n = rows.shape[1]
    mean = np.mean(rows, axis=1, keepdims=True)
    apart = rows - mean
    square = apart * apart
    variance = np.mean(square, axis=1)
    spread = np.sqrt(variance * (n / (n - 1)))
    idle = spread <= _ROUNDING * np.abs(mean[:, 0])
    spread, variance = (np.where(idle, np.nan, part) for part in (spread, variance))
    return Moments(
        sharpe=mean[:, 0] / spread,
        skewness=np.mean(square * apart, axis=1) / variance**1.5,
        kurtosis=np.mean(square * square, axis=1) / variance**2,
        autocorrelation=np.mean(apart[:, 1:] * apart[:, :-1], axis=1) * ((n - 1) / n) / variance,
        periods=n,
    )
