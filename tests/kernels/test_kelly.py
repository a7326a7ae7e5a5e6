"""Kelly's fraction against the numbers of the literature, and against chance itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.kernels.kelly import FRACTION, break_even_nb, kelly_nb, kelly_weight_nb, shrunk_kelly_nb

sizes = st.floats(1e-4, 0.5)
chances = st.floats(0, 1)


def growth(p, b, f):
    return p * math.log(1 + b * f) + (1 - p) * math.log(1 - f)


def test_growth_at_kelly_half_and_twice():
    f = kelly_nb(0.6, 1.0, 1.0)
    assert f == pytest.approx(0.2, rel=1e-14)
    assert growth(0.6, 1, f) == pytest.approx(0.0201355, abs=5e-8)
    assert growth(0.6, 1, f / 2) == pytest.approx(0.0150419, abs=5e-8)
    assert growth(0.6, 1, 2 * f) == pytest.approx(-0.0024469, abs=5e-8)


def test_on_stop_distances_it_is_meaningless_alone():
    assert kelly_nb(0.55, 0.06, 0.03) == pytest.approx(10.8, abs=0.05)


@pytest.mark.parametrize(
    ("c", "chance", "error"), [(1.0, 0.5, 0.03), (0.5, 0.125, 0.02), (0.25, 0.0078125, 0.005)]
)
def test_chance_of_ever_halving(c, chance, error):
    """Even bets of 52 %, 3,000 lives of up to 12,000 bets: the share that was ever below half."""
    rng = np.random.default_rng(11)
    f = c * kelly_nb(0.52, 1.0, 1.0)
    wealth, least = np.zeros(3000), np.zeros(3000)
    for _ in range(60):
        wins = rng.random((3000, 200), dtype=np.float32) < 0.52
        path = wealth[:, None] + np.cumsum(np.where(wins, math.log1p(f), math.log1p(-f)), axis=1)
        least = np.minimum(least, path.min(1))
        wealth = path[:, -1]
    assert np.mean(least <= math.log(0.5)) == pytest.approx(chance, abs=error)
    assert chance == 0.5 ** (2 / c - 1)


@given(chances, sizes, sizes)
def test_nothing_below_break_even_and_best_growth_above(p, win, loss):
    f = kelly_nb(p, win, loss)
    even = break_even_nb(win, loss)
    assert even == pytest.approx(1 / (1 + win / loss), rel=1e-12)
    if p < even - 1e-9:
        assert f == 0
    if p > even + 1e-6 and f * loss < 0.999:
        here, step = f * loss, 1e-4 * (1 - f * loss) * f * loss
        best = growth(p, win / loss, here)
        assert best >= growth(p, win / loss, here - step)
        assert best >= growth(p, win / loss, here + step)


@given(chances, sizes, sizes, st.floats(0, 0.25), st.floats(0, 0.25))
def test_doubt_shrinks(p, win, loss, doubt, more):
    f = kelly_nb(p, win, loss)
    shrunk = shrunk_kelly_nb(p, win, loss, doubt)
    assert 0 <= shrunk <= f
    assert shrunk_kelly_nb(p, win, loss, doubt + more) <= shrunk
    if p > break_even_nb(win, loss) + 1e-6:
        assert shrunk_kelly_nb(p, win, loss, 0.0) == pytest.approx(f)


def test_shrinkage_by_hand():
    # b = 1, p = .6: e = .2; σ = .1: (b+1)²σ² = .04 = e², so half is left.
    assert shrunk_kelly_nb(0.6, 1.0, 1.0, 0.01) == pytest.approx(0.1, rel=1e-12)
    # b = 2, W = 6 %, L = 3 %, p = .4: e = .2, f* = 13.33 − 10; σ² = .0025: .04/(.04 + .0225) = .64
    assert shrunk_kelly_nb(0.4, 0.06, 0.03, 0.0025) == pytest.approx(10 / 3 * 0.64, rel=1e-12)


def test_what_is_not_known_is_not_bought():
    nan = math.nan
    for p, win, loss in [(nan, 1, 1), (0.6, nan, 1), (0.6, 1, nan), (0.6, 0, 1), (0.6, 1, 0), (0.6, -1, 1)]:
        assert kelly_nb(p, win, loss) == 0
        assert shrunk_kelly_nb(p, win, loss, 0.01) == 0
    assert shrunk_kelly_nb(0.6, 1.0, 1.0, nan) == 0
    assert shrunk_kelly_nb(0.6, 1.0, 1.0, -0.1) == 0
    for win, loss in [(0.0, 0.0), (nan, 0.1), (0.1, nan), (-0.1, 0.2)]:
        assert math.isnan(break_even_nb(win, loss))


def test_weight_with_few_labels_is_the_declared_minimum():
    def weight(p, effective):
        return kelly_weight_nb(p, 0.04, 0.04, 0.0, FRACTION, effective, 0.02)

    assert weight(0.6, 29.9) == 0.02
    assert weight(0.4, 0.0) == 0.02
    assert weight(0.6, math.nan) == 0.02
    assert weight(0.6, 30.0) == pytest.approx(0.25 * 5, rel=1e-12)
    assert weight(0.4, 30.0) == 0
    assert weight(math.nan, 5.0) == 0
