"""An audit in the terminal: how it was set up, what the clean pipelines showed, which leaks were caught."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from research.errors import OnepathError
from research.evidence.audit import AuditResult, audit, catch_leaks, plantable_leaks
from research.evidence.audit_setup import AFTER, audit_bars, audit_settings
from research.evidence.futures import KINDS
from research.evidence.instants import require_asked
from research.evidence.leaks import planted_leaks
from research.learning.settings import LearningSettings
from research.request import Request
from research.strategies import STRATEGIES, strategy_named

__all__ = ["run_audit", "verdict"]


def run_audit(
    bars: pl.DataFrame,
    strategies: Sequence[str] | None = None,
    *,
    instants: int = 32,
    seed: int = 7,
    jobs: int = 1,
    console: Console | None = None,
) -> None:
    """Audit strategies and planted leaks with a progress bar, and print one table.

    Parameters
    ----------
    bars : DataFrame
        Cut to the span of an audit here.
    strategies : sequence of str, optional
        Default: all.
    instants, seed, jobs
        As for `audit`.
    console : rich.console.Console, optional

    Raises
    ------
    OnepathError
        A clean pipeline showed a difference, or a leak went uncaught; exit status 1.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    names = tuple(STRATEGIES) if not strategies else tuple(dict.fromkeys(strategies))
    for name in names:
        strategy_named(name)
    bars, learning = audit_bars(bars), audit_settings()
    require_asked(instants, bars["bar_close"].n_unique(), seed)
    planted = plantable_leaks(bars)
    console.print(_setup(bars, learning, instants, seed))
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = []
    with Progress(*columns, console=console) as progress:
        for name in names:
            task = progress.add_task(name, total=instants)
            results.append(
                audit(
                    bars, name, instants=instants, seed=seed, jobs=jobs, learning=learning,
                    on_step=lambda task=task: progress.advance(task),  # type: ignore[misc]
                )
            )  # fmt: skip
        task = progress.add_task("planted leaks", total=len(planted))
        leaks = catch_leaks(
            bars, planted, seed=seed, jobs=jobs, learning=learning, on_step=lambda: progress.advance(task)
        )
    console.print(_table(results, leaks))
    if left := sorted(set(planted_leaks()) - set(planted)):
        console.print(f"not planted, since one symbol cannot have them: {', '.join(left)}")
    if complaint := verdict(results, leaks):
        raise OnepathError(complaint)


def verdict(results: Sequence[AuditResult], leaks: pl.DataFrame) -> str | None:
    """Return what is wrong in one line, or None.

    Parameters
    ----------
    results : sequence of AuditResult
    leaks : DataFrame
        From `catch_leaks`.
    """
    for result in results:
        if result.differences:
            first = result.instants.filter(pl.col("stage").is_not_null()).row(0, named=True)
            return (
                f"{result.strategy} knew the future at {result.differences} of {result.instants.height} "
                f"instants; the first is t = {first['t']} ({first['future']}): {first['stage']} of bar "
                f"{first['bar']} {first['symbol']}; whatever makes that stage reads later bars"
            )
    missed = leaks.filter(~pl.col("caught"))["leak"].to_list()
    if missed:
        return f"{len(missed)} planted leaks went uncaught ({', '.join(missed)}); this audit is blind to them"
    return None


def _setup(bars: pl.DataFrame, learning: LearningSettings, instants: int, seed: int) -> str:
    """Return what is audited, with its settings, in words."""
    when, symbols = bars["bar_close"].unique().sort(), bars["symbol"].unique().sort()
    # Leaks are planted in the strategies with a model, whichever are audited.
    horizons = {
        name: int(Request(name).resolve(len(symbols))["time_limit"])
        for name, strategy in STRATEGIES.items()
        if strategy.model is not None
    }
    begin = " and ".join(
        f"{learning.first_labels(len(symbols), horizon)} labels on ({name})"
        for name, horizon in horizons.items()
    )
    tuned = "; ".join(
        f"{name} {', '.join(f'{key} {value:g}' for key, value in learning.tuning.get(name, {}).items())}"
        for name in learning.learners
    )
    return (
        f"audit of {len(when)} bars, {when[0]:%Y-%m-%d} to {when[-1]:%Y-%m-%d}, of "
        f"{', '.join(symbols)}; {instants} instants, seed {seed}\n"
        f"futures: {', '.join(KINDS)}; every run begins at bar 0 and goes on for {AFTER} bars\n"
        f"models: {tuned}; features {', '.join(learning.names)}; retrained every {learning.retrain_every} "
        f"bars on {learning.train_bars} bars, {learning.max_rows} rows at most, from {begin}"
    )


def _table(results: Sequence[AuditResult], leaks: pl.DataFrame) -> Table:
    """Return one table: a row per pipeline, a row per leak."""
    caught = int(leaks["caught"].sum())
    title = f"future replaced: {caught} of {leaks.height} planted leaks caught"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("pipeline or leak", "future, t", "first difference", "reaches"):
        table.add_column(name, no_wrap=True)
    for result in results:
        at = f"{result.instants.height} t, {result.retrainings} fits"
        table.add_row(result.strategy, at, f"{result.differences} differences")
    table.add_section()
    for row in leaks.iter_rows(named=True):
        if row["caught"]:
            where = f"{row['stage']}, {row['bar']} {row['symbol']}".rstrip()
            table.add_row(row["leak"], f"{row['future']}, {row['t']}", where, row["reaches"])
        else:
            table.add_row(row["leak"], "all", "NOT CAUGHT")
    return table
