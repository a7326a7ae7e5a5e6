"""How the statistics of two adjacent blocks of bars become those of both: one rule per statistic.

In: two places in scratch that hold blocks of `a` older and `b` newer bars. Out: a third, which may be
the second. Each rule is compiled into the loop that applies it (`research.kernels.windows`).

A rule chooses by comparing values that it has already read: a loop with a branch in it does not vectorise,
and `max` and `min`, which look for NaN first, are branches.

Arguments common to all: ``s`` is scratch, (slots, rows, T); ``a, i`` slot and place of the older
block, ``b, j`` of the newer, ``c, k`` of the result; ``wa`` and ``wb`` their shares of the bars.

T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
variances", Stanford STAN-CS-79-773, 1979; third moment and covariance: P. Pébay, "Formulas for
robust, one-pass parallel computation of covariances and arbitrary-order statistical moments",
Sandia SAND2008-6212, 2008.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import inlined

__all__ = [
    "fall_nb",
    "highest_nb",
    "line_nb",
    "lowest_nb",
    "mean_nb",
    "pair_nb",
    "since_high_nb",
    "since_low_nb",
    "skew_nb",
    "trend_nb",
    "variance_nb",
]

Array = NDArray[np.float64]
U = np.uint64
Place: TypeAlias = int | np.uint64


@inlined
def mean_nb(s: Array, r: int, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, wb: float) -> None:
    """Merge means in row `r`; equal ones stay what they are, to the bit."""
    x = s[a, r, i]
    s[c, r, k] = x + wb * (s[b, r, j] - x)


@inlined
def variance_nb(
    s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, wa: float, wb: float
) -> None:
    """Merge mean and population variance."""
    x = s[a, 0, i]
    d = s[b, 0, j] - x
    s[c, 0, k] = x + wb * d
    s[c, 1, k] = (wa * s[a, 1, i] + wb * s[b, 1, j]) + wa * wb * (d * d)


@inlined
def line_nb(
    s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, wa: float, wb: float, middle: float
) -> None:
    """Merge mean, population variance, covariance with time; `middle` is from middle to middle."""
    x = s[a, 0, i]
    d = s[b, 0, j] - x
    s[c, 0, k] = x + wb * d
    s[c, 1, k] = (wa * s[a, 1, i] + wb * s[b, 1, j]) + wa * wb * (d * d)
    s[c, 2, k] = (wa * s[a, 2, i] + wb * s[b, 2, j]) + wa * wb * middle * d


@inlined
def trend_nb(
    s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, wa: float, wb: float, middle: float
) -> None:
    """Merge mean and covariance with time, as `line_nb` does."""
    x = s[a, 0, i]
    d = s[b, 0, j] - x
    s[c, 0, k] = x + wb * d
    s[c, 2, k] = (wa * s[a, 2, i] + wb * s[b, 2, j]) + wa * wb * middle * d


@inlined
def skew_nb(
    s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, wa: float, wb: float
) -> None:
    """Merge mean, population variance, third central moment."""
    x = s[a, 0, i]
    d = s[b, 0, j] - x
    va = s[a, 1, i]
    vb = s[b, 1, j]
    s[c, 0, k] = x + wb * d
    s[c, 1, k] = (wa * va + wb * vb) + wa * wb * (d * d)
    shift = 3.0 * (wa * wb) * (vb - va) + wa * wb * (wa - wb) * (d * d)
    s[c, 2, k] = (wa * s[a, 2, i] + wb * s[b, 2, j]) + d * shift


@inlined
def pair_nb(
    s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, wa: float, wb: float
) -> None:
    """Merge the means of two series, their population variances, their covariance."""
    x = s[a, 0, i]
    y = s[a, 1, i]
    dx = s[b, 0, j] - x
    dy = s[b, 1, j] - y
    s[c, 0, k] = x + wb * dx
    s[c, 1, k] = y + wb * dy
    s[c, 2, k] = (wa * s[a, 2, i] + wb * s[b, 2, j]) + wa * wb * (dx * dx)
    s[c, 3, k] = (wa * s[a, 3, i] + wb * s[b, 3, j]) + wa * wb * (dy * dy)
    s[c, 4, k] = (wa * s[a, 4, i] + wb * s[b, 4, j]) + wa * wb * (dx * dy)


@inlined
def fall_nb(s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place) -> None:
    """Merge the smallest later/earlier in row 2, of highest and lowest in rows 0 and 1."""
    x = s[a, 2, i]
    y = s[b, 2, j]
    z = s[b, 1, j] / s[a, 0, i]
    y = y if y < z else z
    s[c, 2, k] = x if x < y else y


@inlined
def highest_nb(s: Array, r: int, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place) -> None:
    """Merge the highest in row `r`."""
    x = s[a, r, i]
    y = s[b, r, j]
    s[c, r, k] = x if x > y else y


@inlined
def lowest_nb(s: Array, r: int, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place) -> None:
    """Merge the lowest in row `r`."""
    x = s[a, r, i]
    y = s[b, r, j]
    s[c, r, k] = x if x < y else y


@inlined
def since_high_nb(s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, ago: float) -> None:
    """Merge bars since the highest in row 1, of blocks that end `ago` bars apart; the latest of ties."""
    before = s[a, 1, i] + ago
    now = s[b, 1, j]
    s[c, 1, k] = now if s[b, 0, j] >= s[a, 0, i] else before


@inlined
def since_low_nb(s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, ago: float) -> None:
    """Merge bars since the lowest in row 3, as `since_high_nb` does."""
    before = s[a, 3, i] + ago
    now = s[b, 3, j]
    s[c, 3, k] = now if s[b, 2, j] <= s[a, 2, i] else before
