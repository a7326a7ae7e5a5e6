"""`python -m research`: what a command line says to the public face."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from research.cli_fetch import fetch
from research.cli_sweep import sweep
from research.console import run
from research.errors import BadValue
from research.options import RunOptions, takes_run_options

__all__ = ["app", "main"]

app = typer.Typer(
    name="python -m research",
    help="onepath: research whose backtest, sweep and live runner are the same code.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(fetch)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for what it writes.", metavar="DIR")] = Path(
        "onepath-demo"
    ),
) -> None:
    """Tour the main job on real prices: bars, features, signals, heatmap, backtest, replay."""
    from research.demo import tour

    tour(out)


@app.command()
@takes_run_options
def backtest(
    asked: RunOptions,
    out: Annotated[Path | None, typer.Option(help="Folder for report and tables.", metavar="DIR")] = None,
) -> None:
    """Backtest a strategy day by day on one account, beside buy and hold."""
    from research.files import output_folder, require_writable
    from research.report.progress import bars_shown, steps_shown
    from research.report.terminal import show_result
    from research.simulation.backtest import backtest as run_backtest

    if out is not None:
        require_writable(out)
    request, bars = asked.request(), asked.read()
    with bars_shown("backtest", bars["bar_close"].n_unique()) as on_bars:
        result = run_backtest(request, bars, on_bars=on_bars)
    show_result(result)
    evidence = {}
    if request.model is not None:
        # They learn with the strategy from its first label on, which lies in the bars that trained the model.
        typer.echo("baselines and the model-influence gate need a run without --model")
    elif result.spoken is not None:
        from research.evidence.baselines import baselines, shift_null
        from research.evidence.coverage import coverage_curve
        from research.evidence.influence import influence_of
        from research.report.beside import Evidence
        from research.report.terminal import show_evidence

        with steps_shown("baselines") as told:
            beside = baselines(result, bars, told=told)
            told("influence")
            found = Evidence(beside, shift_null(result), influence_of(result, seed=asked.seed))
        curve = coverage_curve(result.spoken, first=result.prepared.trade_from)
        show_evidence(result, found.baselines, found.null, found.influence, curve)
        evidence[result.request.strategy] = found
    if out is not None:
        from research.report.tearsheet import write_report

        for path in write_report([result], output_folder(out), evidence=evidence):
            typer.echo(f"wrote {path}")


app.command()(sweep)


@app.command()
@takes_run_options
def train(
    asked: RunOptions,
    out: Annotated[Path, typer.Option(help="Folder of the model; earlier versions stay.", metavar="DIR")],
) -> None:
    """Train a strategy's model on all bars of the span, and keep it for backtests and the live runner."""
    from research.files import require_writable
    from research.report.progress import bars_shown
    from research.training import train as run_training

    require_writable(out)
    request, bars = asked.request(), asked.read()
    with bars_shown("training", bars["bar_close"].n_unique()) as on_bars:
        made = run_training(request, bars, out, on_bars=on_bars)
    for h in made.spoken.happenings:
        if h.kind in {"dropped", "skipped"}:
            typer.echo(f"note: {h.bar_close!s:.10}: {h.text}")
    fits = sum(h.kind == "fit" for h in made.spoken.happenings)
    typer.echo(
        f"trained {request.strategy} to {made.last_bar!s:.10}: {fits} fits, model {made.spoken.models[-1]}"
    )
    typer.echo(f"wrote version {made.version[:12]} to {made.folder}; use it with --model {made.folder}")


@app.command()
@takes_run_options
def signals(
    asked: RunOptions,
    out: Annotated[Path, typer.Option(help="CSV or Parquet to write, by its ending.", metavar="FILE")],
) -> None:
    """Export what a strategy wants at every close: scores, entry, exit, weight, protection."""
    from research.report.export import check_table_path, signals_table, write_table

    check_table_path(out)
    table = signals_table(asked.request(), asked.read())
    write_table(table, out)
    typer.echo(f"wrote {table.height} rows of {table['symbol'].n_unique()} symbols to {out}")


@app.command()
def audit(
    strategy: Annotated[
        list[str] | None, typer.Option(help="A strategy; may be repeated. All by default.", metavar="NAME")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option(help="Symbols of the sample; all by default.", metavar="A,B")
    ] = None,
    instants: Annotated[
        int, typer.Option(help="Bars after which the future is replaced, per strategy.")
    ] = 32,
    seed: Annotated[int, typer.Option(help="Seed of instants and noise.")] = 7,
    jobs: Annotated[int | None, typer.Option(help="Processes; all cores by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="8 instants instead.")] = False,
) -> None:
    """Replace the future, rerun everything, compare what was known; then the same with planted leaks."""
    from research.console import names
    from research.data.sample import load_sample
    from research.report.audits import run_audit

    if jobs is not None and jobs < 1:
        raise BadValue(f"`jobs` must be a whole number ≥ 1, was {jobs}; it is the number of cores")
    count = 8 if quick else instants
    run_audit(
        load_sample(names(symbols)), strategy, instants=count, seed=seed, jobs=jobs or os.cpu_count() or 1
    )


@app.command()
def ledger(
    strategy: Annotated[
        str | None, typer.Option(help="Only the trials of one strategy.", metavar="NAME")
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option(help="The ledger; default: ONEPATH_LEDGER, or the user's data folder.", metavar="FILE"),
    ] = None,
) -> None:
    """Show every cell ever run: how many trials, how independent, and what the best of them is worth."""
    from research.evidence.ledger import Ledger
    from research.report.trials import show_ledger

    if path is not None and not path.exists():
        raise BadValue(f"there is no ledger {path}; sweeps make it, leave --path out for the usual one")
    show_ledger(Ledger.at(path), strategy)


def main() -> int:
    """Run the command line and return its exit status."""
    return run(app, name="python -m research")
