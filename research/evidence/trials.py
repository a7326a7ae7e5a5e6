"""How many independent trials a heap of correlated ones is worth, from a short sketch of each.

In: returns and the instants they belong to. Out: a sketch of 128 numbers per cell, and the effective number
of trials of any set of sketches, made at whatever time, on whatever span.

1. Each instant is hashed to one of 128 buckets and a sign (a *count sketch*: Charikar, Chen & Farach-Colton,
   "Finding frequent items in data streams", 2002). A cell's sketch is the signed sum of its demeaned returns
   per bucket, at length one. The inner product of two sketches is their correlation without bias, give or
   take 1/√128. Two cells meet wherever their instants do, so sweeps over different spans can be compared; the
   sums cost one addition per bar, so a scan can make them in its own pass.
2. The correlation matrix of M cells has at most 128 eigenvalues, those of a 128 × 128 matrix. Their entropy
   gives the *effective rank* (Roy & Vetterli 2007).
3. K equal and independent directions seen through d of them show a rank of only K·exp(−K/2d) (for K ≤ d, and
   d·exp(−d/2K) above: the entropy of the Marchenko–Pastur law). That is undone, so that the cap of 128 does
   not count a million independent cells as 128; where it cannot be told, it is the number of cells.
4. A sample of M of the cells lacks K/2M of the entropy for the same reason (Miller 1955, "Note on the bias of
   information estimates"), which is undone in the same step.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from research.errors import BadValue
from research.evidence.moments import returns_matrix

__all__ = ["SKETCH", "effective_rank", "effective_trials", "places", "sketches"]

F64 = NDArray[np.float64]
SKETCH = 128  # numbers per cell: 256 bytes as float16
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def effective_rank(correlation: F64) -> float:
    """Return the effective number of independent variables of a correlation matrix.

    Parameters
    ----------
    correlation : (N, N) float64
        Symmetric, positive semi-definite.

    Returns
    -------
    float
        exp of the entropy of its eigenvalues, from 1 to N.

    Examples
    --------
    >>> effective_rank(np.ones((3, 3)))
    1.0
    """
    matrix = np.asarray(correlation, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise BadValue(f"`correlation` must be square, had shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise BadValue("`correlation` must be finite, had NaN; leave out cells without variance")
    share = np.linalg.eigvalsh(matrix)
    share = share[share > 1e-12 * share[-1]]
    share = share / share.sum()
    return max(1.0, math.exp(-float(np.sum(share * np.log(share)))))


def sketches(returns: F64, instants: ArrayLike | None = None) -> NDArray[np.float16]:
    """Return the sketch of each cell.

    Parameters
    ----------
    returns : (T, N) or (T,) float64
        NaN is refused.
    instants : (T,) datetime64 or int64, optional
        When each period ends (int64: microseconds since 1970); default: the row's number.

    Returns
    -------
    (N, 128) float16
        Of length one; all 0 for a cell without variance. A cell's bits do not depend on the others.

    Examples
    --------
    >>> both = sketches(np.array([[0.01, -0.02], [0.0, 0.0], [0.02, -0.04]])).astype(float)
    >>> bool(abs(both[0] @ both[1] + 1) < 1e-3)
    True
    """
    matrix = returns_matrix(returns)
    bucket, sign = places(matrix.shape[0], instants)
    rows = np.ascontiguousarray(matrix.T)
    rows = rows - rows.mean(axis=1, keepdims=True)
    # Rounding is all that is left of a constant.
    rows[np.ptp(matrix, axis=0) == 0.0] = 0.0
    order = np.argsort(bucket, kind="stable")
    used, first = np.unique(bucket[order], return_index=True)
    out = np.zeros((rows.shape[0], SKETCH))
    out[:, used] = np.add.reduceat(rows[:, order] * sign[order], first, axis=1)
    length = np.sqrt(np.sum(out * out, axis=1, keepdims=True))
    np.divide(out, length, out=out, where=length > 0.0)
    return out.astype(np.float16)


def places(periods: int, instants: ArrayLike | None) -> tuple[NDArray[np.int64], F64]:
    """Bucket and sign of each instant: splitmix64 of its microseconds."""
    when = np.arange(periods) if instants is None else np.asarray(instants)
    if when.shape != (periods,):
        raise BadValue(f"`instants` must be one for each of {periods} periods, had shape {when.shape}")
    if np.issubdtype(when.dtype, np.datetime64):
        when = when.astype("datetime64[us]")
    x = when.astype(np.int64).view(np.uint64) + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x % np.uint64(SKETCH)).astype(np.int64), np.where(x >> np.uint64(63), -1.0, 1.0)


def effective_trials(sketched: NDArray[np.float16], periods: float, of: int | None = None) -> float:
    """Return how many independent trials some cells are worth.

    Parameters
    ----------
    sketched : (M, 128) float16
        Made by `sketches`; rows of 0 (cells that never traded) are left out.
    periods : float
        Returns of a cell, or a typical number of them.
    of : int, optional
        How many cells these are a random sample of; default: they are all.

    Returns
    -------
    float
        From 1 to M, or to `of`; 0 if there is no cell. It is the same for the same rows in the same order.

    Examples
    --------
    >>> same = np.repeat(sketches(np.random.default_rng(0).normal(size=100)), 5, axis=0)
    >>> round(effective_trials(same, 100), 1)
    1.0
    """
    cells = np.asarray(sketched)
    gram, count = np.zeros((SKETCH, SKETCH)), 0
    for start in range(0, len(cells), 65536):  # a million cells in float64 need not be held at once
        part = cells[start : start + 65536].astype(np.float64)
        length = np.sqrt(np.sum(part * part, axis=1))
        part = part[length > 0.0] / length[length > 0.0, None]
        gram += part.T @ part
        count += len(part)
    whole = max(count, of or 0)
    if count < 2:
        return float(whole)
    seen = effective_rank(gram / count)
    # Correlations of T returns are off by 1/√T already, before the sketch adds its own.
    dims = 1.0 / (1.0 / SKETCH + 1.0 / max(periods - 1.0, 1.0) + (1.0 / count - 1.0 / whole))
    return min(float(whole), _undo_the_cap(seen, dims))


def _undo_the_cap(seen: float, dims: float) -> float:
    """Invert the rank that K equal directions show through `dims`."""
    if seen >= dims:
        return math.inf
    if seen > dims * math.exp(-0.5):
        return -dims / (2.0 * math.log(seen / dims))
    low, high = seen, dims
    for _ in range(60):
        middle = (low + high) / 2.0
        if middle * math.exp(-middle / (2.0 * dims)) < seen:
            low = middle
        else:
            high = middle
    return low
