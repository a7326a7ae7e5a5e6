"""Performance figures of an equity curve and of its round trips.

In: equity at each close, and a trades table. Out: a dict of plain floats. The
definitions are vectorbt's wherever it has the figure (a test compares them), so
a sweep and a backtest speak of the same numbers.

Fractions unless a name ends in `_pct`. A figure that its data cannot say (no
trade, no variance) is NaN, never 0.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["drawdown", "equity_stats", "trade_stats"]

_DAYS_PER_MONTH = 365.25 / 12


def drawdown(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fraction below the running peak, ≤ 0.

    Parameters
    ----------
    equity : (T,) float64
        Account value at each close, beginning with the initial capital.

    Examples
    --------
    >>> drawdown(np.array([100.0, 120.0, 90.0])).tolist()
    [0.0, 0.0, -0.25]
    """
    return np.asarray(equity / np.maximum.accumulate(equity) - 1.0)


def _longest_below_peak(depth: NDArray[np.float64]) -> int:
    """Bars of the longest stretch below a peak."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (depth < 0.0).astype(np.int8), [0]))))
    return int(np.max(edges[1::2] - edges[::2])) if edges.size else 0


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan


def equity_stats(
    equity: NDArray[np.float64],
    initial_capital: float,
    bars_per_year: float,
) -> dict[str, float]:
    """Return return and risk figures of an equity curve.

    Parameters
    ----------
    equity : (T,) float64
        Account value at each close of the traded span.
    initial_capital : float
        Account value before the first of them.
    bars_per_year : float
        Bars in a year, by interval and exchange calendar.

    Returns
    -------
    dict
        total_return, annual_return, volatility (annual, ddof 1), sharpe_ratio,
        sortino_ratio, calmar_ratio, max_drawdown (≤ 0), max_drawdown_bars.

    Notes
    -----
    Sharpe: mean / std (ddof 1) of the bar returns × √bars_per_year (Sharpe 1994,
    "The Sharpe Ratio", no risk-free rate). Sortino: mean × bars_per_year over the
    annual root mean square of the returns below 0 (Sortino & Price 1994). Calmar:
    annual return over the deepest drawdown (Young 1991).

    Examples
    --------
    >>> round(equity_stats(np.array([101.0, 102.0]), 100.0, 252.0)["total_return"], 9)
    0.02
    """
    path = np.concatenate(([initial_capital], equity))
    returns = np.diff(path) / path[:-1]
    total = path[-1] / path[0] - 1.0
    annual = (1.0 + total) ** (bars_per_year / returns.size) - 1.0 if total > -1.0 else -1.0
    std = float(np.std(returns, ddof=1)) if returns.size > 1 else math.nan
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    depth = drawdown(path)
    deepest = float(depth.min())
    mean = float(np.mean(returns))
    return {
        "total_return": float(total),
        "annual_return": float(annual),
        "volatility": std * math.sqrt(bars_per_year),
        "sharpe_ratio": _ratio(mean, std) * math.sqrt(bars_per_year),
        "sortino_ratio": _ratio(mean * bars_per_year, downside * math.sqrt(bars_per_year)),
        "calmar_ratio": _ratio(float(annual), -deepest),
        "max_drawdown": deepest,
        "max_drawdown_bars": float(_longest_below_peak(depth)),
    }


def trade_stats(trades: pl.DataFrame, span_days: float) -> dict[str, float]:
    """Return figures of the closed round trips.

    Parameters
    ----------
    trades : DataFrame
        As `simulation.trades.round_trips` makes it: status, pnl (USD, net of all
        costs), return (fraction of the entry's notional), bars_held.
    span_days : float
        Calendar days of the traded span.

    Returns
    -------
    dict
        trades (closed), open_trades, trades_per_month (entries, open ones
        included), win_rate, profit_factor, expectancy (USD a trade), average_trade
        (mean return), average_bars_held.
    """
    closed = trades.filter(pl.col("status") == "closed")
    pnl = closed["pnl"].to_numpy()
    wins, losses = pnl[pnl > 0.0], pnl[pnl < 0.0]
    months = span_days / _DAYS_PER_MONTH
    some = pnl.size > 0
    return {
        "trades": float(pnl.size),
        "open_trades": float(trades.height - pnl.size),
        "trades_per_month": _ratio(float(trades.height), months),
        "win_rate": wins.size / pnl.size if some else math.nan,
        "profit_factor": _ratio(float(wins.sum()), float(-losses.sum())),
        "expectancy": float(pnl.mean()) if some else math.nan,
        "average_trade": float(closed["return"].to_numpy().mean()) if some else math.nan,
        "average_bars_held": float(closed["bars_held"].to_numpy().mean()) if some else math.nan,
    }
