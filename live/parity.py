"""`python -m live.parity`: whether the live side decided what the backtest decides, and why not if not.

In: a journal, the bars there are now. Out: a report of every difference by its cause, and of what lay
between each decision and its fill; exit status 0 (all decisions agree), 1 (one differs), 2 (misused).
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before the imports below, so that Ctrl-C is one line while they are loaded; the file is imported anew.
    from research.console import start

    start("live.parity")

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from research.console import assignments, run
from research.errors import BadValue

if TYPE_CHECKING:
    import polars as pl

    from live.journal import Journal
    from live.journalled import Journalled, Setup
    from research.saved import Saved

__all__ = ["app", "main", "opened"]

NAME = "python -m live.parity"
app = typer.Typer(name=NAME, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def parity(
    journal: Annotated[
        Path, typer.Option(help="The journal's SQLite file; it is only read.", metavar="FILE")
    ],
    bars: Annotated[
        Path | None,
        typer.Option(
            help="CSV, Parquet or a store's folder of bars as they are now: before the journal's span, and "
            "of it; by default what the journal holds, or the sample if it was the journal's.",
            metavar="FILE",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write every difference to a .csv or .parquet.", metavar="FILE")
    ] = None,
    orders: Annotated[
        Path | None, typer.Option(help="Write every order's shortfall to a .csv or .parquet.", metavar="FILE")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            help="A parameter of the backtest, if not the journal's; may be repeated.", metavar="NAME=NUMBER"
        ),
    ] = None,
    capital: Annotated[
        float | None, typer.Option(help="Its initial capital, USD, if not the journal's.")
    ] = None,
    slippage: Annotated[
        float | None, typer.Option(help="Its slippage, a fraction, if not the journal's.")
    ] = None,
    commission: Annotated[
        float | None, typer.Option(help="Its commission, a fraction, if not the journal's.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of the trained model that the journal began with.", metavar="DIR"),
    ] = None,
    interval: Annotated[
        str | None, typer.Option(help="Length of intraday bars, like 1min or 1h.", metavar="LENGTH")
    ] = None,
    exchange: Annotated[
        str, typer.Option(help="Whose sessions daily dates are, as an ISO 10383 code; none: no exchange's.")
    ] = "XNYS",
    timezone: Annotated[
        str | None, typer.Option(help="Zone of stamps without one, like America/New_York.", metavar="ZONE")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Cores; the result is the same.", min=1)] = 1,
) -> None:
    """Replay a journal's bars through the research engine and compare every decision, bit for bit.

    A difference is labelled with its cause: revised bar, missing warm-up, other model, other parameters,
    calendar, or fill. Exit status: 0 all decisions agree, 1 one differs, 2 misused.
    """
    from live.explained import explain
    from live.journalled import journalled
    from live.parity_report import tell
    from live.shortfall import shortfalls, table_of

    for path in (out, orders):
        _require_kind(path)
    within = None if exchange.lower() == "none" else exchange
    book = opened(journal)
    try:
        said, costs = journalled(book), shortfalls(book)
        table = _bars(said, book, bars, interval=interval, exchange=within, timezone=timezone)
    finally:
        book.close()
    asked = _asked(said, assignments(param or []), capital, slippage, commission)
    trained = _trained(said, asked, model)
    explained = explain(said, table, asked, trained, exchange=within, jobs=jobs)
    if out is not None:
        _write(explained.table, out)
    if orders is not None:
        _write(table_of(costs), orders)
    tell(said, explained, costs, asked.execution.slippage)
    raise typer.Exit(1 if explained.different else 0)


def opened(path: Path) -> Journal:
    """Open a journal that must be there.

    Raises
    ------
    BadValue
        There is no file, or nothing in it.
    SnapshotMismatch
        It is no journal, is damaged, or is of another version.
    """
    from live.journal import Journal

    if not path.is_file():
        raise BadValue(
            f"a journal must be a file, there is none at {path}; name one that the runner has written"
        )
    book = Journal.at(path)
    if book.is_new:
        raise BadValue(f"a journal must hold a run, {path} holds none; name one that the runner has written")
    return book


def _require_kind(path: Path | None) -> None:
    if path is not None and path.suffix not in {".csv", ".parquet"}:
        raise BadValue(f"an output file must end in .csv or .parquet, was {path}; name it so")


def _asked(
    said: Journalled,
    params: dict[str, object],
    capital: float | None,
    slippage: float | None,
    commission: float | None,
) -> Setup:
    """Return what the backtest is set up with: the journal's settings, but for what was given."""
    from dataclasses import replace

    from research.strategies import strategy_named

    setup = said.asked
    costs = {"slippage": slippage, "commission": commission}
    given: dict[str, Any] = {name: value for name, value in costs.items() if value is not None}
    execution = replace(setup.execution, **given)
    params = {**setup.params, **params}
    if params["allow_short"] != setup.params["allow_short"]:
        raise BadValue("parameter `allow_short` must agree with the journal's execution; leave it out")
    if capital is not None and not 0.0 < capital < float("inf"):
        raise BadValue(f"`capital` must be above 0, was {capital!r}; give an amount in USD")
    return replace(
        setup,
        params=strategy_named(setup.strategy).resolve(params),
        capital=setup.capital if capital is None else capital,
        execution=execution,
    )


def _trained(said: Journalled, asked: Setup, folder: Path | None) -> Saved | None:
    """Read the model that the backtest begins with."""
    from research.request import Request
    from research.saved import read_models

    if folder is None and said.trained is not None:
        raise BadValue(
            f"journal {said.path} began with a model trained to {said.trained[:10]}; name its folder with "
            "--model"
        )
    if folder is None:
        return None
    if said.trained is None:
        raise BadValue(f"journal {said.path} began without a trained model; leave --model out")
    params = {name: value for name, value in asked.params.items() if name != "bars_per_year"}
    request = Request(asked.strategy, asked.symbols, params=params, execution=asked.execution)
    saved = read_models(folder, request.expects(asked.symbols))
    last = saved.last_bar
    if last is not None and last >= said.panel.bar_close[0]:
        raise BadValue(
            f"a model must not have seen the journal's bars, {folder} has seen bars to {last!s:.10} and they "
            f"begin {said.panel.bar_close[0]!s:.10}; name an earlier one"
        )
    return saved


def _bars(said: Journalled, book: Journal, path: Path | None, **how: str | None) -> pl.DataFrame:
    """Return the bars there are now, or those that the journal was begun after."""
    if path is not None:
        from research.data.source import bars_at

        return bars_at(path, said.ran.symbols, **how)  # type: ignore[arg-type]
    from research.data.sample import load_sample

    if said.source == "sample":
        return load_sample()
    from live.warmup import kept_bars, lacking

    kept = kept_bars(book)
    if kept is None and said.first:
        raise BadValue(lacking(book))
    return load_sample()[:0] if kept is None else kept


def _write(table: pl.DataFrame, path: Path) -> None:
    from research.files import replacing

    with replacing(path) as temporary:
        if path.suffix == ".csv":
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)


def main() -> None:
    """Run the command line and leave with its exit status."""
    raise SystemExit(run(app, name=NAME))
