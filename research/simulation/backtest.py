"""The day-by-day backtest: the engine over a span, and what came of it.

1. `Request.prepare` checks what was asked for and finds the first tradable bar.
2. The engine advances over every bar from the first known one.
3. The same broker kernel buys and holds the same symbols beside it.
4. Equity, trades and decisions become tables, and figures are taken from the
   traded part of the span alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.advance import Advance
from research.data.sample import load_sample
from research.engine import Alter, UnifiedTradingEngine
from research.errors import BadValue
from research.evidence.metrics import activity_figures, drawdown, equity_stats, trade_stats
from research.execution import Execution
from research.kernels import account as ac
from research.request import TRAIN_FRACTION, Instant, Prepared, Request
from research.simulation.decisions import decisions_frame
from research.simulation.holding import buy_and_hold
from research.simulation.lessons import model_notes
from research.simulation.remarks import benchmark_notes, trade_notes
from research.simulation.trades import orders_frame, round_trips

if TYPE_CHECKING:
    from research.learning.settings import LearningSettings
    from research.learning.spoken import Spoken

__all__ = ["BacktestResult", "again", "backtest", "run_unified_backtest"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class BacktestResult:
    """A backtest's figures and tables.

    Attributes
    ----------
    request : Request
    prepared : Prepared
    stats : dict
        Figures of the traded span as fractions and USD; names as in
        `research.evidence.metrics`, and exposure, turnover, costs and counts.
    benchmark : dict
        The return and risk figures of buying and holding the same symbols.
    equity : DataFrame
        bar_close, equity, cash, exposure, drawdown, buy_and_hold: one row per bar
        of the traded span.
    orders, trades : DataFrame
        Fills and round trips, as `research.simulation.trades` makes them.
    decisions : DataFrame
        Every symbol and bar of the span: the features that were read, the signal
        rows, what blocked an entry, and what was decided.
    notes : tuple of str
        What the figures do not say by themselves.
    run : Advance, optional
        What all of this was taken from, as arrays.

    Examples
    --------
    >>> result = run_unified_backtest("AAPL", strategy="ma_crossover")
    >>> result.stats["trades"] == result.trades.filter(status="closed").height
    True
    """

    request: Request
    prepared: Prepared
    stats: dict[str, float]
    benchmark: dict[str, float]
    equity: pl.DataFrame
    orders: pl.DataFrame
    trades: pl.DataFrame
    decisions: pl.DataFrame
    notes: tuple[str, ...] = field(default=())
    run: Advance | None = field(default=None, repr=False)

    @property
    def spoken(self) -> Spoken | None:
        """What the learner did, bar by bar, where the strategy has a model."""
        return None if self.run is None else self.run.spoken

    @property
    def total_return(self) -> float:
        """Percent gained over the traded span, after all costs."""
        return 100.0 * self.stats["total_return"]

    @property
    def sharpe_ratio(self) -> float:
        """Annual Sharpe ratio, no risk-free rate; NaN if equity never moved."""
        return self.stats["sharpe_ratio"]

    @property
    def win_rate(self) -> float:
        """Percent of the closed trades with a gain after costs; NaN without one."""
        return 100.0 * self.stats["win_rate"]

    @property
    def funnel(self) -> dict[str, int]:
        """Symbol-bars of the traded span by the gate that blocked an entry, most first; "" passed all."""
        traded = self.decisions.filter(pl.col("bar_close") >= self.equity["bar_close"][0])
        counts = traded["gate"].value_counts(sort=True)
        return dict(zip(counts["gate"].to_list(), counts["count"].to_list(), strict=True))


def run_unified_backtest(
    symbol: str | None = None,
    start_date: Instant = None,
    end_date: Instant = None,
    strategy: str = "adaptive_momentum",
    initial_capital: float = 100_000.0,
    *,
    symbols: Sequence[str] | None = None,
    bars: pl.DataFrame | None = None,
    params: Mapping[str, object] | None = None,
    train_fraction: float = TRAIN_FRACTION,
    execution: Execution | None = None,
    learning: LearningSettings | None = None,
    jobs: int | None = None,
) -> BacktestResult:
    """Backtest a strategy day by day, on the code that also trades.

    Parameters
    ----------
    symbol : str, optional
        One symbol; or give `symbols` to share one account. Default: all in `bars`.
    start_date, end_date : str, date or datetime, optional
        The span, both days included. Features use every earlier bar there is.
    strategy : str
        A name in `STRATEGIES`.
    initial_capital : float
        USD.
    bars : DataFrame, optional
        A bar table; default the embedded sample.
    params : mapping, optional
        Parameters that differ from the strategy's defaults. Unless `max_weight` is
        among them, the symbols share 95 % of the account equally.
    train_fraction : float
        Leading part of the span that is reserved for training and not traded.
    execution : Execution, optional
        Costs and rules of a fill.
    learning : LearningSettings, optional
        How the model of a strategy that has one learns. It learns from the first bar on, and trades
        after the training part.
    jobs : int, optional
        Cores for fits and predictions; all by default. They do not change a bit.

    Returns
    -------
    BacktestResult

    Raises
    ------
    UnknownName, BadValue, NotEnoughHistory
        As `Request.prepare` says.

    Examples
    --------
    >>> result = run_unified_backtest("IBM", "2005-01-01", "2012-12-31")
    >>> result.stats["trades"] > 0
    True
    """
    if symbol is not None and symbols is not None:
        raise BadValue(f"give `symbol` or `symbols`, not both, was {symbol!r} and {list(symbols)}; drop one")
    request = Request(
        strategy=strategy,
        symbols=symbols if symbol is None else [symbol],
        start=start_date,
        end=end_date,
        params=params or {},
        initial_capital=initial_capital,
        train_fraction=train_fraction,
        execution=execution or Execution(),
        learning=learning,
        jobs=jobs,
    )
    return backtest(request, load_sample() if bars is None else bars)


def backtest(
    request: Request, bars: pl.DataFrame, *, on_bars: Callable[[int], None] | None = None
) -> BacktestResult:
    """Run a request over a bar table; `run_unified_backtest` with the request already made.

    `on_bars` is told how many bars a strategy's model has just learned from.
    """
    prepared = request.prepare(bars)
    engine = UnifiedTradingEngine.of(request, prepared, on_bars=on_bars)
    run = engine.advance(prepared.panel)
    return _result(request, prepared, engine, run)


def again(result: BacktestResult, alter: Alter) -> BacktestResult:
    """Return the backtest as it would have been had its model spoken otherwise; nothing is learned anew.

    Parameters
    ----------
    result : BacktestResult
        Of a strategy with a model.
    alter : callable
        Predictions (Q, N, T) as they were to predictions as they are to be.

    Raises
    ------
    BadValue
        The strategy has no model.
    """
    engine = UnifiedTradingEngine.of(result.request, result.prepared, alter=alter)
    if result.run is None:
        raise BadValue(f"this backtest of {result.request.strategy} holds no run to repeat; run it anew")
    return _result(result.request, result.prepared, engine, engine.repeat(result.run))


def _result(
    request: Request, prepared: Prepared, engine: UnifiedTradingEngine, run: Advance
) -> BacktestResult:
    """Take tables and figures from one advance over everything."""
    panel, begin, execution = prepared.panel, prepared.trade_from, request.execution
    orders = orders_frame(run.orders, panel, execution.slippage)
    trades = round_trips(run.orders, panel, execution)
    held = buy_and_hold(panel, begin, request.initial_capital, execution)
    equity = run.equity[begin:]
    totals = engine.account.totals
    traded = np.asarray((orders["quantity"] * orders["price"]).sum())
    activity = activity_figures(equity, run.exposure[begin:], traded, prepared.bars_per_year)
    span = (panel.bar_close[-1] - panel.bar_close[begin]) / np.timedelta64(1, "D")
    stats = {
        **equity_stats(equity, request.initial_capital, prepared.bars_per_year),
        **trade_stats(trades, float(span)),
        **{name: float(value) for name, value in activity.items()},
        "commission_paid": float(totals[ac.A_FEES]),
        "slippage_paid": float(totals[ac.A_SLIPPAGE]),
        "costs_paid": float(totals[ac.A_FEES] + totals[ac.A_SLIPPAGE]),
        "dividends_received": float(totals[ac.A_DIVIDENDS]),
        "ambiguous_bars": float(totals[ac.A_AMBIGUOUS]),
        "final_equity": float(equity[-1]),
    }
    frame = pl.DataFrame(
        {
            "bar_close": panel.bar_close[begin:],
            "equity": equity,
            "cash": run.cash[begin:],
            "exposure": run.exposure[begin:],
            "drawdown": drawdown(np.concatenate(([request.initial_capital], equity)))[1:],
            "buy_and_hold": held.equity,
        }
    ).with_columns(pl.col("bar_close").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    return BacktestResult(
        request=request,
        prepared=prepared,
        stats=stats,
        benchmark=equity_stats(held.equity, request.initial_capital, prepared.bars_per_year),
        equity=frame,
        orders=orders,
        trades=trades,
        decisions=decisions_frame(run, engine.strategy, prepared.first),
        notes=(
            prepared.notes
            + trade_notes(panel, stats, engine.account)
            + model_notes(run.spoken, panel, begin)
            + benchmark_notes(held)
        ),
        run=run,
    )
