"""`python -m research`: what a command line says to the public face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from research.console import assignments, names, run

__all__ = ["app", "main"]

app = typer.Typer(
    name="python -m research",
    help="onepath: research whose backtest, sweep and live runner are the same code.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Strategy = Annotated[str, typer.Option(help="Name of the strategy.")]
Symbols = Annotated[str | None, typer.Option(help="Symbols, like AAPL,MSFT; all by default.", metavar="A,B")]
Start = Annotated[str | None, typer.Option(help="First day, like 2005-01-01.", metavar="DATE")]
End = Annotated[str | None, typer.Option(help="Last day, included.", metavar="DATE")]
Bars = Annotated[
    Path | None, typer.Option(help="CSV or Parquet of bars; the sample by default.", metavar="FILE")
]
Param = Annotated[
    list[str] | None, typer.Option(help="A strategy parameter; may be repeated.", metavar="NAME=NUMBER")
]


def _read(bars: Path | None) -> pl.DataFrame:
    from research.data import load_sample, read_bars

    return load_sample() if bars is None else read_bars(bars)


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
def backtest(
    strategy: Strategy = "adaptive_momentum",
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    bars: Bars = None,
    param: Param = None,
    capital: Annotated[float, typer.Option(help="Initial capital, USD.")] = 100_000.0,
    out: Annotated[Path | None, typer.Option(help="Folder for report and tables.", metavar="DIR")] = None,
) -> None:
    """Backtest a strategy day by day on one account, beside buy and hold."""
    from research.report.terminal import show_result
    from research.request import Request
    from research.simulation.backtest import backtest as run_backtest

    request = Request(strategy, names(symbols), start, end, assignments(param or []), capital)
    folder = None
    if out is not None:
        from research.files import output_folder

        folder = output_folder(out)
    result = run_backtest(request, _read(bars))
    show_result(result)
    if folder is not None:
        from research.report.tearsheet import write_report

        for path in write_report([result], folder):
            typer.echo(f"wrote {path}")


@app.command()
def signals(
    out: Annotated[Path, typer.Option(help="CSV or Parquet to write, by its ending.", metavar="FILE")],
    strategy: Strategy = "adaptive_momentum",
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    bars: Bars = None,
    param: Param = None,
) -> None:
    """Export what a strategy wants at every close: scores, entry, exit, weight, protection."""
    from research.report.export import check_table_path, export_signals

    check_table_path(out)
    table = export_signals(
        _read(bars),
        out,
        strategy,
        symbols=names(symbols),
        start_date=start,
        end_date=end,
        params=assignments(param or []),
    )
    typer.echo(f"wrote {table.height} rows of {table['symbol'].n_unique()} symbols to {out}")


def main() -> int:
    """Run the command line and return its exit status."""
    return run(app, name="python -m research")
