"""The fused engine beyond vectorbt's arrays; against vectorbt it is held in `tests.studies.parity`."""

import numpy as np
import pytest
from polars.testing import assert_frame_equal

from research.data import load_sample
from research.errors import BadValue
from research.evidence.metrics import equity_stats
from research.evidence.moments import moments
from research.evidence.trials import sketches
from research.execution import Execution
from research.simulation.backtest import run_unified_backtest
from research.simulation.figures import FIGURES
from research.simulation.fused import FusedExecutor
from research.simulation.sweep import sweep


@pytest.fixture(scope="module")
def bars():
    return load_sample()


def test_what_arrays_cannot_say_is_the_backtest(bars):
    """Dividends, a stop beside a wider trail, targets in both directions."""
    grid = {
        "threshold": [0, 0.5], "stop": [0.03, 0.06], "trail": [0.05, 0.1], "target": [0, 0.1],
        "time_limit": [0, 15], "vol_target": [0.1, 0.3],
    }  # fmt: skip
    execution = Execution(allow_short=True, fractional=True)
    fixed = {"allow_short": 1, "stop_atr": 0}
    swept = sweep(bars, grid=grid, params=fixed, execution=execution, engine="fused", progress=False)
    rng = np.random.default_rng(11)
    trades = 0.0
    for cell in rng.choice(len(swept.grid), 12, replace=False):
        params, symbol = swept.grid.params(int(cell)), str(rng.choice(["AAPL", "GOOG", "IBM", "MSFT"]))
        alone = run_unified_backtest(symbol, bars=bars, params=params, execution=execution)
        chosen = {name: params[name] for name in grid}
        orders = swept.orders(symbol, **chosen)
        assert orders.equals(alone.orders.select(orders.columns)), (params, symbol)
        row = swept.metrics.row(int(cell) * len(swept.symbols) + swept.symbols.index(symbol), named=True)
        for name in FIGURES:
            assert row[name] == pytest.approx(alone.stats[name], rel=1e-10, abs=1e-10, nan_ok=True), name
        trades += row["trades"]
    assert trades > 200
    with pytest.raises(BadValue, match=r"no dividends, and this account was paid .*; set Execution"):
        swept.portfolio(
            symbol="IBM", threshold=0, stop=0.06, trail=0.1, target=0, time_limit=0, vol_target=0.3
        )


def test_order_of_axes_chunks_and_threads_change_no_bit(bars, monkeypatch):
    grid = {"trail": [0.05, 0.1], "slow": range(20, 60, 4), "fast": range(3, 18, 2), "max_weight": [0.5, 0.9]}
    whole = sweep(bars, "ma_crossover", grid, engine="fused", progress=False)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    tight = sweep(bars, "ma_crossover", grid, engine="fused", memory_mb=12, progress=False)
    assert whole.metrics.equals(tight.metrics, null_equal=True)
    turned = dict(reversed(grid.items()))
    other = sweep(bars, "ma_crossover", turned, engine="fused", progress=False)
    keys = [*grid, "symbol"]
    assert_frame_equal(
        whole.metrics.sort(keys), other.metrics.select(whole.metrics.columns).sort(keys), check_exact=True
    )


def test_a_portfolio_is_vectorbts_own(bars):
    grid = {"fast": [5, 10], "slow": [30, 60], "trail": 0.08}
    one, other = (
        sweep(bars, "ma_crossover", grid, symbols=["AAPL"], engine=engine, progress=False)
        for engine in ("fused", "vectorbt")
    )
    ours, theirs = (swept.portfolio(fast=5, slow=60) for swept in (one, other))
    assert one.engine == "fused"
    assert ours.order_records.tobytes() == theirs.order_records.tobytes()
    assert ours.total_return() == theirs.total_return()
    row = one.metrics.filter(fast=5, slow=60).row(0, named=True)
    assert row["sharpe_ratio"] == pytest.approx(float(ours.sharpe_ratio()), rel=1e-10)


def test_trials_are_made_of_the_returns(bars):
    """Moments to 1e-10, sketches to the half-precision they are kept in; the returns are the backtest's."""
    grid = {"fast": [5, 10], "slow": [20, 60], "trail": [0.05, 0.1], "max_weight": [0.0, 0.9]}
    execution = Execution(allow_short=True)
    swept = sweep(
        bars, "ma_crossover", grid, symbols=["AAPL", "IBM"], params={"allow_short": 1}, execution=execution,
        engine="fused", progress=False,
    )  # fmt: skip
    study, executor = swept.study, swept.study.executor
    assert isinstance(executor, FusedExecutor)
    study.lanes.hold(dict.fromkeys(name for read in study.reads for name in read))
    for lane in study.lanes.lanes:
        cells = study.cells(lane, np.arange(len(study.grid)))
        returns = executor.returns(lane, cells)
        assert returns.shape == (len(lane), 16)
        found, sketched = executor.trials(lane, cells)
        told = moments(returns)
        assert found.periods == told.periods == len(lane)
        for name in ("sharpe", "skewness", "kurtosis", "autocorrelation"):
            np.testing.assert_allclose(getattr(found, name), getattr(told, name), rtol=1e-10, atol=1e-12)
        assert np.isnan(found.sharpe).sum() == 8, "accounts without weight have no variance"
        wanted = sketches(returns, lane.bar_close)
        np.testing.assert_allclose(sketched.astype(float), wanted.astype(float), rtol=0, atol=2.0**-11)
        assert (sketched == wanted).mean() > 0.999
        for c in (1, 7, 15):
            params = study.grid.params(c)
            alone = run_unified_backtest(
                lane.symbol, bars=bars, strategy="ma_crossover", params={**params, "allow_short": 1},
                execution=execution,
            )  # fmt: skip
            equity = np.concatenate([[1e5], alone.equity["equity"].to_numpy()])
            np.testing.assert_allclose(returns[:, c], np.diff(equity) / equity[:-1], rtol=0, atol=1e-13)
            figures = equity_stats(np.asarray(1e5 * np.cumprod(1 + returns[:, c])), 1e5, lane.bars_per_year)
            assert figures["sharpe_ratio"] == pytest.approx(alone.stats["sharpe_ratio"], rel=1e-9)
