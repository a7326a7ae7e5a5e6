"""The gate tells a strategy that listens to its model from one that does not."""

from dataclasses import replace

import numpy as np
import pytest

from research import strategies
from research.data import load_sample
from research.errors import BadValue
from research.evidence.influence import VARIANTS, Influence, change, influence, influence_of
from research.evidence.voices import spoken_by, voice
from research.kernels import account as ac
from research.kernels import belief as be
from research.request import Request
from research.simulation.backtest import again
from research.strategies.adaptive_momentum import ADAPTIVE_MOMENTUM
from research.strategies.ml_driven import ML_DRIVEN
from tests.evidence.model_runs import modelled


def test_ml_driven_listens_to_its_model():
    found = influence_of(modelled(), seed=1)
    assert tuple(found.changes) == VARIANTS
    assert found.passed
    assert all(c.before == next(iter(found.changes.values())).before > 0 for c in found.changes.values())
    assert found.table["passed"].all()


def test_a_strategy_that_ignores_its_model_fails(monkeypatch):
    """It has a model, trains it, and enters by the scores alone: the audited bot's fault."""
    deaf = replace(ADAPTIVE_MOMENTUM, name="deaf", model=ML_DRIVEN.model, shared_defaults={"time_limit": 20})
    monkeypatch.setitem(strategies.STRATEGIES, "deaf", deaf)
    found = influence(replace(modelled().request, strategy="deaf"), load_sample())
    assert not found.passed
    for one in found.changes.values():
        assert one.before == one.after > 0
        assert (one.entries, one.sizes) == (0.0, 0.0)


def test_the_ensembles_own_words_give_its_own_run():
    """What follows from a probability is made anew by the loop that made it first."""
    result = modelled()
    p = spoken_by(result).predictions
    spoken = np.isfinite(p[be.PROBABILITY])
    same = voice(result, p[be.PROBABILITY], calibrated=False)
    assert np.array_equal(np.isnan(same), np.isnan(p))
    for row in (be.PROBABILITY, be.EDGE, be.KELLY, be.EFFECTIVE, be.BREAK_EVEN):
        assert np.allclose(same[row][spoken], p[row][spoken], rtol=1e-8, atol=1e-10), row
    # A rank may step over one of 252 where two distances differ by rounding.
    assert np.nanmax(np.abs(same[be.CONFIDENCE] - p[be.CONFIDENCE])) <= 1 / 252
    assert again(result, lambda words: words).orders.equals(result.orders)


def test_shares_by_hand():
    """Entries at bars 0, 1, 2 against 1, 2, 3; of the two in common one has another size."""
    runs = np.zeros((2, 1, 5, ac.N_INTENT))
    for run, bars in zip(runs, ((0, 1, 2), (1, 2, 3)), strict=True):
        run[0, bars, ac.I_REASON] = ac.ENTERED
        run[0, bars, ac.I_SIDE], run[0, bars, ac.I_QTY] = 1.0, 10.0
    runs[1, 0, 4, ac.I_REASON] = ac.SIGNAL
    weights = np.full((2, 1, 5), 0.2)
    weights[1, 0, 2] = 0.1
    one, other = runs
    found = change((one, other), (weights[0], weights[1]))
    assert (found.entries, found.sizes, found.before, found.after) == (0.5, 0.5, 3, 3)


def test_other_quantities_of_the_same_wish_are_no_influence():
    """An account that gained more buys more shares of everything: that is no model's doing."""
    runs = np.zeros((2, 1, 4, ac.N_INTENT))
    runs[:, 0, 1:3, ac.I_REASON], runs[:, 0, 1:3, ac.I_SIDE] = ac.ENTERED, 1.0
    runs[0, 0, :, ac.I_QTY], runs[1, 0, :, ac.I_QTY] = 10.0, 11.0
    found = change((runs[0], runs[1]), (np.full((1, 4), 0.2), np.full((1, 4), 0.2)))
    assert (found.entries, found.sizes, found.passed) == (0.0, 0.0, False)


def test_without_entries_there_is_nothing_to_judge():
    nothing = np.zeros((1, 4, ac.N_INTENT))
    found = change((nothing, nothing), (np.zeros((1, 4)), np.zeros((1, 4))))
    assert (found.entries, found.passed) == (0.0, False)
    assert np.isnan(found.sizes)
    gate = Influence("ml_driven", dict.fromkeys(VARIANTS, found))
    assert gate.silent
    assert "cannot be judged" in gate.verdict
    heard = Influence("ml_driven", {"constant": found, "flipped": replace(found, after=1, entries=1.0)})
    assert not heard.silent
    assert "FAILS" in heard.verdict, "a constant changed nothing"


def test_a_strategy_without_a_model_is_refused():
    with pytest.raises(BadValue, match="has no model"):
        influence(Request("ma_crossover"), load_sample())
