"""A small version of the study of trading beside the backtest."""

from datetime import UTC, datetime

import polars as pl
import pytest

from research.data.sample import load_sample
from research.execution import Execution
from research.learning.settings import LearningSettings
from research.request import Request
from tests.studies import paper

SYMBOLS = ["AAPL", "IBM", "MSFT"]
START = datetime(2006, 1, 12, 22, tzinfo=UTC)
SMALL = LearningSettings(
    learners=("lightgbm", "gradient_boosting"),
    features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"),
    retrain_every=20,
    train_bars=300,
    max_rows=200,
    min_labels=60,
    duel_labels=10,
    importance=False,
    tuning={"lightgbm": {"trees": 5}, "gradient_boosting": {"trees": 3}},
)
GATES = {"ml_driven": {"min_trend": 20.0, "min_confidence": 0.2}, "mean_reversion_ml": {"entry": 1.0}}


@pytest.mark.parametrize("strategy", paper.STRATEGIES)
def test_an_account_is_the_backtest_to_the_bit(strategy, tmp_path):
    bars = load_sample(SYMBOLS)
    bars = bars.filter(pl.col("bar_close").is_in(bars["bar_close"].unique().sort()[950:1640].implode()))
    request = Request(
        strategy,
        SYMBOLS,
        params=GATES.get(strategy, {}),
        execution=Execution(slippage=paper.SLIPPAGE, commission=0.0),
        learning=SMALL if strategy in GATES else None,
    )
    path = paper.traded(request, bars, START, sessions=30, restarts=5, folder=tmp_path)
    result = paper.beside(request, bars, START, path)
    assert result.decisions.height == 31 * len(SYMBOLS)
    assert result.orders.height >= 2, strategy
