"""Probability of backtest overfitting: how often the best cell of one half is below the median of the other.

In: returns of all cells, (T, N). Out: one number and what it is made of. Combinatorially symmetric
cross-validation (Bailey, Borwein, López de Prado & Zhu 2017, "The probability of backtest overfitting"):

1. Cut T into S blocks of consecutive periods; every choice of S/2 of them is a training half.
2. Per half, the Sharpe ratio of each cell (ddof 1); a cell that stood still there has 0.
3. ω = rank of the training half's best cell in the other half / (N + 1), ties by their mean rank;
   λ = ln(ω / (1 − ω)). PBO is the share of λ ≤ 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.evidence.moments import returns_matrix

__all__ = ["Overfitting", "overfitting_probability"]

F64 = NDArray[np.float64]
SHORTEST_BLOCK = 8  # periods; less, and a half's Sharpe ratios are dice
_AT_ONCE = 1 << 19  # ratios that are held at once
_STILL = 1e-12  # variance of a half this small beside its mean square is rounding


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What cross-validation of the choice found.

    Attributes
    ----------
    pbo : float
        Share of the combinations in which the chosen cell came out at or below the median (λ ≤ 0).
    logits : (C,) float64
        λ of each combination.
    in_sample, out_of_sample : (C,) float64
        Sharpe ratio per period of the chosen cell in the half that chose it and in the other.
    blocks : int
        S.
    """

    pbo: float
    logits: F64
    in_sample: F64
    out_of_sample: F64
    blocks: int


def overfitting_probability(returns: F64, *, blocks: int = 16, periods: int | None = None) -> Overfitting:
    """Return the probability of backtest overfitting of a choice by Sharpe ratio.

    Parameters
    ----------
    returns : (T, N) float64
        Periods in rows, cells in columns, N ≥ 2; NaN is refused.
    blocks : int
        S, even, with at least 8 periods in each; C(S, S/2) combinations are gone through (70 for 8,
        12,870 for 16). Where T is no multiple of S the first blocks are one period longer.
    periods : int, optional
        How many periods there are, if the caller knows: another number of rows is refused. Without it,
        a transposed matrix is known by its cells: many periods must not have means that differ far more
        than chance, while cells do not.

    Returns
    -------
    Overfitting

    Raises
    ------
    BadValue
        A matrix that is transposed or too short, one cell only, NaN, an odd number of blocks.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(400, 20))
    >>> found = overfitting_probability(noise, blocks=8)
    >>> len(found.logits), bool(0 <= found.pbo <= 1)
    (70, True)
    """
    matrix = returns_matrix(returns)
    _check(matrix, blocks, periods)
    n, cells = matrix.shape
    edges = np.cumsum([0] + [n // blocks + (k < n % blocks) for k in range(blocks)])
    parts = [matrix[a:b] for a, b in pairwise(edges)]
    length = np.diff(edges)
    sums = np.array([part.sum(axis=0) for part in parts])
    squares = np.array([(part * part).sum(axis=0) for part in parts])
    # Each split of the blocks serves twice, either half training once; block 0 tells them apart.
    splits = np.array([c for c in combinations(range(blocks), blocks // 2) if c[0] == 0])
    masks = np.zeros((len(splits), blocks))
    np.put_along_axis(masks, splits, 1.0, axis=1)
    step = max(1, _AT_ONCE // cells)
    found = []
    for start in range(0, len(masks), step):
        part = masks[start : start + step]
        one, other = _sharpe(sums, squares, length, part), _sharpe(sums, squares, length, 1.0 - part)
        found += [_choose(one, other), _choose(other, one)]
    logits, inside, outside = (np.concatenate(column) for column in zip(*found, strict=True))
    return Overfitting(float(np.mean(logits <= 0.0)), logits, inside, outside, blocks)


def _sharpe(sums: F64, squares: F64, length: NDArray[np.int64], masks: F64) -> F64:
    """Sharpe ratio of each cell over the blocks of each mask, (C, N); 0 where it stood still.

    Blocks are added in one order, elementwise: cells with the same trades keep the same bits, so they tie.
    """
    total, square = np.zeros((2, len(masks), sums.shape[1]))
    for k in range(len(sums)):
        total += masks[:, k, None] * sums[k]
        square += masks[:, k, None] * squares[k]
    n = (masks @ length)[:, None]
    mean = total / n
    apart = square - mean * total
    still = apart <= _STILL * square
    spread = np.sqrt(np.where(still, 1.0, apart) / (n - 1.0))
    return np.where(still, 0.0, mean / spread)


def _choose(train: F64, test: F64) -> tuple[F64, F64, F64]:
    """λ of the best of each row of `train`, and its ratio in both halves."""
    best = np.argmax(train, axis=1)[:, None]
    inside, outside = (np.take_along_axis(half, best, axis=1) for half in (train, test))
    rank = np.sum(test < outside, axis=1) + (np.sum(test == outside, axis=1) + 1.0) / 2.0
    share = rank / (test.shape[1] + 1.0)
    return np.log(share / (1.0 - share)), inside[:, 0], outside[:, 0]


def _check(matrix: F64, blocks: int, periods: int | None) -> None:
    """Refuse what this method says nothing about."""
    n, cells = matrix.shape
    turned = f"`returns` must be (T periods, N cells), had shape {matrix.shape}"
    if periods is not None and n != periods:
        hint = "it is transposed, pass its `.T`" if cells == periods else "bring one row per period"
        raise BadValue(f"{turned} for {periods} periods; {hint}")
    if cells < 2:
        raise BadValue(f"{turned}; the choice among one cell cannot be overfitted, bring two or more")
    if blocks < 2 or blocks % 2:
        raise BadValue(f"`blocks` must be even and ≥ 2, was {blocks}; the usual number is 16")
    if n < SHORTEST_BLOCK * blocks:
        hint = "pass its `.T` if cells are in rows, else" if cells > n else "bring more periods or"
        raise BadValue(
            f"{turned}: {n} periods are fewer than {SHORTEST_BLOCK} in each of {blocks} blocks; "
            f"{hint} take fewer blocks"
        )
    if periods is None and _looks_transposed(matrix):
        raise BadValue(
            f"{turned}, and looks transposed: its columns move together as periods do; pass its `.T`, or say "
            f"`periods={n}` if rows are periods"
        )


def _looks_transposed(matrix: F64) -> bool:
    """Whether columns differ in their mean as only periods do.

    Cells of a search trade the same market, so a period's mean over cells varies far more than that of
    independent numbers would; a cell's mean over periods hardly does.
    """
    n, cells = matrix.shape
    spread = float(np.var(matrix))
    if spread == 0.0:
        return False
    of_columns = float(np.var(matrix.mean(axis=0))) * n / spread
    of_rows = float(np.var(matrix.mean(axis=1))) * cells / spread
    return bool(of_columns > 20.0 and of_columns > 10.0 * of_rows)
