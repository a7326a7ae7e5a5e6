"""Walk-forward: picks know nothing of what they trade on, and no trade of one fold meets one of another."""

import numpy as np
import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue, UnknownName
from research.execution import Execution
from research.simulation.backtest import run_unified_backtest
from research.simulation.sweep import sweep
from tests.simulation.test_winner import market

GRID = {"fast": [5, 10, 20], "slow": [30, 60], "stop": [0, 0.05]}


@pytest.fixture(scope="module")
def bars():
    return load_sample(["AAPL", "IBM"])


@pytest.fixture(scope="module")
def swept(bars):
    return sweep(bars, "ma_crossover", GRID, engine="fused", progress=False, ledger=None)


@pytest.fixture(scope="module")
def walk(swept):
    return swept.walk_forward(symbol="IBM", n_splits=4)


def test_each_pick_is_the_best_of_a_sweep_that_ends_there(bars, swept, walk):
    """The sweep of a span that ends at the last train bar knows no later one, and finds the same pick."""
    for row in walk.folds.iter_rows(named=True):
        alone = sweep(
            bars.filter(pl.col("bar_close") <= row["train_last"]), "ma_crossover", GRID, symbols=["IBM"],
            start_date=row["train_first"], train_fraction=0.0, engine="fused", progress=False, ledger=None,
        )  # fmt: skip
        found = alone.metrics.sort("sharpe_ratio", maintain_order=True).row(-1, named=True)
        assert {name: row[name] for name in GRID} == {name: found[name] for name in GRID}
        assert row["train_score"] == pytest.approx(found["sharpe_ratio"], rel=1e-9)


def test_each_test_span_is_the_backtest_of_the_pick(bars, swept, walk):
    """But for the last bars, where the fold closes what a backtest would keep."""
    capital = 100_000.0
    for row in walk.folds.iter_rows(named=True):
        inside = walk.equity.filter(pl.col("bar_close").is_between(row["test_first"], row["test_last"]))
        alone = run_unified_backtest(
            "IBM", strategy="ma_crossover", bars=bars, params={name: row[name] for name in GRID},
            start_date=row["test_first"], end_date=row["test_last"], train_fraction=0.0,
            initial_capital=capital, execution=Execution(dividends=False),
        )  # fmt: skip
        ours = inside["walk_forward"].to_numpy()[1:-2]
        theirs = alone.equity["equity"].to_numpy()[-inside.height :][1:-2]
        assert np.abs(ours / theirs - 1.0).max() < 1e-9
        assert inside["walk_forward"][0] == pytest.approx(capital, rel=0.05)
        after = walk.equity.filter(pl.col("bar_close") > row["test_last"])
        capital = float(after["walk_forward"][0]) if after.height else capital


def test_no_trade_crosses_a_boundary():
    """Trends that last: without the purge a position would be carried into every next fold."""
    swept = sweep(
        market(np.full(900, 0.002) + 0.004 * np.random.default_rng(0).standard_normal(900)),
        "adaptive_momentum", {"threshold": [0, 0.1], "min_trend": [0, 10]}, engine="fused",
        train_fraction=0.4, progress=False, ledger=None,
        execution=Execution(dividends=False, commission=0.01),
    )  # fmt: skip
    walk = swept.walk_forward(n_splits=3)
    assert min(walk.folds["trades"].to_list()) >= 1
    assert walk.folds["test_last"][:-1].to_list() < walk.folds["test_first"][1:].to_list()
    equity = walk.equity["walk_forward"].to_numpy()
    held = np.abs(np.diff(equity)) > 0
    for first in walk.folds["test_first"][1:]:
        at = walk.equity["bar_close"].to_list().index(first)
        assert held[at - 2], "in the market before the boundary"
        # The old fold leaves at this bar's open, at 1 % commission; the new one decides at its close.
        assert equity[at] < equity[at - 1] * 0.999
        assert equity[at + 1] != equity[at], "the new fold buys at the next open"


def test_curves_begin_with_the_same_capital_and_say_what_they_are(swept, walk):
    assert walk.equity.columns == ["bar_close", "walk_forward", "in_sample", "buy_and_hold"]
    assert walk.equity.height == sum(
        walk.equity["bar_close"].is_between(a, b).sum()
        for a, b in walk.folds.select("test_first", "test_last").rows()
    )
    row = swept.metrics.filter(symbol="IBM").sort("sharpe_ratio", maintain_order=True).row(-1, named=True)
    assert walk.in_sample == {name: row[name] for name in GRID}
    for name in walk.equity.columns[1:]:
        assert walk.equity[name][0] == pytest.approx(100_000.0)
        change = walk.equity[name][-1] / 100_000.0 - 1.0
        assert walk.stats[name]["total_return"] == pytest.approx(change)
    text = str(walk)
    for part in (
        "walk-forward of ma_crossover on IBM, picked by sharpe_ratio: 4 folds",
        "the in-sample winner, picked on",
        "buy and hold: Sharpe ratio", "purged", "2012/2014", "is a search again",
    ):  # fmt: skip
        assert part in text, part
    assert walk._repr_html_().count("<li>") == len(walk.lines()) - 1


def test_buy_and_hold_is_the_backtests(bars, walk):
    alone = run_unified_backtest(
        "IBM", strategy="ma_crossover", bars=bars, start_date=walk.equity["bar_close"][0], train_fraction=0.0,
        execution=Execution(dividends=False),
    )  # fmt: skip
    theirs = alone.equity["buy_and_hold"].to_numpy()
    assert np.abs(walk.equity["buy_and_hold"].to_numpy() / theirs - 1.0).max() < 1e-9


def test_a_fold_without_a_candidate_stands_aside():
    """Nothing moves until bar 500, so no cell has a Sharpe ratio on the first train span."""
    rng = np.random.default_rng(4)
    returns = np.concatenate([np.zeros(500), 0.01 * rng.standard_normal(700)])
    swept = sweep(
        market(returns), "ma_crossover", GRID, engine="fused", train_fraction=0.2, progress=False, ledger=None
    )
    walk = swept.walk_forward(train_bars=200, test_bars=150)
    first = walk.folds.row(0, named=True)
    assert (first["fast"], first["trades"], first["test_return"]) == (None, 0, 0.0)
    assert np.isnan(first["train_score"])
    assert walk.folds["fast"].drop_nulls().len() > 0


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({}, BadValue, "a winner needs a `symbol`"),
        ({"symbol": "IBM", "metric": "sharp"}, UnknownName, "unknown metric 'sharp'"),
        ({"symbol": "IBM", "metric": "turnover"}, BadValue, "more is better, was 'turnover'"),
        ({"symbol": "IBM", "n_splits": 1000}, BadValue, "take fewer splits or longer spans"),
    ],
)
def test_wrong_questions_get_one_line(swept, asked, error, said):
    with pytest.raises(error) as refusal:
        swept.walk_forward(**asked)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
