"""What the trial ledger keeps of a cell's returns: their moments, and a sketch of 128 numbers.

In: an account's equity at each close. Out: what `research.evidence.moments` and `research.evidence.trials`
make of its returns, which say what the numbers are; here one account at a time, so that a sweep need not hold
returns.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit

__all__ = ["returns_nb", "trial_nb"]

SHARPE, SKEWNESS, KURTOSIS, AUTOCORRELATION, N_MOMENTS = range(5)
_ROUNDING = 1e-12  # a spread this small beside the mean is the rounding of equal returns


@njit
def returns_nb(equity: NDArray[np.float64], capital: float, out: NDArray[np.float64]) -> None:
    """Turn equity into the return of each bar; an account that falls to 0 USD has lost all, for good.

    Parameters
    ----------
    equity : (T,) float64
        USD at each close.
    capital : float
        USD before the first of them.
    out : (T,) float64
        Written, may be `equity`: −1 where equity falls to 0 or below, and 0 after it.
    """
    before = capital
    for i in range(equity.size):
        now = equity[i] if before > 0.0 else 0.0
        if now > 0.0:
            out[i] = (now - before) / before
        else:
            out[i] = -1.0 if before > 0.0 else 0.0
        before = now


@njit
def trial_nb(
    returns: NDArray[np.float64],
    bucket: NDArray[np.int64],
    sign: NDArray[np.float64],
    moments: NDArray[np.float64],
    sketch: NDArray[np.float64],
) -> None:
    """Write the moments and the sketch of returns.

    Parameters
    ----------
    returns : (T,) float64
        Numbers, T ≥ 3.
    bucket, sign : (T,)
        Where each bar's return is counted in the sketch, and with which sign.
    moments : (N_MOMENTS,) float64
        Written: Sharpe ratio (ddof 1), skewness, kurtosis, autocorrelation at lag 1; NaN without variance.
    sketch : (S,) float64
        Zeros; written, of length one. Left at zeros where all returns are equal.
    """
    n = returns.size
    total, least, most = 0.0, returns[0], returns[0]
    for i in range(n):
        total += returns[i]
        least, most = min(least, returns[i]), max(most, returns[i])
    mean = total / n
    second = third = fourth = serial = before = 0.0
    for i in range(n):
        apart = returns[i] - mean
        square = apart * apart
        second += square
        third += square * apart
        fourth += square * square
        serial += apart * before
        before = apart
        sketch[bucket[i]] += sign[i] * apart
    variance = second / n
    spread = math.sqrt(second / (n - 1))
    if spread <= _ROUNDING * abs(mean):
        moments[:] = math.nan
    else:
        moments[SHARPE] = mean / spread
        moments[SKEWNESS] = third / n / (variance * math.sqrt(variance))
        moments[KURTOSIS] = fourth / n / (variance * variance)
        moments[AUTOCORRELATION] = serial / n / variance
    length = 0.0
    for k in range(sketch.size):
        length += sketch[k] * sketch[k]
    length = math.sqrt(length)
    for k in range(sketch.size):
        sketch[k] = sketch[k] / length if length > 0.0 and least < most else 0.0
