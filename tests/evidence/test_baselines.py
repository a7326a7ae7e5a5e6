"""The null is uniform where nothing is known, and small where the future is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from research.data import load_sample
from research.errors import BadValue
from research.evidence.baselines import baselines, crossover, held_at, shift_null, shift_null_of
from research.report.terminal import null_told
from research.request import Request
from research.simulation.backtest import backtest
from tests.evidence.model_runs import modelled


def held(rng, symbols, bars):
    """Positions that last about ten bars and know nothing."""
    return np.repeat(rng.random((symbols, bars // 10)) < 0.3, 10, axis=1).astype(float)


def test_positions_that_know_nothing_have_uniform_p_values():
    rng = np.random.default_rng(5)
    found = [
        shift_null_of(held(rng, 3, 500), 0.01 * rng.standard_normal((3, 500)), shifts=99, seed=s).p_value
        for s in range(120)
    ]
    assert kstest(found, "uniform").pvalue > 0.01


def test_positions_that_know_the_future_have_the_smallest_p_value():
    returns = 0.01 * np.random.default_rng(5).standard_normal((2, 400))
    assert shift_null_of((returns > 0).astype(float), returns, shifts=199).p_value == 1 / 200


def test_positions_that_are_the_same_at_every_time_are_as_good_as_themselves():
    """Ties count against the strategy: the same stake always has p = 1."""
    returns = 0.01 * np.random.default_rng(5).standard_normal((2, 400))
    assert shift_null_of(np.full((2, 400), 0.5), returns, shifts=99).p_value == 1.0


def test_nothing_held_has_no_p_value_and_bad_shapes_are_refused():
    assert np.isnan(shift_null_of(np.zeros((2, 50)), np.ones((2, 50))).p_value)
    with pytest.raises(BadValue, match="must both be"):
        shift_null_of(np.zeros((2, 50)), np.zeros((2, 51)))


def test_too_few_bars_have_no_p_value():
    """Two traded bars: the figures are shown, and what cannot be said is not."""
    few = modelled()
    last = len(few.prepared.panel) - 3
    none = shift_null(replace(few, prepared=replace(few.prepared, trade_from=last)), shifts=9)
    assert np.isnan(none.p_value)
    assert none.shifts == 0
    assert "no p-value" in null_told(none)


def test_every_baseline_trades_the_same_bars():
    result = modelled()
    told: list[str] = []
    found = baselines(result, load_sample(), told=told.append)
    assert list(found)[:4] == told
    assert found["always up"]["trades"] > result.stats["trades"]
    assert found["old crossover"] == backtest(crossover(result.request), load_sample()).stats
    assert held_at(result)["exposure"] == result.stats["exposure"]
    assert 0.0 < shift_null(result, shifts=99).p_value <= 1.0


def test_a_strategy_without_a_model_has_none():
    bars = load_sample(["IBM"])
    with pytest.raises(BadValue, match="has no model"):
        baselines(backtest(Request("ma_crossover"), bars), bars)
