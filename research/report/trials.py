"""The trial ledger as a terminal table."""

from __future__ import annotations

import math

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from research.errors import UnknownName
from research.evidence.ledger import Ledger
from research.evidence.sharpe import expected_maximum

__all__ = ["show_ledger"]


def show_ledger(ledger: Ledger, strategy: str | None = None, console: Console | None = None) -> None:
    """Print one row per strategy and data, and one for all trials of a strategy together.

    Parameters
    ----------
    ledger : Ledger
    strategy : str, optional
        Only this one.
    console : Console, optional

    Raises
    ------
    UnknownName
        The ledger holds no trial of that strategy; the nearest one is offered.
    """
    console = console or Console(highlight=False)
    groups = ledger.groups()
    if groups.is_empty():
        console.print(f"no trials yet in {escape(str(ledger.path))}; every sweep writes its cells there")
        return
    known = groups["strategy"].unique().to_list()
    if strategy is not None and strategy not in known:
        raise UnknownName("strategy in the ledger", strategy, known)
    table = Table(title=f"trials in {escape(str(ledger.path))}", title_justify="left", title_style="bold")
    for name in ("strategy", "symbols", "data", "span"):
        table.add_column(name)
    for name in ("trials", "traded", "independent", "best Sharpe", "luck alone", "last run"):
        table.add_column(name, justify="right")
    for name in sorted(known) if strategy is None else [strategy]:
        parts = groups.filter(pl.col("strategy") == name)
        for part in parts.iter_rows(named=True):
            span = f"{part['first']:.10} to {part['last']:.10}"
            table.add_row(
                name, part["symbols"], part["data"][:8], span, *_figures(ledger, part, part["data"])
            )
        if parts.height > 1:
            whole = parts.select(
                pl.col("trials").sum(),
                pl.col("best").max(),
                pl.col("run_at").max(),
                pl.col("periods_per_year").max(),
            ).row(0, named=True)
            table.add_row(
                name, "all", "", "", *_figures(ledger, {**whole, "strategy": name}, None), style="bold"
            )
    console.print(table)
    console.print(
        "independent: effective rank of the trials' returns; Sharpe ratios are annual; luck alone: "
        "the best that so many independent worthless trials are expected to show (2014 convention)"
    )


def _figures(ledger: Ledger, part: dict[str, object], data: str | None) -> tuple[str, ...]:
    """Return the figures of some trials, as text."""
    year = float(str(part["periods_per_year"]))
    found = ledger.deflation(year, str(part["strategy"]), data)
    luck = math.sqrt(found.variance * year) * expected_maximum(max(1.0, found.effective))
    best = "–" if part["best"] is None else f"{part['best']:.2f}"
    return (
        f"{part['trials']:,}", f"{found.trials:,}", f"{found.effective:.1f}", best, f"{luck:.2f}",
        f"{part['run_at']:.10}",
    )  # fmt: skip
