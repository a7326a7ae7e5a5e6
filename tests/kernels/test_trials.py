"""Moments and sketches of one account at a time are those of whole matrices."""

import numpy as np
import pytest

from research.evidence.moments import moments
from research.evidence.trials import SKETCH, places, sketches
from research.kernels.trials import N_MOMENTS, returns_nb, trial_nb
from research.simulation.equity import returns_from


def judged(returns):
    bucket, sign = places(returns.size, None)
    figures, sketch = np.zeros(N_MOMENTS), np.zeros(SKETCH)
    trial_nb(returns, bucket, sign, figures, sketch)
    return figures, sketch


@pytest.mark.parametrize("scale", [1e-8, 1e-2, 10.0])
def test_they_are_those_of_a_matrix(scale):
    returns = scale * np.random.default_rng(2).standard_t(4, 3000)
    returns[100:900] = 0.0
    figures, sketch = judged(returns)
    wanted = moments(returns)
    assert figures == pytest.approx([float(part[0]) for part in wanted[:4]], rel=1e-10)
    assert np.sum(sketch * sketch) == pytest.approx(1.0)
    assert sketch == pytest.approx(sketches(returns)[0].astype(float), abs=2.0**-12)


@pytest.mark.parametrize("value", [0.0, 1e-3])
def test_equal_returns_have_no_moments_and_no_sketch(value):
    figures, sketch = judged(np.full(50, value))
    assert np.isnan(figures).all()
    assert not sketch.any()
    assert not sketches(np.full(50, value)).any()


def test_an_account_that_lost_all_stays_there():
    equity = np.array([110.0, 99.0, -5.0, 20.0, 30.0])
    returns_nb(equity.copy(), 100.0, found := np.empty(5))
    assert found.tolist() == pytest.approx([0.1, -0.1, -1.0, 0.0, 0.0])
    assert found == pytest.approx(returns_from(equity[:, None], 100.0)[:, 0])
    returns_nb(equity, 100.0, equity)
    assert equity.tolist() == found.tolist()
