"""The learner's memory: what it keeps, what a fit may see, and that blocks do not matter."""

import itertools

import numpy as np
import pytest

from research.learning.history import History
from research.learning.labels import Matured


def matured(*rows):
    """Labels as (t_end, symbol, birth, net)."""
    t_end, symbol, birth = (np.array([row[k] for row in rows], dtype=np.int64) for k in range(3))
    return Matured(t_end, symbol, birth, np.array([row[3] for row in rows], dtype=float), t_end * 0)


def features(bars, symbols=2, count=3):
    """Feature k of symbol j at bar t is 100 t + 10 j + k."""
    k, j, t = np.meshgrid(np.arange(count), np.arange(symbols), np.arange(bars), indexing="ij")
    return (100.0 * t + 10 * j + k).astype(float)


LABELS = [(t + 2 + t % 3, t % 2, t, (-1) ** (t // 2) * 0.01) for t in range(36)]


def filled(cuts, keep=10):
    made, x = History(2, 3, keep), features(40)
    for a, b in itertools.pairwise(cuts):
        now = sorted(row for row in LABELS if a <= row[0] < b)
        made.append(x[:, :, a:b], matured(*now))
    return made


def test_inputs_are_the_bars_up_to_the_row_itself():
    made = filled([0, 40])
    found = made.inputs(np.array([1, 0]), np.array([7, 1]), 3)
    assert found.dtype == np.float32
    assert found[0, :, 0].tolist() == [510, 610, 710]
    assert found[0, 2].tolist() == [710, 711, 712]
    assert np.isnan(found[1, 0]).all(), "before the first bar"
    assert found[1, 1:, 2].tolist() == [2, 102]


@pytest.mark.parametrize("size", [1, 3, 7, 40])
def test_any_split_of_the_bars_remembers_the_same(size):
    made = filled([*range(0, 40, size), 40])
    whole = filled([0, 40])
    assert made.last == 39
    rows = made.settled(39, 9, 1000)
    assert len(rows.y) > 2
    for mine, other in zip(rows, whole.settled(39, 9, 1000), strict=True):
        assert mine.tobytes() == other.tobytes()
    bar = np.arange(30, 40)
    for sequence in (1, 2):
        symbol = np.ones(10, dtype=np.int64)
        mine = made.inputs(symbol, bar, sequence)
        assert mine.tobytes() == whole.inputs(symbol, bar, sequence).tobytes()
    states = [h.state() for h in (made, whole)]
    for name, array in states[0].items():
        assert array.tobytes() == states[1][name].tobytes(), name
    again = History(2, 3, 10)
    again.load(states[0])
    again.append(features(41)[:, :, 40:], matured())
    assert again.inputs(np.array([0]), np.array([40]), 2)[0, :, 0].tolist() == [3900, 4000]


def test_what_is_older_than_asked_is_forgotten():
    made = filled(range(41))
    assert len(made) == 11
    assert made.first == 29
    assert len(filled([0, 40])) == 40, "a block stays until the next one"


@pytest.mark.parametrize("bar", [12, 20, 33])
def test_a_fit_sees_no_label_that_settles_later(bar):
    rows = filled([0, 40]).settled(bar, 1000, 1000)
    assert rows.t_end.max() <= bar
    expected = [row for row in LABELS if row[0] <= bar]
    assert sorted(zip(rows.t_end, rows.symbol, rows.birth, rows.net, strict=True)) == sorted(expected)
    assert (rows.y == (rows.net > 0)).all()
    assert rows.weight.mean() == pytest.approx(1.0)
    assert (np.diff(rows.birth) >= 0).all()


def test_the_window_and_the_thinning_count_back_from_the_bar():
    made = filled([0, 40])
    assert made.settled(30, 8, 1000).birth.min() == 22
    thin = made.settled(30, 1000, 10)
    births = [row[2] for row in LABELS if row[0] <= 30]
    step = -(-len(births) // 10)
    assert thin.birth.tolist() == [b for b in births if (30 - b) % step == 0]
    assert made.settled(1, 100, 10).y.size == 0


def test_trades_that_all_came_out_even_have_no_weight():
    made = History(1, 1, 50)
    even = matured(*((t + 3, 0, t, 0.0) for t in range(20)))
    made.append(np.zeros((1, 1, 30)), even)
    rows = made.settled(25, 50, 100)
    assert rows.y.tolist() == rows.weight.tolist() == [0.0] * 20


def test_what_float32_cannot_hold_is_undefined():
    made = History(1, 3, 50)
    made.append(np.array([1e39, -np.inf, 3e38]).reshape(3, 1, 1), matured())
    found = made.inputs(np.array([0]), np.array([0]), 1)[0, 0]
    assert np.isnan(found).tolist() == [True, True, False]


def test_labels_of_the_last_fits_own_bar_are_not_asked_again():
    """A fit at bar 12 has seen what settled at bar 12; what a model leaned on is asked of later labels."""
    made = filled([0, 40])
    later = made.settled(30, 100, 1000, after=12).t_end
    assert sorted(later) == sorted(row[0] for row in LABELS if 12 < row[0] <= 30)
    assert 12 in {row[0] for row in LABELS}, "or the boundary is not tried"
