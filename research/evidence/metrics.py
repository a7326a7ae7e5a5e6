"""Performance figures of equity curves and of their round trips.

In: equity at each close, of one account or of many side by side, and what their trades brought; or the sums
of them that a sweep gathered (`research.kernels.sums`). Out: plain floats for one account, arrays for many.
Curves are summed by the kernel that a sweep uses, and each formula over the sums is written once, so a sweep
and a backtest speak of the same numbers. The definitions are vectorbt's wherever it has the figure (a test
compares them).

Fractions unless a name ends in `_pct`. A figure that its data cannot say (no
trade, no variance) is NaN, never 0.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.kernels.sums import N_SUMS, SUMS, curves_nb, trips_nb

__all__ = ["activity_figures", "all_figures", "drawdown", "equity_figures", "equity_stats", "trade_stats"]

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


def _gathered(equity: F64, initial_capital: float, exposure: F64 | None = None) -> NDArray[np.void]:
    """Return the sums of curves, (..., T), as records, (...,)."""
    shape, bars = equity.shape[:-1], equity.shape[-1]
    count = math.prod(shape)
    sums = np.zeros((count, N_SUMS))
    known = np.empty((count, 0)) if exposure is None else np.ascontiguousarray(exposure).reshape(count, bars)
    curves_nb(np.ascontiguousarray(equity).reshape(count, bars), known, initial_capital, sums)
    return sums.view(SUMS)[:, 0].reshape(shape)


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
    return _equity_figures(_gathered(equity, initial_capital), bars_per_year)


def _equity_figures(sums: NDArray[np.void], bars_per_year: float) -> dict[str, F64]:
    """Return `equity_figures` of sums."""
    bars = sums["bars"]
    total = sums["last"] / sums["first"] - 1.0
    years = bars / bars_per_year
    # Over a short span the power may overflow; such an annual return is not given below.
    exponent = 1.0 / np.maximum(years, _SHORTEST_YEARS)
    annual = np.where(total > -1.0, np.maximum(1.0 + total, 0.0) ** exponent - 1.0, -1.0)
    mean = sums["shift"] + sums["rise"] / bars
    spread = np.maximum(sums["square"] - sums["rise"] ** 2 / bars, 0.0)
    std = np.sqrt(spread / np.where(bars > 1.0, bars - 1.0, np.nan))
    downside = np.sqrt(sums["downside"] / bars)
    deepest = sums["deepest"]
    root = math.sqrt(bars_per_year)
    # A year cannot be told from days, a ratio from rounding, a return from nothing or less.
    annual = np.where(years < _SHORTEST_YEARS, np.nan, annual)
    std = np.where(std < _ROUNDING * np.abs(mean), 0.0, std)
    ruined = sums["least"] <= 0.0
    annual, std, downside = (np.where(ruined, np.nan, figure) for figure in (annual, std, downside))
    return {
        "total_return": total,
        "annual_return": annual,
        "volatility": std * root,
        "sharpe_ratio": _ratio(mean, std) * root,
        "sortino_ratio": _ratio(mean * bars_per_year, downside * root),
        "calmar_ratio": _ratio(annual, -deepest),
        "max_drawdown": deepest,
        "max_drawdown_bars": sums["longest"],
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


def _trade_figures(sums: NDArray[np.void]) -> dict[str, F64]:
    """Return figures of the closed round trips; NaN where there was none."""
    count = sums["trades"]
    return {
        "trades": count,
        "win_rate": _ratio(sums["wins"], count),
        "profit_factor": _ratio(sums["gained"], sums["lost"]),
        "expectancy": _ratio(sums["pnl"], count),
        "average_trade": _ratio(sums["returned"], count),
        "average_bars_held": _ratio(sums["held"], count),
    }


def all_figures(sums: F64, bars_per_year: float) -> dict[str, F64]:
    """Return every figure of many accounts.

    Parameters
    ----------
    sums : (C, N_SUMS) float64
        From `research.kernels.settle`.
    bars_per_year : float

    Returns
    -------
    dict of (C,) float64
        Those of `equity_figures`; trades (closed), win_rate, profit_factor, expectancy (USD a trade),
        average_trade (mean return), average_bars_held; those of `activity_figures`.
    """
    rows = sums.view(SUMS)[:, 0]
    return {
        **_equity_figures(rows, bars_per_year),
        **_trade_figures(rows),
        **_activity_figures(rows, bars_per_year),
    }


def trade_stats(trades: pl.DataFrame, span_days: float) -> dict[str, float]:
    """Return the figures of one account's trades table, and how often it traded.

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
    pnl, returned, held = (
        np.ascontiguousarray(closed[name].to_numpy(), dtype=np.float64)
        for name in ("pnl", "return", "bars_held")
    )
    sums = np.zeros((1, N_SUMS))
    trips_nb(pnl, returned, held, sums)
    figures = _trade_figures(sums.view(SUMS)[0])
    months = span_days / _DAYS_PER_MONTH
    return {
        "trades": float(closed.height),
        "open_trades": float(trades.height - closed.height),
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
    sums = _gathered(equity, 1.0, exposure)
    sums["traded"] = traded
    return _activity_figures(sums, bars_per_year)


def _activity_figures(sums: NDArray[np.void], bars_per_year: float) -> dict[str, F64]:
    """Return `activity_figures` of sums."""
    bars = sums["bars"]
    return {
        "exposure": sums["exposed"] / bars,
        "time_in_market": sums["invested"] / bars,
        "turnover": sums["traded"] / (sums["worth"] / bars) / (bars / bars_per_year),
    }
