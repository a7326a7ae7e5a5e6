"""Trees of windows against plain sums in extended precision, and their freedom from position."""

from __future__ import annotations

import math

import numpy as np
import pytest

from research.kernels import windows as w
from research.kernels.folds import fold_nb, order_of

T = 300


def tree(kind, series, n, first, stop):
    """Rows of a statistic of the windows of n bars that end at first..stop−1."""
    s = np.full((w.SCRATCH_SLOTS, w.SCRATCH_ROWS, T), np.nan)
    zero, one = np.uint64(0), np.uint64(1)
    low = first - n + 1
    for row, x in series.items():
        s[0, row, low:stop] = x[low:stop]
    if stop - first == 1:
        slot = fold_nb(kind, n, np.uint64(first), one, np.array([7, *order_of(n)]), 1, s)
    else:
        w.clear_nb(kind, np.uint64(low), np.uint64(stop), zero, s)
        slot = w.tree_nb(kind, n, np.uint64(first), np.uint64(stop), one, s)
    return s[slot, :, first:stop].copy()


def windows_of(x, n, first, stop):
    return [x[i - n + 1 : i + 1].astype(np.longdouble) for i in range(first, stop)]


@pytest.fixture(scope="module")
def x():
    return 4.6 + np.cumsum(np.random.default_rng(1).normal(0, 0.02, T))


@pytest.fixture(scope="module")
def y():
    return np.random.default_rng(2).normal(0, 1, T)


NS = [1, 2, 3, 5, 7, 8, 14, 15, 20, 21, 31, 32, 60, 63, 64, 100, 127, 128, 200, 252]


@pytest.mark.parametrize("n", NS)
def test_mean_variance_and_skew(n, x):
    first, stop = max(n - 1, 5), T
    mean, variance, third = tree(w.SKEW, {0: x}, n, first, stop)[:3]
    for i, window in enumerate(windows_of(x, n, first, stop)):
        d = window - window.mean()
        assert mean[i] == pytest.approx(float(window.mean()), rel=1e-14)
        assert variance[i] == pytest.approx(float((d**2).mean()), rel=1e-11, abs=1e-28)
        assert third[i] == pytest.approx(
            float((d**3).mean()), rel=1e-8, abs=1e-13 * float((d**2).mean()) ** 1.5 + 1e-40
        )


@pytest.mark.parametrize("n", NS)
def test_mean_and_variance_are_contained_bit_by_bit(n, x):
    first = max(n - 1, 5)
    mean = tree(w.MEAN, {0: x}, n, first, T)
    variance = tree(w.VARIANCE, {0: x}, n, first, T)
    for wider in (tree(w.LINE, {0: x}, n, first, T), tree(w.SKEW, {0: x}, n, first, T)):
        assert np.array_equal(wider[:2], variance[:2])
    assert np.array_equal(variance[0], mean[0])


@pytest.mark.parametrize("n", NS[1:])
def test_covariance_with_time(n, x):
    first, stop = max(n - 1, 5), T
    got = tree(w.LINE, {0: x}, n, first, stop)[2]
    time = np.arange(n, dtype=np.longdouble) - (n - 1) / 2
    for i, window in enumerate(windows_of(x, n, first, stop)):
        assert got[i] == pytest.approx(float(((window - window.mean()) * time).mean()), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("n", NS[1:])
def test_pairs(n, x, y):
    first, stop = max(n - 1, 5), T
    got = tree(w.PAIR, {0: x, 1: y}, n, first, stop)
    for i, (a, b) in enumerate(
        zip(windows_of(x, n, first, stop), windows_of(y, n, first, stop), strict=True)
    ):
        da, db = a - a.mean(), b - b.mean()
        size = float(np.sqrt((da * da).mean() * (db * db).mean()))
        for row, value in ((2, da * da), (3, db * db), (4, da * db)):
            assert got[row, i] == pytest.approx(float(value.mean()), rel=1e-10, abs=1e-13 * size)


@pytest.mark.parametrize("series", [1, 2, 3])
def test_several_means_at_once(series, x, y):
    many = {0: x, 1: y, 2: x * y}
    kind = (w.MEAN, w.MEANS_2, w.MEANS_3)[series - 1]
    got = tree(kind, {k: many[k] for k in range(series)}, 21, 20, T)
    for k in range(series):
        assert np.array_equal(got[k], tree(w.MEAN, {0: many[k]}, 21, 20, T)[0])


@pytest.mark.parametrize("n", NS)
def test_extremes_are_exact(n, x, y):
    first, stop = max(n - 1, 5), T
    got = tree(w.EXTREMES, {0: x, 1: y}, n, first, stop)
    assert got[0].tolist() == [float(a.max()) for a in windows_of(x, n, first, stop)]
    assert got[1].tolist() == [float(a.min()) for a in windows_of(y, n, first, stop)]


@pytest.mark.parametrize("n", NS)
def test_recency_takes_the_latest_of_ties(n):
    x = np.random.default_rng(3).integers(0, 4, T).astype(float)
    first, stop = max(n - 1, 5), T
    got = tree(w.RECENCY, {0: x, 2: x}, n, first, stop)
    for i, window in enumerate(windows_of(x, n, first, stop)):
        assert got[1, i] == int(np.argmax(window[::-1]))
        assert got[3, i] == int(np.argmin(window[::-1]))


@pytest.mark.parametrize("n", NS)
def test_drawdown(n, x):
    first, stop = max(n - 1, 5), T
    got = tree(w.DRAWDOWN, {0: x}, n, first, stop)[2]
    for i, window in enumerate(windows_of(x, n, first, stop)):
        assert got[i] == pytest.approx(float((window / np.maximum.accumulate(window)).min()), rel=1e-15)


def series_of(kind, x, y):
    """Rows that a statistic reads."""
    rows = {w.MEAN: [0], w.MEANS_3: [0, 1, 2], w.PAIR: [0, 1], w.EXTREMES: [0, 1], w.RECENCY: [0, 2]}
    return {row: (x, y, x * y)[k] for k, row in enumerate(rows.get(kind, [0]))}


def meant(kind):
    """Rows of a statistic that are meant to be read."""
    counts = {w.MEAN: 1, w.VARIANCE: 2, w.EXTREMES: 2, w.HIGHEST: 1, w.RECENCY: 4, w.PAIR: 5}
    return [0, 2] if kind == w.TREND else list(range(counts.get(kind, 3)))


KINDS = [
    w.MEAN,
    w.MEANS_3,
    w.VARIANCE,
    w.LINE,
    w.TREND,
    w.SKEW,
    w.PAIR,
    w.DRAWDOWN,
    w.EXTREMES,
    w.HIGHEST,
    w.RECENCY,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [3, 20, 21, 63, 200])
def test_bits_do_not_depend_on_position_or_block(kind, n, x, y):
    series, read = series_of(kind, x, y), meant(kind)
    whole = tree(kind, series, n, n - 1, T)
    for size in (1, 2, 3, 5, 8, 13, 64):
        for at in range(n - 1, T - size + 1, 7 * size):
            part = tree(kind, series, n, at, at + size)
            assert np.array_equal(part[read], whole[read, at - n + 1 : at - n + 1 + size]), (size, at)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 20, 21, 63])
