"""Folds of a walk-forward: which bars parameters are picked on, and which they are then traded on.

In: a number of bars and what was asked. Out: folds, in the order of time; no test bar is in two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from research.errors import BadValue, NotEnoughHistory

__all__ = ["Fold", "cut"]

SHORTEST_TRAIN, SHORTEST_TEST = 20, 5


@dataclass(frozen=True)
class Fold:
    """Bars of the lane: train from `begin` to `split`, test from there to `end`, the last exclusive."""

    begin: int
    split: int
    end: int


def cut(
    bars: int, n_splits: int = 5, train_bars: int | None = None, test_bars: int | None = None
) -> list[Fold]:
    """Cut bars into folds.

    Parameters
    ----------
    bars : int
        T.
    n_splits : int
        Folds of equal test spans, ⌊T / (n_splits + 1)⌋ bars; every train span begins at the first bar.
    train_bars, test_bars : int, optional
        Both instead of `n_splits`: train spans of one length, each test span after its train span; the next
        fold begins `test_bars` later. A last test span may be shorter.

    Examples
    --------
    >>> cut(100, 3)
    [Fold(begin=0, split=25, end=50), Fold(begin=0, split=50, end=75), Fold(begin=0, split=75, end=100)]
    >>> cut(100, train_bars=40, test_bars=35)
    [Fold(begin=0, split=40, end=75), Fold(begin=35, split=75, end=100)]
    """
    if (train_bars is None) != (test_bars is None):
        raise BadValue("`train_bars` and `test_bars` go together, had one; give both, or `n_splits` alone")
    if train_bars is None or test_bars is None:
        if n_splits < 2:
            raise BadValue(f"`n_splits` must be ≥ 2 folds, was {n_splits}; the default is 5")
        train_bars = test_bars = bars // (n_splits + 1)
        first = bars - n_splits * test_bars
        edges = [*range(first, bars, test_bars), bars][: n_splits + 1]
        folds = [Fold(0, a, b) for a, b in pairwise(edges)]
    else:
        starts = range(0, bars - train_bars - SHORTEST_TEST + 1, max(test_bars, 1))
        folds = [
            Fold(a, a + train_bars, min(a + train_bars + test_bars, bars)) for a in starts if test_bars > 0
        ]
    if train_bars < SHORTEST_TRAIN or test_bars < SHORTEST_TEST:
        raise BadValue(
            f"a fold needs {SHORTEST_TRAIN} bars to train and {SHORTEST_TEST} to test, had {train_bars} and "
            f"{test_bars} of {bars}; take fewer splits or longer spans"
        )
    if not folds:
        raise NotEnoughHistory(
            f"{bars} bars hold no fold of {train_bars} to train and {test_bars} to test; bring more bars, or "
            "take shorter spans"
        )
    return folds
