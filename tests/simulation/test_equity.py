"""The returns that a winner is judged by are those of the day-by-day backtest and of vectorbt."""

import numpy as np
import pytest

from research.data import load_sample
from research.execution import Execution
from research.simulation.backtest import run_unified_backtest
from research.simulation.equity import returns_from, returns_of, runnable
from research.simulation.sweep import sweep


@pytest.fixture(scope="module")
def bars():
    return load_sample(["AAPL", "IBM"])


@pytest.mark.parametrize("engine", ["fused", "vectorbt"])
def test_returns_are_those_of_the_backtest_and_of_vectorbt(bars, engine):
    grid = {"threshold": [0, 0.5, 1], "stop_atr": [0, 3]}
    swept = sweep(bars, grid=grid, engine=engine, progress=False, ledger=None)
    lane = swept.study.lanes.lanes[1]
    found = returns_of(swept.study, lane, np.array([5, 0, 3]))
    assert found.shape == (len(lane), 3)
    params = swept.grid.params(3)
    alone = run_unified_backtest("IBM", bars=bars, params=params, execution=Execution(dividends=False))
    equity = np.concatenate([[100_000.0], alone.equity["equity"].to_numpy()[-len(lane) :]])
    assert np.abs(found[:, 2] - np.diff(equity) / equity[:-1]).max() < 1e-12
    theirs = swept.portfolio(symbol="IBM", **params).returns().to_numpy()
    assert np.abs(found[:, 2] - theirs).max() < 1e-12


def test_an_account_that_lost_all_stays_there():
    equity = np.array([[110.0, 90.0], [-5.0, 99.0], [20.0, 99.0]])
    found = returns_from(equity, 100.0)
    assert found[:, 0].tolist() == pytest.approx([0.1, -1.0, 0.0])
    assert found[:, 1].tolist() == pytest.approx([-0.1, 0.1, 0.0])


def test_cells_that_stay_in_their_warm_up_are_not_run(bars):
    cut = bars.filter(symbol="IBM").tail(700)
    swept = sweep(cut, "ma_crossover", {"slow": [50, 800]}, engine="fused", progress=False, ledger=None)
    assert runnable(swept.study, swept.study.lanes.lanes[0]).tolist() == [0]
