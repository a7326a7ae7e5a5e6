"""Splits against worked examples, against purgedcv, and under the laws that purging promises."""

from typing import cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from purgedcv import CombinatorialPurgedCV, WalkForwardSplit
from purgedcv import PurgedKFold as TheirPurgedKFold

from research.errors import BadValue
from research.learning.splits import CombinatorialPurged, PurgedKFold, WalkForward

TWELVE = list(range(12))


def rows(splits):
    return [(train.tolist(), test.tolist()) for train, test in splits]


def test_purged_k_fold_worked():
    """Two-bar labels at twelve closes; the middle split is the drawing of the module."""
    birth = np.arange(12)
    assert rows(PurgedKFold(3).split(birth, birth + 2)) == [
        ([5, 6, 7, 8, 9, 10, 11], [0, 1, 2, 3]),
        ([0, 1, 2, 9, 10, 11], [4, 5, 6, 7]),
        ([0, 1, 2, 3, 4, 5, 6], [8, 9, 10, 11]),
    ]
    assert rows(PurgedKFold(3, embargo=2).split(birth, birth + 2))[1] == ([0, 1, 2, 11], [4, 5, 6, 7])
    # Labels of one bar share nothing: sklearn's KFold without a shuffle.
    assert rows(PurgedKFold(3).split(birth, birth + 1))[1] == ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7])


def test_a_long_label_reaches_over_a_whole_fold():
    """Row 0 lives until bar 9: it shares bars with every test but the last, in whatever row it stands."""
    birth, t_end = np.arange(12), np.arange(12) + 1
    t_end[0] = 9
    assert rows(PurgedKFold(4).split(birth, t_end)) == [
        ([9, 10, 11], [0, 1, 2]),
        ([1, 2, 6, 7, 8, 9, 10, 11], [3, 4, 5]),
        ([1, 2, 3, 4, 5, 9, 10, 11], [6, 7, 8]),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11]),
    ]


def test_combinatorial_worked():
    """Six rows of two-bar labels in three folds, two of them tested."""
    birth = np.arange(6)
    assert rows(CombinatorialPurged(3, 2).split(birth, birth + 2)) == [
        ([5], [0, 1, 2, 3]),
        ([], [0, 1, 4, 5]),
        ([0], [2, 3, 4, 5]),
    ]


@pytest.mark.parametrize(
    ("folds", "tested", "splits", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (4, 1, 4, 1)]
)
def test_split_counts(folds, tested, splits, paths):
    """STATISTICS.md; each fold is tested once for each path."""
    cv = CombinatorialPurged(folds, tested)
    assert (cv.splits, cv.paths) == (splits, paths)
    birth = np.arange(10 * folds)
    got = list(cv.split(birth, birth + 1))
    assert len(got) == splits
    assert np.all(np.bincount(np.concatenate([test for _, test in got])) == paths)


def test_walk_forward_worked():
    birth = np.arange(12)
    assert rows(WalkForward(2, test_size=4).split(birth, birth + 3)) == [
        ([0, 1], [4, 5, 6, 7]),
        ([0, 1, 2, 3, 4, 5], [8, 9, 10, 11]),
    ]
    assert rows(WalkForward(2, test_size=4, window=5).split(birth, birth + 3)) == [
        ([0, 1], [4, 5, 6, 7]),
        ([3, 4, 5], [8, 9, 10, 11]),
    ]
    assert [len(test) for _, test in WalkForward(3).split(birth, birth + 3)] == [3, 3, 3]