def test_bits_do_not_depend_on_what_lies_beside(kind, n, x, y):
    lanes, bars = 3, n + 2
    s = np.full((w.SCRATCH_SLOTS, w.SCRATCH_ROWS, T), np.nan)
    series = [series_of(kind, x[70 * b :], y[70 * b :]) for b in range(lanes)]

    def load():
        for b, rows in enumerate(series):
            for row, values in rows.items():
                s[0, row, b : bars * lanes : lanes] = values[:bars]

    load()
    at, stop, step = np.uint64((bars - 1) * lanes), np.uint64(bars * lanes), np.uint64(lanes)
    slot = fold_nb(kind, n, at, step, np.array(order_of(n)), 0, s)
    folded = s[slot, :, at:stop].copy()
    load()
    w.clear_nb(kind, np.uint64(0), stop, np.uint64(0), s)
    slot = w.tree_nb(kind, n, at, stop, step, s)
    for b, rows in enumerate(series):
        alone = tree(kind, rows, n, bars - 1, bars)[meant(kind), 0]
        assert np.array_equal(folded[meant(kind), b], alone)
        assert np.array_equal(s[slot, meant(kind), int(at) + b], alone)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 4.605170185988091, 1e300, 5e-300])
@pytest.mark.parametrize("n", NS)
def test_equal_values_have_no_spread_at_all(value, n):
    flat = np.full(T, value)
    mean, variance, covariance = tree(w.LINE, {0: flat}, n, max(n - 1, 5), T)[:3]
    assert (mean == value).all()
    assert (variance == 0).all()
    assert (covariance == 0).all()


def test_a_large_level_does_not_drown_a_small_spread():
    x = 1e6 + np.random.default_rng(4).normal(0, 1e-3, T)
    variance = tree(w.VARIANCE, {0: x}, 60, 59, T)[1]
    for i, window in enumerate(windows_of(x, 60, 59, T)):
        assert variance[i] == pytest.approx(float(window.var()), rel=1e-6)


def test_nan_stays_inside_the_windows_that_see_it(x):
    holed = x.copy()
    holed[150] = math.nan
    mean = tree(w.MEAN, {0: holed}, 20, 19, T)[0]
    nan = np.flatnonzero(np.isnan(mean)) + 19
    assert nan.tolist() == list(range(150, 170))


def test_warm_up_is_written_once_and_only_there():
    rows = np.zeros((2, 10))
    assert w.warm_nb(rows, 1, 2, 10, 5) == 5
    assert np.isnan(rows[1]).tolist() == [False, False, True, True, True, False, False, False, False, False]
    assert (rows[0] == 0).all()
    assert w.warm_nb(rows, 0, 7, 10, 5) == 7
    assert (rows[0] == 0).all()
    assert w.warm_nb(rows, 0, 0, 4, 50) == 50
    assert np.isnan(rows[0]).tolist() == [True] * 4 + [False] * 6
