"""The small version: one strategy of each kind, on the bars that a first model needs and some more."""

import polars as pl
import pytest

from research.data import load_sample
from tests.studies import chunks


@pytest.mark.parametrize("strategy", ["ma_crossover", "mean_reversion_ml"])
def test_blocks_restarts_and_a_killed_runner_are_the_backtest(strategy, monkeypatch):
    monkeypatch.setattr(chunks, "FIVE", ("random_forest", "lightgbm"))
    bars = load_sample(chunks.SYMBOLS)
    instants = bars["bar_close"].unique().sort()
    found = chunks.study(strategy, bars.filter(pl.col("bar_close").is_in(instants.tail(1300).implode())), 3)
    assert found["blocks differ in"] == found["runner differs in"] == []
    assert found["orders"] > 10
    assert found["kills"] > 2
    assert (found["fits"] > 5) == (strategy == "mean_reversion_ml")
