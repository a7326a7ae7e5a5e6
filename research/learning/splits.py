"""Splits of labels into training and test rows that share no bar.

In: the span of each label, from `birth` + 1, where its trade enters, to `t_end`, where it
is settled, both included. Out: pairs of row numbers to train and to test on.

A training row that shares a bar with a test row is dropped (*purge*), and so is one that begins
within `embargo` bars after it (*embargo*); `research.learning.purging` says why.

Every label here lives two bars, one is born at each of twelve closes, and the middle one
of three folds is the test, with an embargo of 2::

    row      0   1   2   3   4   5   6   7   8   9  10  11
    span    1-2 2-3 3-4 4-5 5-6 6-7 7-8 8-9 9-. 10. 11. 12.
             +   +   +   p   T   T   T   T   p   e   e   +

The test covers bars 5 to 9 (T). Row 3 shares bar 5 with it and row 8 shares bar 9: purged
(p). Rows 9 and 10 begin in bars 10 and 11, within 2 bars of it: embargoed (e). The rest
trains (+).

Folds are contiguous in order of birth, whatever order the rows are given in; labels of
several symbols share one time line, since the symbols share their market.

Source: M. López de Prado, *Advances in Financial Machine Learning*, 2018, chapters 7 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from research.errors import BadValue
from research.learning.purging import Splits, purged, require_count, spans_of

__all__ = ["CombinatorialPurged", "PurgedKFold", "WalkForward"]


@dataclass(frozen=True)
class WalkForward:
    """Train on the past, test on what follows, move on: the order in which money is made.

    The last `n_folds` × `test_size` rows are tested fold by fold; each fold is trained on
    all rows before it that were settled when its first row was born, which is its purge::

        row      0   1   2   3   4   5   6   7   8   9  10  11      n_folds=2, test_size=4
        split 0  +   +   p   p   T   T   T   T                      (labels of three bars)
        split 1  +   +   +   +   +   +   p   p   T   T   T   T

    Parameters
    ----------
    n_folds : int
    test_size : int, optional
        Rows of each test. Default: R // (n_folds + 1), so that the first training set is
        about as large as a test.
    window : int, optional
        Train only on rows born within so many bars before the first test row. Default: all.

    Raises
    ------
    BadValue
        A number below 1.

    Examples
    --------
    >>> birth = np.arange(12)
    >>> for train, test in WalkForward(2, test_size=4).split(birth, birth + 3):
    ...     print(train, test)
    [0 1] [4 5 6 7]
    [0 1 2 3 4 5] [ 8  9 10 11]
    """

    n_folds: int
    test_size: int | None = None
    window: int | None = None

    def __post_init__(self) -> None:
        require_count("n_folds", self.n_folds, 1)
        for name, value in (("test_size", self.test_size), ("window", self.window)):
            if value is not None:
                require_count(name, value, 1)

    def split(self, birth: ArrayLike, t_end: ArrayLike) -> Splits:
        """Yield (train, test) of each fold, earliest first.

        Parameters
        ----------
        birth, t_end : (R,) int64
            As in `labels.Matured`, in any order.

        Yields
        ------
        train, test : (A,), (B,) int64
            Row numbers, ascending. `train` is empty if nothing was settled yet.

        Raises
        ------
        BadValue
            Fewer rows than folds need, or spans that are none.
        """
        born, settled = spans_of(birth, t_end)
        n_rows = len(born)
        size = self.test_size or n_rows // (self.n_folds + 1)
        if size == 0 or size * self.n_folds >= n_rows:
            raise BadValue(
                f"`n_folds` × `test_size` must leave rows to train on, was {self.n_folds} × {max(size, 1)} "
                f"of {n_rows} labels; ask for fewer folds, or give more labels"
            )
        order = np.argsort(born, kind="stable")
        for begin in range(n_rows - size * self.n_folds, n_rows, size):
            test = order[begin : begin + size]
            first = born[test].min()
            train = order[:begin]
            train = train[settled[train] <= first]
            if self.window is not None:
                train = train[born[train] >= first - self.window]
            yield np.sort(train), np.sort(test)


@dataclass(frozen=True)
class PurgedKFold:
    """Test each of `n_folds` stretches of time once, training on the rest, purged and embargoed.

    The drawing at the head of this module is its second split.

    Parameters
    ----------
    n_folds : int, ≥ 2
    embargo : int, default 0
        Bars after each test span in which no training label may begin.

    Raises
    ------
    BadValue
        A number outside its rule.

    Examples
    --------
    >>> birth = np.arange(12)
    >>> for train, test in PurgedKFold(3, embargo=2).split(birth, birth + 2):
    ...     print(train, test)
    [ 7  8  9 10 11] [0 1 2 3]
    [ 0  1  2 11] [4 5 6 7]
    [0 1 2 3 4 5 6] [ 8  9 10 11]
    """

    n_folds: int
    embargo: int = 0

    def __post_init__(self) -> None:
        require_count("n_folds", self.n_folds, 2)
        require_count("embargo", self.embargo, 0)

    def split(self, birth: ArrayLike, t_end: ArrayLike) -> Splits:
        """Yield (train, test) of each fold, earliest first.

        Parameters
        ----------
        birth, t_end : (R,) int64
            As in `labels.Matured`, in any order.

        Yields
        ------
        train, test : (A,), (B,) int64
            Row numbers, ascending. `train` is empty if every row had to go.

        Raises
        ------
        BadValue
            Fewer rows than folds, or spans that are none.
        """
        return purged(birth, t_end, self.n_folds, ((k,) for k in range(self.n_folds)), self.embargo)


@dataclass(frozen=True)
class CombinatorialPurged:
    """Test every choice of `n_test` folds out of `n_folds`, purged and embargoed.

    Each fold is tested in many splits, so that their predictions can be strung together to
    several paths through all of time, where k-fold gives only one::

        fold     0  1  2  3      n_folds=4, n_test=2: 6 splits, 3 paths
        split 0  T  T
        split 1  T     T
        split 2  T        T
        split 3     T  T
        split 4     T     T
        split 5        T  T      (every fold is tested three times)

    Parameters
    ----------
    n_folds : int, ≥ 2
    n_test : int
        Folds tested together, below `n_folds`.
    embargo : int, default 0
        Bars after each test span in which no training label may begin.

    Raises
    ------
    BadValue
        A number outside its rule.

    Examples
    --------
    >>> folds = CombinatorialPurged(6, 2)
    >>> folds.splits, folds.paths
    (15, 5)
    """

    n_folds: int
    n_test: int = 2
    embargo: int = 0

    def __post_init__(self) -> None:
        require_count("n_folds", self.n_folds, 2)
        require_count("n_test", self.n_test, 1)
        require_count("embargo", self.embargo, 0)
        if self.n_test >= self.n_folds:
            raise BadValue(
                f"`n_test` must be < n_folds = {self.n_folds}, was {self.n_test}; leave a fold to train on"
            )

    @property
    def splits(self) -> int:
        """Choices of test folds: n_folds over n_test."""
        return comb(self.n_folds, self.n_test)

    @property
    def paths(self) -> int:
        """Times each fold is tested, and so the paths through all of time."""
        return comb(self.n_folds - 1, self.n_test - 1)

    def split(self, birth: ArrayLike, t_end: ArrayLike) -> Splits:
        """Yield (train, test) of each choice, in lexicographic order of the test folds.

        Parameters
        ----------
        birth, t_end : (R,) int64
            As in `labels.Matured`, in any order.

        Yields
        ------
        train, test : (A,), (B,) int64
            Row numbers, ascending. `train` is empty if every row had to go.

        Raises
        ------
        BadValue
            Fewer rows than folds, or spans that are none.
        """
        choices = combinations(range(self.n_folds), self.n_test)
        return purged(birth, t_end, self.n_folds, choices, self.embargo)