@st.composite
def spans(draw, *, distinct=False, least=12):
    """Births in a random order, several at one bar (symbols of a panel) or not, and lives of 1–15 bars."""
    n = draw(st.integers(least, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    births = np.arange(2 * n)
    birth = rng.choice(births, n, replace=False) if distinct else rng.integers(0, 2 * n, n)
    birth = np.sort(birth) if distinct else birth
    return birth, birth + rng.integers(1, 16, n)


def share_a_bar(birth, t_end, a, b):
    """The definition, bar by bar."""
    taken = {bar for row in b for bar in range(birth[row] + 1, t_end[row] + 1)}
    return any(bar in taken for row in a for bar in range(birth[row] + 1, t_end[row] + 1))


SPLITTERS = st.one_of(
    st.builds(PurgedKFold, st.integers(2, 6), st.integers(0, 20)),
    st.builds(CombinatorialPurged, st.integers(4, 6), st.integers(1, 3), st.integers(0, 20)),
    st.builds(WalkForward, st.integers(1, 5), st.none(), st.one_of(st.none(), st.integers(1, 40))),
)


@given(spans(), SPLITTERS)
def test_no_training_span_shares_a_bar_with_a_test_span(labels, splitter):
    birth, t_end = labels
    for train, test in splitter.split(birth, t_end):
        assert len(test) > 0
        assert not set(train) & set(test)
        assert np.all(np.diff(train) > 0)
        assert np.all(np.diff(test) > 0)
        assert not share_a_bar(birth, t_end, train, test)


@given(spans(), st.integers(2, 6), st.integers(0, 20))
def test_k_fold_drops_only_what_it_must(labels, n_folds, embargo):
    """A row that is neither tested nor trained on shares a bar, or begins within the embargo."""
    birth, t_end = labels
    tested = []
    for train, test in PurgedKFold(n_folds, embargo).split(birth, t_end):
        tested += test.tolist()
        banned = {end + step for end in t_end[test].tolist() for step in range(1, embargo + 1)}
        assert not banned & {born + 1 for born in birth[train].tolist()}
        for row in set(range(len(birth))) - set(train.tolist()) - set(test.tolist()):
            assert birth[row] + 1 in banned or share_a_bar(birth, t_end, [row], test)
        # A fold is a stretch of time: no row of another fold is born strictly inside it.
        others = np.delete(birth, test)
        assert not np.any((others > birth[test].min()) & (others < birth[test].max()))
    assert sorted(tested) == list(range(len(birth)))


@given(spans(), st.integers(1, 5))
def test_walk_forward_trains_on_what_was_settled(labels, n_folds):
    """At the close at which a fold's first row is born, every training label is known, and no other is."""
    birth, t_end = labels
    last = -1
    for train, test in WalkForward(n_folds).split(birth, t_end):
        first = birth[test].min()
        assert first >= last
        last = birth[test].max()
        assert set(train) == set(np.flatnonzero(t_end <= first))


def test_order_of_rows_is_free():
    rng = np.random.default_rng(3)
    birth = rng.permutation(200)[:60]
    t_end = birth + rng.integers(1, 12, 60)
    turned = rng.permutation(60)
    for splitter in (PurgedKFold(5, 7), CombinatorialPurged(5, 2, 7), WalkForward(4)):
        straight = splitter.split(birth, t_end)
        for (a, b), (c, d) in zip(straight, splitter.split(birth[turned], t_end[turned]), strict=True):
            assert set(a) == set(turned[c])
            assert set(b) == set(turned[d])


# --- the oracle ------------------------------------------------------------------------------------------


def days(count):
    return pd.Series(pd.Timestamp("2000-01-01") + pd.to_timedelta(np.asarray(count), unit="D"))


def theirs(make, birth, t_end, embargo=0, **more):
    """purgedcv's splits of the same labels.

    Two conventions differ by an edge. It takes spans as [birth, t_end), which overlap exactly
    where our birth + 1 … t_end share a bar. Its embargo of e bars bans births up to t_end + e
    included, ours bans a first bar up to t_end + e, which is a birth below t_end + e: half a
    bar less of its embargo is ours.
    """
    if embargo:
        more["embargo"] = pd.Timedelta(days=embargo) - pd.Timedelta(hours=12)
    cv = make(prediction_times=days(birth), evaluation_times=days(t_end), **more)
    return rows(cv.split(np.zeros((len(birth), 1))))


@given(spans(distinct=True), st.integers(2, 6), st.integers(0, 20))
def test_purged_k_fold_agrees_with_purgedcv(labels, n_folds, embargo):
    birth, t_end = labels
    expected = theirs(TheirPurgedKFold, birth, t_end, embargo, n_splits=n_folds)
    assert rows(PurgedKFold(n_folds, embargo).split(*labels)) == expected


@given(spans(distinct=True), st.integers(4, 6), st.integers(1, 3), st.integers(0, 20))
def test_combinatorial_agrees_with_purgedcv(labels, n_folds, n_test, embargo):
    birth, t_end = labels
    expected = theirs(CombinatorialPurgedCV, birth, t_end, embargo, n_splits=n_folds, n_test_groups=n_test)
    assert rows(CombinatorialPurged(n_folds, n_test, embargo).split(*labels)) == expected


@given(spans(distinct=True), st.integers(1, 4), st.integers(1, 2))
def test_walk_forward_agrees_with_purgedcv(labels, n_folds, size):
    expected = theirs(WalkForwardSplit, *labels, n_splits=n_folds, test_size=size)
    assert rows(WalkForward(n_folds, size).split(*labels)) == expected


@given(spans(), st.integers(2, 6), st.integers(0, 20))
def test_labels_of_several_symbols_agree_with_purgedcv(labels, n_folds, embargo):
    """Several labels are born at one close, in order of birth."""
    birth, t_end = labels
    order = np.argsort(birth, kind="stable")
    birth, t_end = birth[order], t_end[order]
    expected = theirs(TheirPurgedKFold, birth, t_end, embargo, n_splits=n_folds)
    assert rows(PurgedKFold(n_folds, embargo).split(birth, t_end)) == expected


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: PurgedKFold(1), "`n_folds` must be a whole number ≥ 2, was 1"),
        (lambda: PurgedKFold(5, -1), "`embargo` must be a whole number ≥ 0, was -1"),
        (lambda: PurgedKFold(5, cast(int, 0.01)), "`embargo` must be a whole number ≥ 0, was 0.01"),
        (lambda: CombinatorialPurged(4, 4), "`n_test` must be < n_folds = 4, was 4"),
        (lambda: CombinatorialPurged(4, 0), "`n_test` must be a whole number ≥ 1, was 0"),
        (lambda: WalkForward(0), "`n_folds` must be a whole number ≥ 1, was 0"),
        (lambda: WalkForward(2, test_size=0), "`test_size` must be a whole number ≥ 1, was 0"),
        (lambda: WalkForward(2, window=0), "`window` must be a whole number ≥ 1, was 0"),
        (lambda: list(PurgedKFold(5).split(TWELVE[:4], TWELVE[1:5])), "was 5 for 4; ask for fewer folds"),
        (lambda: list(WalkForward(5).split(TWELVE[:4], TWELVE[1:5])), "was 5 × 1 of 4 labels"),
        (lambda: list(WalkForward(2, 2).split(TWELVE[:4], TWELVE[1:5])), "was 2 × 2 of 4 labels"),
        (lambda: list(PurgedKFold(2).split(TWELVE[:4], TWELVE[:5])), r"one length, were \(4,\) and \(5,\)"),
        (lambda: list(PurgedKFold(2).split(TWELVE, TWELVE)), "was 0 with birth 0 in row 0"),
    ],
)
def test_refusals(make, rule):
    with pytest.raises(BadValue, match=rule):
        make()
