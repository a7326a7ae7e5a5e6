"""Fixed-Share against the identities and bounds that theory gives for every sequence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.kernels.mixing import ALPHA, log_loss_nb, mix_nb, share_nb

LN = math.log


def losses(p, y):
    """(T, M) log losses of the experts by NumPy."""
    q = np.clip(p, 0.01, 0.99)
    return -np.log(np.where(y[:, None] == 1, q, 1 - q))


def run(p, y, alpha):
    """(T,) log losses of the mixture, each taken before its label is learned, and the weights at the end."""
    weights = np.full(p.shape[1], 1 / p.shape[1])
    out = []
    for row, label in zip(p, y, strict=True):
        out.append(log_loss_nb(mix_nb(weights, row), label))
        share_nb(weights, row, label, alpha)
    return np.array(out), weights


@st.composite
def games(draw, longest=60):
    """Experts' probabilities (0 and 1 among them) and labels."""
    t, m = draw(st.integers(1, longest)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p = rng.random((t, m)) ** draw(st.sampled_from([0.2, 1.0, 5.0]))
    p[rng.random((t, m)) < 0.1] = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return p, rng.integers(0, 2, t).astype(float)


@given(games())
def test_bayes_mixture_loses_exactly_the_mean_of_likelihoods(game):
    p, y = game
    mixture, _ = run(p, y, 0.0)
    each = losses(p, y).sum(0)
    least = each.min()
    identity = least - LN(np.exp(least - each).mean())
    assert mixture.sum() == pytest.approx(identity, rel=1e-10, abs=1e-10)
    assert mixture.sum() - least <= LN(p.shape[1]) + 1e-9


@given(games(), st.integers(0, 2**32 - 1))
def test_sleeping_experts_are_taken_to_say_what_the_mixture_says(game, seed):
    p, y = game
    asleep = np.random.default_rng(seed).random(p.shape) < 0.3
    p[asleep] = np.nan
    p[np.isnan(p).all(1), 0] = 0.6
    mixture, weights = run(p, y, 0.0)
    each = np.where(np.isnan(p), mixture[:, None], losses(p, y)).sum(0)
    assert mixture.sum() == pytest.approx(-LN(np.exp(-each).mean()), rel=1e-9, abs=1e-9)
    assert weights == pytest.approx(np.exp(-each) / np.exp(-each).sum(), rel=1e-8, abs=1e-12)


def best_with_switches(each):
    """Least loss of a sequence of experts with exactly s switches, for every s, by dynamic programming."""
    t, m = each.shape
    least = np.full((t, m), np.inf)  # [switches, last expert]
    least[0] = each[0]
    for row in each[1:]:
        other = np.full_like(least, np.inf)
        for i in range(m):
            rest = np.delete(least, i, axis=1)
            if rest.shape[1]:
                other[1:, i] = rest[:-1].min(1)
        least = np.minimum(least, other) + row
    return least.min(1)


@settings(max_examples=60, deadline=None)
@given(games(longest=40), st.sampled_from([ALPHA, 0.02, 0.3]))
def test_fixed_share_regret_against_every_number_of_switches(game, alpha):
    p, y = game
    t, m = p.shape
    mixture, weights = run(p, y, alpha)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    for switches, best in enumerate(best_with_switches(losses(p, y))):
        if math.isfinite(best):
            stay = 1 - alpha + alpha / m
            bound = LN(m) - switches * LN(alpha / m) - (t - 1 - switches) * LN(stay)
            assert mixture.sum() - best <= bound + 1e-9


def test_bound_is_nearly_met_by_an_adversary():
    """Two experts that are right in turn for 100 labels each: regret is close to the bound, so it binds."""
    y = np.ones(400)
    p = np.where((np.arange(400) // 100 % 2 == 0)[:, None], [0.99, 0.01], [0.01, 0.99])
    mixture, _ = run(p, y, ALPHA)
    bound = LN(2) - 3 * LN(ALPHA / 2) - 396 * LN(1 - ALPHA + ALPHA / 2)
    regret = mixture.sum() - losses(p, y).min(1).sum()
    assert 0.9 * bound < regret <= bound


def test_weights_follow_the_better_expert_and_come_back():
    rng = np.random.default_rng(5)
    truth = rng.random(1500)
    y = (rng.random(1500) < truth).astype(float)
    good = np.arange(1500) // 500 % 2  # which of two experts knows the truth
    p = np.where(np.arange(2) == good[:, None], truth[:, None], 0.5)
    weights = np.array([0.5, 0.5])
    path = np.empty((1500, 2))
    for i in range(1500):
        share_nb(weights, p[i], y[i], ALPHA)
        path[i] = weights
    for end in (499, 999, 1499):
        assert path[end, good[end]] > 0.95
    _, bayes = run(p, y, 0.0)
    assert bayes[0] > 0.999, "without sharing the old favourite would still hold everything"


def test_by_hand():
    weights = np.array([0.5, 0.25, 0.25])
    p = np.array([0.8, 0.4, math.nan])
    assert mix_nb(weights, p) == pytest.approx(0.5 / 0.75)
    share_nb(weights, p, 1.0, 0.0)
    assert weights == pytest.approx([0.75 * 0.8, 0.75 * 0.2, 0.25])
    share_nb(weights, p, 1.0, 1.0)
    assert weights == pytest.approx([1 / 3] * 3)


def test_clipped_at_one_percent():
    assert log_loss_nb(0.0, 1.0) == pytest.approx(4.605170185988091)
    assert log_loss_nb(1.0, 1.0) == pytest.approx(0.01005033585350145)
    assert log_loss_nb(0.3, 0.0) == pytest.approx(0.35667494393873245)
    assert mix_nb(np.array([1.0]), np.array([1.0])) == 0.99
    assert mix_nb(np.full(7, 1 / 7), np.zeros(7)) >= 0.01


def test_nobody_awake_says_and_learns_nothing():
    weights = np.array([0.7, 0.3])
    nobody = np.full(2, math.nan)
    assert math.isnan(mix_nb(weights, nobody))
    assert math.isnan(mix_nb(np.array([0.0, 1.0]), np.array([0.5, math.nan])))
    assert math.isnan(log_loss_nb(math.nan, 1.0))
    share_nb(weights, nobody, 1.0, ALPHA)
    assert weights.tolist() == [0.7, 0.3]
