"""Performance figures of equity curves and of their round trips.

In: equity at each close, of one account or of many side by side, and what their trades brought. Out: plain
floats for one account, arrays for many. Each formula is written once, along the last axis, so a sweep and a
backtest speak of the same numbers. The definitions are vectorbt's wherever it has the figure (a test compares
them).

Fractions unless a name ends in `_pct`. A figure that its data cannot say (no
trade, no variance) is NaN, never 0.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["activity_figures", "drawdown", "equity_figures", "equity_stats", "trade_figures", "trade_stats"]

F64 = NDArray[np.float64]
_DAYS_PER_MONTH = 365.25 / 12


_SHORTEST_YEARS = 1.0 / 12.0
_ROUNDING = 1e-12  # a spread this small beside the mean is the rounding of equal returns


def drawdown(equity: F64) -> F64:
    """Return the fraction below the running peak, ≤ 0.

    Parameters
    ----------
    equity : (..., T) float64
        Account value at each close, beginning with the initial capital.

    Examples
    --------
    >>> drawdown(np.array([100.0, 120.0, 90.0])).tolist()
    [0.0, 0.0, -0.25]
    """
    return np.asarray(equity / np.maximum.accumulate(equity, axis=-1) - 1.0)


def _longest_below_peak(depth: F64) -> F64:
    """Bars of the longest stretch below a peak; `depth` begins at one."""
    bar = np.arange(depth.shape[-1])
    at_peak = np.maximum.accumulate(np.where(depth < 0.0, 0, bar), axis=-1)
    return np.asarray(np.max(bar - at_peak, axis=-1), dtype=np.float64)


def _ratio(above: F64 | float, below: F64 | float) -> F64:
    """Return above / below where below is positive, else NaN."""
    above, below = np.broadcast_arrays(above, below)
    out = np.full(below.shape, np.nan)
    np.divide(above, below, out=out, where=below > 0.0)
    return out


def equity_figures(equity: F64, initial_capital: float, bars_per_year: float) -> dict[str, F64]:
    """Return return and risk figures of equity curves.

    Parameters
    ----------
    equity : (..., T) float64
        Account value at each close of the traded span.
    initial_capital : float
        Account value before the first of them.
    bars_per_year : float
        Bars in a year, by interval and exchange calendar.

    Returns
    -------
    dict of (...,) float64
        total_return, annual_return, volatility (annual, ddof 1), sharpe_ratio,
        sortino_ratio, calmar_ratio, max_drawdown (≤ 0), max_drawdown_bars.

    Notes
    -----
    NaN: annual figures of returns where equity was ever 0 or less, annual_return and
    calmar_ratio over less than a twelfth of a year, ratios whose risk is 0.

    Sharpe: mean / std (ddof 1) of the bar returns × √bars_per_year (Sharpe 1994,
    "The Sharpe Ratio", no risk-free rate). Sortino: mean × bars_per_year over the
    annual root mean square of the returns below 0 (Sortino & Price 1994). Calmar:
    annual return over the deepest drawdown (Young 1991).

    Examples
    --------
    >>> equity_figures(np.array([[101.0, 102.0], [100.0, 90.0]]), 100.0, 252.0)["max_drawdown"].tolist()
    [0.0, -0.09999999999999998]
    """
    first = np.full((*equity.shape[:-1], 1), initial_capital)
    path = np.concatenate((first, equity), axis=-1)
    returns = np.diff(path, axis=-1) / path[..., :-1]
    total = path[..., -1] / path[..., 0] - 1.0
    years = returns.shape[-1] / bars_per_year
    # Over a short span the power may overflow; such an annual return is not given below.
    exponent = 1.0 / max(years, _SHORTEST_YEARS)
    annual = np.where(total > -1.0, np.maximum(1.0 + total, 0.0) ** exponent - 1.0, -1.0)
    known = returns.shape[-1] > 1
    std = np.std(returns, axis=-1, ddof=1) if known else np.full(total.shape, np.nan)
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2, axis=-1))
    depth = drawdown(path)
    deepest = np.min(depth, axis=-1)
    mean = np.mean(returns, axis=-1)
    root = math.sqrt(bars_per_year)
    # A year cannot be told from days, a ratio from rounding, a return from nothing or less.
    annual = np.where(years < _SHORTEST_YEARS, np.nan, annual)
    std = np.where(std < _ROUNDING * np.abs(mean), 0.0, std)
    ruined = np.min(path, axis=-1) <= 0.0
    annual, std, downside = (np.where(ruined, np.nan, figure) for figure in (annual, std, downside))
    return {
        "total_return": total,
        "annual_return": annual,
        "volatility": std * root,
        "sharpe_ratio": _ratio(mean, std) * root,
        "sortino_ratio": _ratio(mean * bars_per_year, downside * root),
        "calmar_ratio": _ratio(annual, -deepest),
        "max_drawdown": deepest,
        "max_drawdown_bars": _longest_below_peak(depth),
    }


def equity_stats(equity: F64, initial_capital: float, bars_per_year: float) -> dict[str, float]:
    """Return `equity_figures` of one curve, (T,) float64, as floats.

    Examples
    --------
    >>> round(equity_stats(np.array([101.0, 102.0]), 100.0, 252.0)["total_return"], 9)
    0.02
    """
    figures = equity_figures(equity, initial_capital, bars_per_year)
    return {name: float(value) for name, value in figures.items()}


def trade_figures(
    pnl: F64, returns: F64, bars_held: F64, account: NDArray[np.int64], n_accounts: int
) -> dict[str, F64]:
    """Return figures of the closed round trips of many accounts.

    Parameters
    ----------
    pnl : (M,) float64
        USD a closed trade brought, net of all costs.
    returns : (M,) float64
        pnl over the entry's notional.
    bars_held : (M,) float64
    account : (M,) int64
        Whose trade it was, 0 to n_accounts − 1.
    n_accounts : int

    Returns
    -------
    dict of (n_accounts,) float64
        trades (closed), win_rate, profit_factor, expectancy (USD a trade),
        average_trade (mean return), average_bars_held; NaN where there was no trade.

    Examples
    --------
    >>> one = trade_figures(np.array([3.0, -1.0]), np.zeros(2), np.ones(2), np.zeros(2, np.int64), 1)
    >>> float(one["win_rate"][0]), float(one["profit_factor"][0])
    (0.5, 3.0)
    """

    def summed(values: F64) -> F64:
        return np.asarray(np.bincount(account, weights=values, minlength=n_accounts), dtype=np.float64)

    count = summed(np.ones(pnl.size))
    return {
        "trades": count,
        "win_rate": _ratio(summed(np.where(pnl > 0.0, 1.0, 0.0)), count),
        "profit_factor": _ratio(summed(np.maximum(pnl, 0.0)), summed(np.maximum(-pnl, 0.0))),
        "expectancy": _ratio(summed(pnl), count),
        "average_trade": _ratio(summed(returns), count),
        "average_bars_held": _ratio(summed(bars_held), count),
    }


def trade_stats(trades: pl.DataFrame, span_days: float) -> dict[str, float]:
    """Return `trade_figures` of one account's trades table, and how often it traded.

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
    pnl, returns, held = (closed[name].to_numpy() for name in ("pnl", "return", "bars_held"))
    figures = trade_figures(pnl, returns, held.astype(np.float64), np.zeros(pnl.size, dtype=np.int64), 1)
    months = span_days / _DAYS_PER_MONTH
    return {
        "trades": float(pnl.size),
        "open_trades": float(trades.height - pnl.size),
        "trades_per_month": float(_ratio(float(trades.height), months)),
        **{name: float(value[0]) for name, value in figures.items() if name != "trades"},
    }


def activity_figures(equity: F64, exposure: F64, traded: F64, bars_per_year: float) -> dict[str, F64]:
    """Return how much accounts were invested and how much they turned over.

    Parameters
    ----------
    equity, exposure : (..., T) float64
        USD and signed fraction of equity at each close of the traded span.
    traded : (...,) float64
        USD bought and sold in it.
    bars_per_year : float

    Returns
    -------
    dict of (...,) float64
        exposure (mean, signed), time_in_market (fraction of the bars), turnover
        (times the mean equity was traded in a year, both sides counted).

    Examples
    --------
    >>> float(activity_figures(np.array([100.0, 100.0]), np.array([0.0, 0.5]), 50.0, 1.0)["exposure"])
    0.25
    """
    years = equity.shape[-1] / bars_per_year
    return {
        "exposure": np.mean(exposure, axis=-1),
        "time_in_market": np.mean(exposure != 0.0, axis=-1),
        "turnover": traded / np.mean(equity, axis=-1) / years,
    }
