"""Results as terminal tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import polars as pl
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from research.evidence.baselines import Null
from research.evidence.influence import Influence
from research.simulation.backtest import BacktestResult

__all__ = [
    "BESIDE",
    "ROWS",
    "beside",
    "comparison",
    "figure",
    "notes_of",
    "null_told",
    "share",
    "show_evidence",
    "show_result",
]


def _percent(value: float) -> str:
    return f"{100.0 * value:+.1f} %"


def share(value: float) -> str:
    """Return a fraction as percent without a sign."""
    return f"{100.0 * value:.1f} %"


def _number(value: float) -> str:
    return f"{value:.2f}"


def _count(value: float) -> str:
    return f"{value:.0f}"


def _money(value: float) -> str:
    return f"{value:,.0f} USD"


# Figure, label, format: the order of every table that shows results side by side.
ROWS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "trades_per_month": ("trades per month", _number),
    "trades": ("closed trades", _count),
    "total_return": ("total return", _percent),
    "annual_return": ("annual return", _percent),
    "volatility": ("annual volatility", share),
    "sharpe_ratio": ("Sharpe ratio", _number),
    "sortino_ratio": ("Sortino ratio", _number),
    "calmar_ratio": ("Calmar ratio", _number),
    "max_drawdown": ("maximum drawdown", _percent),
    "max_drawdown_bars": ("longest drawdown, bars", _count),
    "win_rate": ("win rate", share),
    "profit_factor": ("profit factor", _number),
    "expectancy": ("expectancy per trade", _money),
    "average_trade": ("average trade", _percent),
    "exposure": ("average exposure", share),
    "turnover": ("turnover per year, × equity", _number),
    "costs_paid": ("costs paid", _money),
    "dividends_received": ("dividends received", _money),
    "ambiguous_bars": ("bars with stop and target, stop taken", _count),
}
# Of a run and those it is held against: the figures, and headings short enough for 80 characters.
BESIDE: Mapping[str, str] = {
    "trades": "trades",
    "total_return": "return",
    "sharpe_ratio": "Sharpe",
    "max_drawdown": "drawdown",
    "exposure": "exposure",
    "costs_paid": "costs",
}


def figure(key: str, stats: Mapping[str, float]) -> str:
    """Return one figure as text; what its data cannot say is an en dash."""
    value = stats.get(key, math.nan)
    return "–" if math.isnan(value) else ROWS[key][1](value)


def comparison(
    columns: Mapping[str, Mapping[str, float]], title: str, keys: Sequence[str] | None = None
) -> Table:
    """Return a table with one row per figure and one column per run."""
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    table.add_column("")
    for name in columns:
        table.add_column(escape(name), justify="right")
    for key in keys or ROWS:
        table.add_row(ROWS[key][0], *(figure(key, stats) for stats in columns.values()))
    return table


def beside(runs: Mapping[str, Mapping[str, float]], title: str, heads: Mapping[str, str] = BESIDE) -> Table:
    """Return a table with one row per run: many runs, few figures (key: heading), 80 characters."""
    # Without lines between columns the names fit too.
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=SIMPLE,
                  show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))  # fmt: skip
    table.add_column("", no_wrap=True)
    for head in heads.values():
        table.add_column(head, justify="right", no_wrap=True)
    for name, stats in runs.items():
        table.add_row(escape(name), *(figure(key, stats) for key in heads))
    return table


def notes_of(results: Sequence[BacktestResult]) -> list[str]:
    """Return what the figures do not say by themselves: each note once, before it those whom it is about."""
    about: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            about.setdefault(note, []).append(result.request.strategy)
    return [
        note if len(names) == len(results) else f"{', '.join(names)}: {note}" for note, names in about.items()
    ]


def show_result(result: BacktestResult, console: Console | None = None) -> None:
    """Print a backtest's figures, what blocked its entries, and its notes."""
    console = console or Console(highlight=False)
    panel, first = result.prepared.panel, result.prepared.trade_from
    span = f"{str(panel.bar_close[first])[:10]} to {str(panel.bar_close[-1])[:10]}"
    title = f"{result.request.strategy} on {', '.join(panel.symbols)}, traded {span}"
    console.print(
        comparison({result.request.strategy: result.stats, "buy and hold": result.benchmark}, title)
    )
    blocked = {name: count for name, count in result.funnel.items() if name}
    if blocked:
        console.print(
            "entries blocked by: " + ", ".join(f"{escape(name)} {count}" for name, count in blocked.items())
        )
    for note in result.notes:
        console.print(f"note: {escape(note)}")


def null_told(null: Null) -> str:
    """Return what the circular-shift null says, in words."""
    if math.isnan(null.p_value):
        return "no p-value, for too little was held to be shifted"
    return (
        f"p = {null.p_value:.3f} that its positions at another time had its Sharpe ratio "
        f"({null.shifts:,} circular shifts)"
    )


def show_evidence(
    result: BacktestResult,
    found: Mapping[str, Mapping[str, float]],
    null: Null,
    heard: Influence,
    curve: pl.DataFrame,
    console: Console | None = None,
) -> None:
    """Print what stands beside a strategy with a model: baselines, null, influence, coverage.

    Parameters
    ----------
    result : BacktestResult
    found : mapping
        `baselines`.
    null : Null
    heard : Influence
    curve : DataFrame
        `coverage_curve`.
    """
    console = console or Console(highlight=False)
    runs = {result.request.strategy: result.stats, **found}
    console.print(beside(runs, "Beside it, on the same bars at the same costs"))
    console.print(f"null: {null_told(null)}")
    for name, one in heard.changes.items():
        sizes = "" if math.isnan(one.sizes) else f", {share(one.sizes)} of the sizes in common"
        console.print(
            f"{name} predictions change {share(one.entries)} of the entries{sizes} "
            f"({one.before} before, {one.after} after)"
        )
    console.print(f"model-influence gate: {heard.strategy} {heard.verdict}")
    asked = result.prepared.params.get("min_confidence")
    table = Table(title="Accuracy where the model is surer", title_justify="left", title_style="bold")
    for head in ("confidence above", "coverage", "accuracy", "always yes", "labels", "effective"):
        table.add_column(head, justify="right")
    for row in curve.iter_rows(named=True):
        here = asked is not None and abs(row["threshold"] - asked) < 1e-9
        if not (here or round(row["threshold"] * 100) % 20 == 0):
            continue
        table.add_row(
            f"{row['threshold']:.2f}{' (asked)' if here else ''}",
            *(share(row[name]) for name in ("coverage", "accuracy", "won")),
            *(_count(row[name]) for name in ("n", "effective_n")),
        )
    console.print(table)
