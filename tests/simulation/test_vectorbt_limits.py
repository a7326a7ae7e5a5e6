"""A time limit said in exit signals: whatever is guessed, vectorbt ends at the backtest's orders."""

from typing import Any

import numpy as np
import pytest

from research.data import load_sample
from research.execution import Execution
from research.simulation import executors
from research.simulation.backtest import run_unified_backtest
from research.simulation.sweep import sweep
from research.simulation.vectorbt_limits import due_closes
from tests.simulation.test_sweep import same_figures

GRID = {"fast": [3, 8], "slow": [20, 50], "trail": [0, 0.05], "time_limit": [0, 1, 4, 30]}
SHORT = Execution(dividends=False, allow_short=True)


def test_a_trade_is_due_at_its_last_bar_if_it_is_still_held():
    limit = np.full((3, 12), np.nan)
    limit[0] = 3
    limit[1, 5] = 100
    limit[2] = 1
    column = np.array([0, 0, 0, 0, 0, 1, 2, 2])
    bar = np.array([1, 3, 5, 8, 10, 6, 4, 4])
    # Account 0: bought in bar 1 and sold in its third, so never due; bought in 5 and due at 7; bought in 10,
    # due at 12, after the end. Account 1 is due later than that; account 2 was stopped out in its first bar.
    assert np.argwhere(due_closes(column, bar, limit)).tolist() == [[0, 7]]
    assert not due_closes(column[:0], bar[:0], limit).any()


@pytest.mark.parametrize("told", ["nothing", "everything", "at random", "what our scan says"])
def test_any_guess_ends_at_the_backtests_orders(monkeypatch, told):
    bars = load_sample(["IBM"])

    def guess(_rows, signals, *_):
        if told == "at random":
            return np.random.default_rng(3).random(signals.shape[1:]) < 0.1
        return np.full(signals.shape[1:], told == "everything")

    grid: dict[str, Any] = GRID
    if told != "what our scan says":
        monkeypatch.setattr(executors, "guess", guess)
        bars, grid = bars.tail(900), {**GRID, "slow": 20, "time_limit": [4, 30]}
    swept = sweep(bars, "ma_crossover", grid, execution=SHORT, progress=False)
    closed = 0
    for cell in range(len(swept.grid)):
        params = swept.grid.params(cell)
        if params["time_limit"] == 0 or (cell % 3 and told == "what our scan says"):
            continue
        alone = run_unified_backtest(
            "IBM", strategy="ma_crossover", bars=bars, params=params, execution=SHORT
        )
        orders = swept.orders("IBM", **params)
        assert orders.equals(alone.orders.select(orders.columns)), params
        same_figures(swept.metrics.row(cell, named=True), alone.stats)
        closed += alone.trades.filter(reason="time").height
    assert closed > 30


def test_signals_without_limits_run_once(monkeypatch):
    monkeypatch.setattr(executors, "guess", lambda *_: pytest.fail("there is no limit to guess about"))
    swept = sweep(load_sample(["IBM"]), "ma_crossover", {"fast": 5, "time_limit": 0}, progress=False)
    assert swept.metrics["trades"][0] > 0


def test_a_portfolio_has_the_limited_trades():
    swept = sweep(
        load_sample(["IBM"]), "ma_crossover", {"fast": [5, 8], "slow": 30}, params={"time_limit": 6},
        progress=False,
    )  # fmt: skip
    portfolio = swept.portfolio(fast=8)
    assert portfolio.orders.count() == swept.orders(fast=8).height > 50
    assert float(portfolio.total_return()) == pytest.approx(swept.metrics["total_return"][1], rel=1e-10)
    spans = portfolio.trades.closed.values
    assert (spans["exit_idx"] - spans["entry_idx"]).max() == 6
