"""Platt's two numbers against SciPy and scikit-learn on the same penalised objective."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, root
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from research.kernels.calibration import L2, logit_nb, platt_fit_nb, platt_nb


def fit(x, y, l2=L2, count=None):
    out = np.array([math.nan, 7.0])  # what was there before does not matter
    platt_fit_nb(np.asarray(x, float), np.asarray(y, float), len(x) if count is None else count, l2, out)
    return out


def penalised(line, x, y, l2):
    """Objective, gradient and Hessian by NumPy."""
    z = line[0] * x + line[1]
    p = expit(z)
    rows = np.column_stack([x, np.ones_like(x)])
    pull = line - [1, 0]
    value = np.logaddexp(0, np.where(y == 1, -z, z)).sum() + l2 / 2 * (pull @ pull)
    return value, rows.T @ (p - y) + l2 * pull, (rows.T * (p * (1 - p))) @ rows + l2 * np.eye(2)


def by_scipy(x, y, l2):
    """The line where the gradient is zero: a minimiser alone stops too early, at rounding."""
    near = minimize(lambda line: penalised(line, x, y, l2)[0], [1.0, 0.0], method="BFGS", tol=1e-5).x
    return root(
        lambda line: penalised(line, x, y, l2)[1], near,
        jac=lambda line: penalised(line, x, y, l2)[2], method="hybr", options={"xtol": 1e-14},
    ).x  # fmt: skip


def sample(seed, n, slope, intercept, wide=0.6):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, wide, n)
    return x, (rng.random(n) < expit(slope * x + intercept)).astype(float)


@pytest.mark.parametrize("n", [1, 2, 30, 500, 1000])
@pytest.mark.parametrize("slope", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("l2", [1e-3, L2, 100.0])
def test_same_minimum_as_scipy(n, slope, l2):
    x, y = sample(n, n, slope, -0.4)
    expected = by_scipy(x, y, l2)
    if expected[0] >= 0:
        assert fit(x, y, l2) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([0.01, 1.0, 4.6]))
@settings(max_examples=100, deadline=None)
def test_no_direction_leads_down_from_the_fit(seed, n, wide):
    """Zero gradient: the one minimum, whatever the rows, separable ones among them."""
    x, y = sample(seed, n, np.random.default_rng(seed).normal(0, 5), 1.0, wide)
    line = fit(x, y, 0.01)
    gradient = penalised(line, x, y, 0.01)[1]
    assert abs(gradient[1]) < 1e-9
    if line[0] > 0:
        assert abs(gradient[0]) < 1e-9
    else:
        assert line[0] == 0
        assert gradient[0] >= -1e-9, "only a slope below zero would be better"


def test_same_as_scikit_learn():
    """Its ridge pulls the slope to 0 and spares the intercept, so the two agree where neither pulls."""
    x, y = sample(9, 1000, 0.5, 0.2)
    plain = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky", max_iter=1000)
    plain.fit(x[:, None], y)
    expected = [plain.coef_[0, 0], plain.intercept_[0]]
    assert fit(x, y, 1e-9) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_nothing_and_little_leave_the_probability_alone():
    assert fit([], []).tolist() == [1, 0]
    slope, intercept = fit([0.1, -0.2, 0.3], [0.0, 1.0, 0.0])
    assert platt_nb(slope, intercept, 0.55) == pytest.approx(0.55, abs=0.05)
    for p in (0.01, 0.2, 0.5, 0.77, 0.99):
        assert platt_nb(1.0, 0.0, p) == pytest.approx(p, abs=1e-15)


def test_overconfidence_is_taken_back():
    x, y = sample(3, 1000, 0.25, 0.0, wide=1.5)
    slope, intercept = fit(x, y)
    assert slope == pytest.approx(0.25, abs=0.1)
    assert platt_nb(slope, intercept, 0.9) < 0.68


def test_a_model_that_is_wrong_is_silenced_and_not_turned_round():
    x, y = sample(4, 1000, -1.0, 0.6)
    assert by_scipy(x, y, L2)[0] < -0.5
    slope, intercept = fit(x, y)
    assert slope == 0
    base = platt_nb(slope, intercept, 0.9)
    assert base == platt_nb(slope, intercept, 0.1)
    assert base == pytest.approx(y.mean(), abs=0.005)
    # The constrained minimum: the gradient of the intercept is zero.
    assert 1000 * (base - y.mean()) + L2 * intercept == pytest.approx(0, abs=1e-9)


def test_one_class_only_is_pulled_back_by_the_ridge():
    slope, intercept = fit(np.full(1000, 0.2), np.ones(1000))
    assert 0.9 < platt_nb(slope, intercept, 0.55) < 1
    assert slope < 3


def test_hostile_rows_converge():
    for x in ([4.6, -4.6] * 500, [0.0] * 1000, [1e-12] * 10):
        for y in (np.tile([1.0, 0.0], 500), np.tile([0.0, 1.0], 500), np.ones(1000)):
            line = fit(x, y[: len(x)], 1e-6)
            assert np.isfinite(line).all()
            assert abs(penalised(line, np.array(x), y[: len(x)], 1e-6)[1][1]) < 1e-7


def test_same_ring_same_bits_and_only_slots_in_use():
    x, y = sample(6, 400, 0.7, 0.1)
    first = fit(x, y)
    assert np.array_equal(fit(x.copy(), y.copy()), first)
    longer = (np.append(x, [math.nan] * 9), np.append(y, [math.nan] * 9))
    assert np.array_equal(fit(*longer, count=400), first)


def test_unknown_stays_unknown():
    assert math.isnan(platt_nb(1.0, 0.0, math.nan))
    assert np.isnan(fit([0.1, math.nan], [0.0, 1.0])).any()


def test_logit_is_clipped():
    assert logit_nb(0.0) == pytest.approx(logit(0.01), rel=1e-14)
    assert logit_nb(1.0) == pytest.approx(logit(0.99), rel=1e-14)
    assert logit_nb(0.3) == pytest.approx(logit(0.3), rel=1e-14)
    assert platt_nb(1000.0, 0.0, 0.0) == 0
    assert platt_nb(1000.0, 0.0, 1.0) == 1
