"""A sweep is many backtests: the same orders and figures, within its memory; what it could not do is said."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue, BudgetError, NotEnoughHistory, UnknownName
from research.execution import Execution
from research.simulation.backtest import run_unified_backtest
from research.simulation.executors import FIGURES
from research.simulation.sweep import sweep

PLAIN = Execution(dividends=False)
CASES: dict[str, Any] = {
    "adaptive_momentum": (
        {
            "threshold": [0, 0.25, 0.5, 1],
            "min_trend": [40, 50, 70],
            "stop_atr": [0, 2, 4],
            "target": [0, 0.15],
        },
        PLAIN,
    ),
    "ma_crossover": (
        {"fast": range(5, 40, 5), "slow": range(10, 120, 20), "trail": [0, 0.08], "max_weight": [0.3, 0.95]},
        Execution(dividends=False, allow_short=True, slippage=0.001),
    ),
}


@pytest.fixture(scope="module")
def bars():
    return load_sample()


@pytest.fixture(scope="module")
def small(bars):
    """A sweep of six cells and two symbols."""
    return sweep(
        bars, grid={"threshold": [0, 0.5, 1], "min_trend": [50, 70]}, symbols=["AAPL", "GOOG"], progress=False
    )


def same_figures(row, stats):
    for name in FIGURES:
        assert row[name] == pytest.approx(stats[name], rel=1e-10, abs=1e-10, nan_ok=True), name


@pytest.mark.parametrize("strategy", CASES)
def test_cells_drawn_at_random_are_the_backtests_of_the_same_parameters(bars, strategy):
    grid, execution = CASES[strategy]
    swept = sweep(bars, strategy, grid, execution=execution, progress=False)
    rng = np.random.default_rng(7)
    trades = 0.0
    for cell in rng.choice(len(swept.grid), 10, replace=False):
        params, symbol = swept.grid.params(int(cell)), str(rng.choice(["AAPL", "GOOG", "IBM", "MSFT"]))
        alone = run_unified_backtest(symbol, strategy=strategy, bars=bars, params=params, execution=execution)
        orders = swept.orders(symbol, **params)
        assert orders.equals(alone.orders.select(orders.columns)), (params, symbol)
        row = swept.metrics.row(int(cell) * len(swept.symbols) + swept.symbols.index(symbol), named=True)
        assert (row["symbol"], {name: row[name] for name in params}) == (symbol, params)
        same_figures(row, alone.stats)
        trades += row["trades"]
    assert trades > 100, "the cells drawn hardly traded, so the comparison says little"


def test_a_span_means_what_it_means_to_a_backtest(bars):
    span: dict[str, Any] = {"start_date": "2004-03-01", "end_date": "2010-06-30", "train_fraction": 0.1}
    swept = sweep(
        bars,
        "ma_crossover",
        {"fast": [5, 10]},
        symbols=["IBM"],
        initial_capital=7_000,
        progress=False,
        **span,
    )
    alone = run_unified_backtest(
        "IBM",
        strategy="ma_crossover",
        initial_capital=7_000,
        params={"fast": 10},
        bars=bars,
        execution=PLAIN,
        **span,
    )
    same_figures(swept.metrics.row(1, named=True), alone.stats)
    assert swept.orders(fast=10).equals(alone.orders.select(swept.orders(fast=10).columns))


def test_vectorbt_itself_says_the_same_figures(small):
    portfolio = small.portfolio(symbol="AAPL", threshold=0.5, min_trend=50)
    row = small.metrics.filter(symbol="AAPL", threshold=0.5, min_trend=50.0).row(0, named=True)
    told = {
        "total_return": portfolio.total_return(),
        "annual_return": portfolio.annualized_return(),
        "volatility": portfolio.annualized_volatility(),
        "sharpe_ratio": portfolio.sharpe_ratio(),
        "sortino_ratio": portfolio.sortino_ratio(),
        "calmar_ratio": portfolio.calmar_ratio(),
        "max_drawdown": portfolio.max_drawdown(),
        "win_rate": portfolio.trades.closed.win_rate(),
        "profit_factor": portfolio.trades.closed.profit_factor(),
        "expectancy": portfolio.trades.closed.expectancy(),
        "trades": portfolio.trades.closed.count(),
    }
    for name, value in told.items():
        assert row[name] == pytest.approx(float(value), rel=1e-10, abs=1e-10), name


def test_rows_come_in_the_order_of_cells_and_symbols(small):
    assert small.metrics.columns == ["threshold", "min_trend", "symbol", *FIGURES, "failed"]
    assert small.metrics.select("threshold", "min_trend", "symbol").head(4).rows() == [
        (0.0, 50.0, "AAPL"), (0.0, 50.0, "GOOG"), (0.0, 70.0, "AAPL"), (0.0, 70.0, "GOOG"),
    ]  # fmt: skip
    assert small.complete
    assert small.engine == "vectorbt, rust"


def test_chunks_change_no_figure_and_memory_stays_within_the_budget(bars):
    grid = {"fast": range(3, 18), "slow": range(20, 60, 5), "stop": [0, 0.05]}
    whole = sweep(bars, "ma_crossover", grid, progress=False)
    tight = sweep(bars, "ma_crossover", grid, memory_mb=24, progress=False)
    assert whole.metrics.equals(tight.metrics, null_equal=True)
    assert not tight.peak_mb > 24  # NaN where the system does not let it be measured
    assert len(whole.grid) == 240


def test_a_budget_that_not_one_cell_fits_is_refused(bars):
    with pytest.raises(BudgetError, match=r"one cell needs .* MB .* `memory_mb` was 0.5; raise it"):
        sweep(bars, grid={"threshold": [0, 1]}, memory_mb=0.5, progress=False)


def test_each_distinct_feature_is_computed_once(small):
    lanes = small.study.lanes
    lanes.hold(["vol_21", "sma_10_40"])
    before = [lane.features["vol_21"] for lane in lanes.lanes]
    lanes.hold(["sma_10_50", "vol_21"])
    assert all(lane.features["vol_21"] is kept for lane, kept in zip(lanes.lanes, before, strict=True))
    assert all(
        set(lane.features.rows) == {"vol_21", "mean(close, 10)", "mean(close, 50)"} for lane in lanes.lanes
    )


def test_forbidden_combinations_are_said(bars):
    swept = sweep(
        bars, "ma_crossover", {"fast": [10, 60], "slow": [50, 100]}, symbols=["IBM"], progress=False
    )
    assert swept.metrics.select("fast", "slow").rows() == [(10, 50), (10, 100), (60, 100)]
    assert any("1 combinations were left out: `fast` must be below `slow`" in note for note in swept.notes)


def test_a_symbol_without_bars_enough_is_nan_and_named(bars):
    cut = pl.concat(
        [bars.filter(symbol="GOOG").tail(700), bars.filter(symbol="FB"), bars.filter(symbol="IBM")]
    )
    swept = sweep(cut, "ma_crossover", {"slow": [50, 800]}, progress=False)
    known = {
        (row["slow"], row["symbol"]): not np.isnan(row["total_return"]) for row in swept.metrics.to_dicts()
    }
    assert known == {
        (50, "FB"): False, (50, "GOOG"): True, (50, "IBM"): True,
        (800, "FB"): False, (800, "GOOG"): False, (800, "IBM"): True,
    }  # fmt: skip
    assert any(note.startswith("FB has no figures (NaN)") and "196 bars" in note for note in swept.notes)
    assert any("GOOG: NaN in 1 of 2 cells" in note and "it has 700" in note for note in swept.notes)
    with pytest.raises(
        NotEnoughHistory, match="GOOG never came out of warm-up in this cell, which needs 801"
    ):
        swept.portfolio(symbol="GOOG", slow=800)
    with pytest.raises(NotEnoughHistory, match="FB never came out of warm-up"):
        swept.orders(symbol="FB", slow=50)


@pytest.mark.parametrize(("stop_after", "finished"), [(1, 0), (2, 64), (5, 128)])
def test_ctrl_c_leaves_the_finished_chunks(bars, stop_after, finished):
    calls = []

    def interrupt(done, total):
        calls.append((done, total))
        if len(calls) == stop_after:
            raise KeyboardInterrupt

    grid = {"threshold": np.arange(0, 2, 0.1), "min_trend": range(40, 80, 5)}
    swept = sweep(bars, grid=grid, symbols=["AAPL", "IBM"], progress=interrupt)
    assert swept.metrics.height == 2 * finished
    assert not swept.complete
    assert any(f"interrupted: {160 - finished} of 160 cells are missing" in note for note in swept.notes)
    if finished:
        whole = sweep(bars, grid=grid, symbols=["AAPL", "IBM"], progress=False)
        assert swept.metrics.equals(whole.metrics.head(2 * finished), null_equal=True)
        assert swept.orders(symbol="IBM", threshold=1.9, min_trend=75).height > 0


def test_progress_counts_up_to_all_cells(bars):
    told = []
    sweep(
        bars, grid={"threshold": np.arange(0, 1, 0.01)}, symbols=["AAPL", "IBM"],
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(32.0, 100), (64.0, 100), (82.0, 100), (100.0, 100)]


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"grid": {}}, BadValue, "`grid` must name at least one parameter"),
        ({"grid": None}, BadValue, "`grid` must name at least one parameter"),
        ({"grid": {"treshold": [1]}}, UnknownName, "did you mean 'threshold'"),
        ({"strategy": "adaptive_momentun"}, UnknownName, "did you mean 'adaptive_momentum'"),
        ({"symbols": ["APPL"]}, UnknownName, "did you mean 'AAPL'"),
        ({"engine": "vectorbtt"}, UnknownName, "did you mean 'vectorbt'"),
        ({"execution": Execution()}, BadValue, "pass Execution(dividends=False)"),
        ({"memory_mb": 0}, BadValue, "`memory_mb` must be above 0, was 0"),
        ({"initial_capital": -1}, BadValue, "`initial_capital` must be above 0"),
        ({"start_date": "2012-01-01", "end_date": "2011-01-01"}, BadValue, "`end` must be after `start`"),
        ({"symbols": ["FB"]}, NotEnoughHistory, "FB (196 bars)"),
        (
            {"params": {"stop": 0.05, "trail": 0.1}},
            BadValue,
            "AAPL with stop=0.05, trail=0.1, threshold=0: vectorbt holds one stop",
        ),
    ],
)
def test_wrong_questions_get_one_line(bars, asked, error, said):
    with pytest.raises(error) as refusal:
        sweep(bars, **{"grid": {"threshold": [0, 1]}, "progress": False, **asked})
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (
            {"threshold": 0.5, "min_trend": 50},
            BadValue,
            "needs a `symbol`, had none; choose one of AAPL, GOOG",
        ),
        ({"symbol": "IBM", "threshold": 0.5, "min_trend": 50}, UnknownName, "unknown symbol 'IBM'"),
        ({"symbol": "AAPL", "threshold": 0.6, "min_trend": 50}, BadValue, "nearest values are 0.5 and 1"),
        ({"symbol": "AAPL", "treshold": 0.5}, UnknownName, "did you mean 'threshold'"),
    ],
)
def test_a_cell_that_was_not_swept_is_refused(small, asked, error, said):
    with pytest.raises(error) as refusal:
        small.orders(**asked)
    assert said in str(refusal.value)
    with pytest.raises(error):
        small.portfolio(**asked)
