"""A small backtest of a strategy with a model, made once for the tests that ask of it."""

from functools import cache

from research.data import load_sample
from research.learning.settings import LearningSettings
from research.request import Request
from research.simulation.backtest import BacktestResult, backtest

LEARNING = LearningSettings(
    learners=("lightgbm",),
    features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2"),
    retrain_every=63,
    min_labels=100,
    max_rows=300,
    importance=False,
)


@cache
def modelled(strategy: str = "ml_driven") -> BacktestResult:
    """Return the backtest of a strategy on two symbols over four years."""
    request = Request(strategy, ["AAPL", "IBM"], end="2006-06-30", train_fraction=0.4, learning=LEARNING)
    return backtest(request, load_sample())
