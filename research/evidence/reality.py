"""Is any cell better than doing nothing, given that all were tried? Hansen's SPA and Romano & Wolf's StepM.

In: returns of all cells, (T, N). Out: p-values of the whole search, and the cells that stand out from it.

Losses are −returns against a benchmark of no return, resampled by the stationary bootstrap of `arch`. The
statistics are those of `arch.bootstrap.SPA` and `StepM`, number for number (tests compare them); they are
taken from the counts of the resampled periods in one matrix product, since `arch` gathers all returns again
for each resample and its long-run variance costs T²·N: 98 s instead of 2 s for 4,851 cells × 1,490 bars.

1. d = returns − benchmark; d* = means of d over resampled periods.
2. "consistent" recentres d* by the mean of d, except for cells so bad that they cannot matter (mean below
   −√(2 ln ln T · ω²/T), ω² the long-run variance); "lower" and "upper" bound it.
3. p = share of resamples whose best recentred mean beats the best mean.
4. StepM: cells above the 95 % point of that maximum stand out; take them out and go on until none does.

`arch` does not divide by the volatility of a cell, though it has an argument `studentize`: in a search
that varies leverage the boldest cell would decide alone. `scaled` divides each cell by its standard
deviation first, which is Hansen's studentised statistic but for the autocorrelation in ω.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.evidence.moments import returns_matrix

__all__ = ["RealityCheck", "reality_check"]

F64 = NDArray[np.float64]
_COLUMNS = 512  # cells whose spectra are held at once


@dataclass(frozen=True)
class RealityCheck:
    """What a search proves.

    Attributes
    ----------
    p_lower, p_consistent, p_upper : float
        SPA p-values of "no cell is better than the benchmark"; the consistent one is Hansen's.
    superior : tuple of int
        Cells (columns) that StepM finds better, with a family-wise error of `size`.
    idle : int
        Cells without variance; they were left out.
    size, block, reps, scaled, seed
        As asked.
    """

    p_lower: float
    p_consistent: float
    p_upper: float
    superior: tuple[int, ...]
    idle: int
    size: float
    block: int
    reps: int
    scaled: bool
    seed: int


def reality_check(
    returns: F64,
    benchmark: F64 | None = None,
    *,
    scaled: bool = True,
    block: int = 10,
    reps: int = 2000,
    size: float = 0.05,
    seed: int = 0,
) -> RealityCheck:
    """Test all cells of a search at once.

    Parameters
    ----------
    returns : (T, N) float64
        NaN is refused; cells without variance are left out and counted.
    benchmark : (T,) float64, optional
        Returns to beat; default: 0, cash without interest.
    scaled : bool
        Divide each cell by its standard deviation (ddof 1) first; False is `arch` as it is.
    block : int
        Mean length of the bootstrap's blocks, periods.
    reps : int
        Resamples.
    size : float
        Family-wise error of StepM.
    seed : int

    Returns
    -------
    RealityCheck

    Raises
    ------
    BadValue
        NaN, a benchmark of another length, no cell with variance, a block, size or number of resamples
        outside its rule.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(250, 5))
    >>> reality_check(noise, seed=1).superior
    ()
    """
    apart = returns_matrix(returns)
    n = apart.shape[0]
    if benchmark is not None:
        if np.shape(benchmark) != (n,):
            raise BadValue(f"`benchmark` must have {n} returns, had shape {np.shape(benchmark)}")
        apart = apart - returns_matrix(benchmark)
    if not 1 <= block <= n:
        raise BadValue(f"`block` must be from 1 to {n} periods, was {block}")
    if reps < 100:
        raise BadValue(f"`reps` must be ≥ 100, was {reps}; the usual number is 2000")
    if not 0.0 < size < 1.0:
        raise BadValue(f"`size` must be above 0 and below 1, was {size:g}")
    moving = np.flatnonzero(np.ptp(apart, axis=0) > 0.0)
    if not moving.size:
        raise BadValue(
            f"`returns` must hold a cell that traded, none of {apart.shape[1]} did; widen the grid"
        )
    kept = apart[:, moving]
    if scaled:
        kept = kept / np.std(kept, axis=0, ddof=1)

    means = kept.mean(axis=0)
    resampled = _counts(n, block, reps, seed) @ kept / n
    worst = -np.sqrt(_long_run_variance(kept, block) / n * 2.0 * math.log(math.log(n)))
    consistent = np.where(means >= worst, means, 0.0)
    best = means.max()
    lower, middle, upper = (
        float(np.mean(np.max(resampled - centre, axis=1) > best))
        for centre in (np.maximum(means, 0.0), consistent, means)
    )
    return RealityCheck(
        p_lower=lower,
        p_consistent=middle,
        p_upper=upper,
        superior=tuple(moving[_stand_out(means, resampled - consistent, size)].tolist()),
        idle=apart.shape[1] - moving.size,
        size=size,
        block=block,
        reps=reps,
        scaled=scaled,
        seed=seed,
    )


def _counts(n: int, block: int, reps: int, seed: int) -> F64:
    """How often each resample holds each period, (reps, n)."""
    from arch.bootstrap import StationaryBootstrap

    bootstrap = StationaryBootstrap(block, np.arange(n), seed=seed)
    out = np.empty((reps, n))
    for r, (positional, _) in enumerate(bootstrap.bootstrap(reps)):
        out[r] = np.bincount(positional[0], minlength=n)
    return out


def _long_run_variance(apart: F64, block: int) -> F64:
    """Variance of √T × mean under the stationary bootstrap (Politis & Romano 1994), (N,)."""
    n, cells = apart.shape
    lag = np.arange(n)
    keep = 1.0 - 1.0 / block
    weight = (1.0 - lag / n) * keep**lag + lag / n * keep ** (n - lag)
    weight[0], weight[1:] = 1.0, 2.0 * weight[1:]
    out = np.empty(cells)
    for start in range(0, cells, _COLUMNS):
        part = apart[:, start : start + _COLUMNS]
        # Padded to twice the length, the power spectrum gives all autocovariances at once.
        spectrum = np.fft.rfft(part - part.mean(axis=0), 2 * n, axis=0)
        covariance = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n, axis=0)[:n] / n
        out[start : start + _COLUMNS] = weight @ covariance
    return np.maximum(out, 0.0)


def _stand_out(means: F64, recentred: F64, size: float) -> NDArray[np.int64]:
    """Columns that step after step exceed the critical value of those that are left."""
    left = np.ones(means.size, dtype=np.bool_)
    while left.any():
        critical = np.percentile(recentred[:, left].max(axis=1), 100.0 * (1.0 - size))
        better = left & (means > critical)
        if not better.any():
            break
        left &= ~better
    return np.flatnonzero(~left)
