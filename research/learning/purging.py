"""Which training rows have to go: purge and embargo.

In: the span of each label, from `birth` + 1, where its trade enters, to `t_end`, where it
is settled, both included, and the rows that are tested. Out: the rows left to train on.

Two labels whose spans share a bar share that bar's price move, so that a model trained on
one has seen part of the other. Two cures, the same in every splitter:

*Purge.* A training row whose span shares a bar with the span of any test row is dropped.
Spans say how far that reaches; there is no number to set, and none to set wrong.

*Embargo.* A training row whose span begins within `embargo` bars after the span of a test
row is dropped too. Its label is clean, but its features still look back at the test bars.

Source: M. López de Prado, *Advances in Financial Machine Learning*, 2018, chapter 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from research.errors import BadValue

__all__ = ["Splits", "purged", "require_count", "spans_of"]

I64 = NDArray[np.int64]
Splits = Iterator[tuple[I64, I64]]


def purged(
    birth: ArrayLike, t_end: ArrayLike, n_folds: int, choices: Iterable[tuple[int, ...]], embargo: int
) -> Splits:
    """Yield (train, test) of each choice of test folds, purged and embargoed.

    Parameters
    ----------
    birth, t_end : (R,) int64
    n_folds : int
        Contiguous in order of birth, of sizes that differ by one at most.
    choices : iterable of tuples of int
        The folds that are tested together.
    embargo : int
        Bars after each test span in which no training label may begin.

    Raises
    ------
    BadValue
        Fewer rows than folds, or spans that are none.
    """
    born, settled = spans_of(birth, t_end)
    if len(born) < n_folds:
        raise BadValue(
            f"`n_folds` must be ≤ the number of labels, was {n_folds} for {len(born)}; ask for fewer folds"
        )
    folds = np.array_split(np.argsort(born, kind="stable"), n_folds)
    for chosen in choices:
        test = np.sort(np.concatenate([folds[k] for k in chosen]))
        train = np.sort(np.concatenate([fold for k, fold in enumerate(folds) if k not in chosen]))
        yield _clean(born, settled, train, test, embargo), test


def _clean(born: I64, settled: I64, train: I64, test: I64, embargo: int) -> I64:
    """Return the training rows that purge and embargo leave."""
    by_birth = np.argsort(born[test], kind="stable")
    starts = born[test][by_birth]
    # Shares a bar with some test span: one that is born before this row settles, and settles after its birth.
    latest = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(settled[test][by_birth])))
    shares = latest[np.searchsorted(starts, settled[train], side="left")] > born[train]
    # Begins after some test span: the last that had ended by its birth is the nearest.
    ends = np.sort(settled[test])
    before = np.searchsorted(ends, born[train], side="right")
    near = (before > 0) & (born[train] - ends[before - 1] < embargo)
    return train[~(shares | near)]


def spans_of(birth: ArrayLike, t_end: ArrayLike) -> tuple[I64, I64]:
    """Return the spans as arrays, or refuse them."""
    born, settled = np.asarray(birth, dtype=np.int64), np.asarray(t_end, dtype=np.int64)
    if born.ndim != 1 or born.shape != settled.shape:
        raise BadValue(
            f"`birth` and `t_end` must be rows of one length, were {born.shape} and {settled.shape}; "
            "give one entry per label"
        )
    if np.any(settled <= born):
        row = int(np.argmax(settled <= born))
        raise BadValue(
            f"`t_end` must be later than `birth`, was {settled[row]} with birth {born[row]} in row {row}; "
            "a trade enters after the close that decides it"
        )
    return born, settled


def require_count(name: str, value: object, least: int) -> None:
    """Refuse what is no whole number from `least` up."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise BadValue(f"`{name}` must be a whole number ≥ {least}, was {value!r}; give a count")
