"""The tour: the main job on five real stocks, from bars to a replay that makes the same orders.

1. The old rule, the score-based one and the two that ask a model are backtested day by day on one account.
2. A grid of parameters is swept with vectorbt and drawn as a heatmap.
3. The live runner replays the same bars one at a time, and its orders are held
   against the backtest's, number by number.
4. The future is replaced at some instants, and what was known then compared.
5. Report, heatmap, signals and tables are written to a folder.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from joblib import Parallel, delayed
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from live.replay import open_replay
from research.compiling import compile_kernels, is_compiled
from research.data import load_sample
from research.errors import OnepathError
from research.evidence.audit import audit
from research.evidence.audit_setup import audit_bars, audit_settings
from research.files import output_folder
from research.learning.settings import LearningSettings
from research.report.export import export_signals, write_table
from research.report.tearsheet import report_html, summary, write_text
from research.report.terminal import beside, notes_of
from research.request import TRAIN_FRACTION, Request
from research.simulation.backtest import BacktestResult, backtest
from research.simulation.sweep import SweepResult, sweep
from research.strategies import strategy_named

__all__ = ["GRID", "matched_orders", "tour"]

STRATEGIES = ("ma_crossover", "adaptive_momentum", "ml_driven", "mean_reversion_ml")
# Replayed from this day on; bar by bar a model is asked thousands of times, so its replay is the shorter one.
REPLAYED: dict[str, str | None] = {"ma_crossover": None, "adaptive_momentum": None, "ml_driven": "2012-01-01"}
SWEPT = "adaptive_momentum"
AUDITED, INSTANTS = "ml_driven", 4
KINDS = "ma_crossover is the old rule, adaptive_momentum reads scores, the other two ask their models"
# Lighter than the defaults, so that the tour stays a minute; the tour says so.
LEARNING = LearningSettings(
    learners=("random_forest", "lightgbm"), retrain_every=252, max_rows=600, importance=False
)
# 15 × 9 × 8 = 1,080 cells, each on every symbol.
GRID: dict[str, list[float]] = {
    "threshold": [round(0.1 * i, 1) for i in range(15)],
    "stop_atr": [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
    "min_trend": [20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0],
}
# Figures and headings short enough for 80 characters.
SHOWN = {
    "trades_per_month": "per month",
    "total_return": "return",
    "sharpe_ratio": "Sharpe",
    "max_drawdown": "drawdown",
    "exposure": "exposure",
    "costs_paid": "costs",
}


def tour(out: Path, console: Console | None = None) -> dict[str, Any]:
    """Run the tour and write its files to `out`; return what summary.json says.

    Raises
    ------
    OutputError
        `out` cannot be written; nothing was run.
    OnepathError
        A replay's orders differ from its backtest's; the files are written all the same.
    """
    folder = output_folder(out)
    console = console or Console(highlight=False)
    bars = load_sample()
    symbols = bars["symbol"].unique().sort().to_list()
    span = f"{str(bars['bar_close'].min())[:10]} to {str(bars['bar_close'].max())[:10]}"
    console.print(f"[bold]onepath[/] on {bars.height:,} daily bars of {', '.join(symbols)}, {span}")
    console.print(
        f"models here are {len(LEARNING.learners)} learners, fitted every {LEARNING.retrain_every} bars on "
        f"{LEARNING.max_rows} rows at most: lighter than the defaults"
    )
    if not is_compiled():
        with _progress(console) as progress:
            progress.add_task("first run: compiling kernels", total=None)
            compile_kernels()
    console.print()

    with _progress(console) as progress:
        task = progress.add_task("backtests", total=len(STRATEGIES))
        results: list[BacktestResult] = []
        for name in STRATEGIES:
            results.append(backtest(_request(name), bars))
            progress.advance(task)
    runs = {r.request.strategy: r.stats for r in results} | {"buy and hold": results[0].benchmark}
    begin, end = results[0].equity["bar_close"][0], results[0].equity["bar_close"][-1]
    title = f"Backtests on one account, traded {begin:%Y-%m-%d} to {end:%Y-%m-%d}, after costs"
    console.print(beside(runs, title, SHOWN))
    console.print(KINDS)
    for note in notes_of(results):
        console.print(f"note: {escape(note)}")

    # In no ledger: the tour is no search of its user's, whose later winners it would weigh on.
    swept = sweep(bars, SWEPT, GRID, ledger=None)
    console.print(
        f"\n{swept.metrics.height:,} backtests swept: {_cells():,} cells of {SWEPT} × {len(symbols)} symbols"
    )
    for note in swept.notes:
        console.print(f"note: {escape(note)}")

    tested = {r.request.strategy: r.orders for r in results}
    found = {}
    # The folder is ours, not theirs: of a process that is ended after Ctrl-C nobody would clear it away.
    with tempfile.TemporaryDirectory() as scratch, _progress(console) as progress:
        calls = [
            delayed(_replay)(
                _request(name, start), bars, tested[name] if start is None else None,
                Path(scratch) / f"{name}.sqlite",
            )
            # The longest first, so that the others share what is left of the cores.
            for name, start in sorted(REPLAYED.items(), key=lambda asked: asked[1] is None)
        ]  # fmt: skip
        task = progress.add_task("replays", total=len(calls))
        # As many processes as the audit asks for, which then finds them running.
        for name, replay in Parallel(n_jobs=os.cpu_count() or 1, return_as="generator_unordered")(calls):
            found[name] = replay
            progress.advance(task)
    replays = {name: found[name] for name in REPLAYED}
    for name, replay in replays.items():
        since = "" if REPLAYED[name] is None else f" from {REPLAYED[name]}"
        console.print(
            f"live.runner --replay, {name}{since}: {replay['orders']} orders, {replay['matched']} of the "
            f"backtest's {replay['backtest']} matched in every number"
        )

    with _progress(console) as progress:
        task = progress.add_task(f"audit {AUDITED}", total=INSTANTS)
        audited = audit(
            audit_bars(bars),
            AUDITED,
            instants=INSTANTS,
            jobs=os.cpu_count() or 1,
            learning=audit_settings(),
            on_step=partial(progress.advance, task),
        )
    console.print(
        f"audit of {AUDITED}: the future replaced at {INSTANTS} instants, {audited.differences} "
        "differences in what was known; python -m research audit asks all four strategies, and planted leaks"
    )

    told = {
        **summary(results),
        "audit": {"strategy": AUDITED, "instants": INSTANTS, "differences": audited.differences},
        "sweep": _sweep_summary(swept),
        "replay": replays,
    }
    _write(folder, bars, results, swept, told, console)
    for name, replay in replays.items():
        if not replay["orders"] == replay["matched"] == replay["backtest"]:
            raise OnepathError(
                f"the replay of {name} differs from its backtest, which must never happen; "
                f"report it together with {folder}"
            )
    return told


def _request(name: str, start: str | None = None) -> Request:
    """Return the run of a strategy, its model learning as the tour has time for.

    With a start, the bars before it are there to learn from, so none of the span is reserved.
    """
    return Request(
        name,
        start=start,
        train_fraction=TRAIN_FRACTION if start is None else 0.0,
        learning=LEARNING if strategy_named(name).model is not None else None,
    )


def _replay(
    request: Request, bars: pl.DataFrame, tested: pl.DataFrame | None, journal: Path
) -> tuple[str, dict[str, int]]:
    """Replay a strategy through the live runner, and backtest it unless given the orders of that.

    Returns
    -------
    str, dict
        The strategy; how many orders the replay and the backtest made, and how many are the same.
    """
    if tested is None:
        tested = backtest(request, bars).orders
    replay = open_replay(request, bars, journal)
    replay.runner.run()
    fills = replay.journal.rows(
        "SELECT bar_close, symbol, side, reason, quantity, price, fee FROM fills ORDER BY seq"
    )
    replay.journal.close()
    matched = matched_orders(fills, tested)
    return request.strategy, {"orders": len(fills), "matched": matched, "backtest": tested.height}


def matched_orders(replayed: Sequence[tuple[object, ...]], tested: pl.DataFrame) -> int:
    """Return how many orders of a journal and a backtest are the same, in turn and to the bit.

    Parameters
    ----------
    replayed : sequence of tuple
        bar_close (ISO text), symbol, side (+1, −1), reason, quantity, price, fee.
    tested : DataFrame
        `BacktestResult.orders`.
    """
    rows = tested.select(
        pl.col("bar_close").dt.replace_time_zone(None).dt.strftime("%Y-%m-%dT%H:%M:%S"),
        "symbol",
        pl.when(pl.col("side") == "buy").then(1).otherwise(-1),
        "reason",
        "quantity",
        "price",
        "fee",
    ).rows()
    ours = [(str(row[0])[:19], *row[1:]) for row in replayed]
    return sum(one == other for one, other in zip(ours, rows, strict=False))


def _cells() -> int:
    return int(np.prod([len(values) for values in GRID.values()]))


def _sweep_summary(swept: SweepResult) -> dict[str, object]:
    return {
        "strategy": SWEPT,
        "grid": GRID,
        "cells": _cells(),
        "backtests": swept.metrics.height,
        "notes": list(swept.notes),
    }


def _write(
    folder: Path,
    bars: pl.DataFrame,
    results: list[BacktestResult],
    swept: SweepResult,
    told: dict[str, Any],
    console: Console,
) -> None:
    """Write everything the tour made, and say where."""
    heatmap = swept.heatmap("threshold", "stop_atr", "sharpe_ratio")
    named = [(r.request.strategy, r) for r in results]
    trades = pl.concat([r.trades.select(pl.lit(name).alias("strategy"), pl.all()) for name, r in named])
    write_text(report_html(results), folder / "report.html")
    write_text(heatmap.to_html(include_plotlyjs=True, config={"displaylogo": False}), folder / "heatmap.html")
    export_signals(bars, folder / "signals.csv", SWEPT)
    write_table(trades, folder / "trades.csv")
    write_text(json.dumps(told, indent=2) + "\n", folder / "summary.json")
    console.print(f"\nwritten to {escape(str(folder.resolve()))}:")
    for name, what in (
        ("report.html", "equity, drawdown, trades, weights of the models, what blocked entries"),
        ("heatmap.html", "Sharpe ratio over the grid, further parameters on sliders"),
        ("signals.csv", "every score, entry, exit, weight, stop, target, trail"),
        ("trades.csv", "round trips of all strategies"),
        ("summary.json", "every figure"),
    ):
        console.print(f"  {name:<13} {what}")


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
