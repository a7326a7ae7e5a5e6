"""How the statistics of two adjacent blocks of bars become those of both: one rule per statistic.

In: two places in scratch that hold blocks of `a` older and `b` newer bars. Out: a third, which may be
the second. Each rule is compiled into the loops that apply it, to many windows at once
(`research.kernels.windows`) or to one (`research.kernels.folds`), so that both do the same operations.

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
    "drawdown_nb",
    "extremes_nb",
    "highest_nb",
    "line_nb",
    "mean_nb",
    "pair_nb",
    "recency_nb",
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
def drawdown_nb(s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place) -> None:
    """Merge highest, lowest, smallest later/earlier."""
    top = s[a, 0, i]
    bottom = s[b, 1, j]
    s[c, 0, k] = max(top, s[b, 0, j])
    s[c, 1, k] = min(s[a, 1, i], bottom)
    s[c, 2, k] = min(s[a, 2, i], s[b, 2, j], bottom / top)


@inlined
def extremes_nb(s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place) -> None:
    """Merge the highest of one series and the lowest of another."""
    s[c, 0, k] = max(s[a, 0, i], s[b, 0, j])
    s[c, 1, k] = min(s[a, 1, i], s[b, 1, j])


@inlined
def highest_nb(s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place) -> None:
    """Merge the highest."""
    s[c, 0, k] = max(s[a, 0, i], s[b, 0, j])


@inlined
def recency_nb(s: Array, a: Place, i: Place, b: Place, j: Place, c: Place, k: Place, ago: float) -> None:
    """Merge highest and bars since, lowest and bars since, of blocks that end `ago` bars apart.

    Of ties the latest counts.
    """
    x = s[a, 0, i]
    y = s[b, 0, j]
    s[c, 0, k] = max(x, y)
    s[c, 1, k] = s[b, 1, j] if y >= x else s[a, 1, i] + ago
    x = s[a, 2, i]
    y = s[b, 2, j]
    s[c, 2, k] = min(x, y)
    s[c, 3, k] = s[b, 3, j] if y <= x else s[a, 3, i] + ago
