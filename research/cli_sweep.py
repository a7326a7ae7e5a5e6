"""`python -m research sweep`: a grid of parameters from the command line.

In: `--grid fast=5:50:5 --grid stop=0.02,0.05`. Out: a folder with the figures as Parquet and CSV, and their
manifest. Finished chunks are kept beside them while it runs, so that the same command goes on after Ctrl-C.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from research.errors import BadValue, Interrupted
from research.options import RunOptions, takes_run_options

if TYPE_CHECKING:
    from research.request import Request

__all__ = ["sweep"]


@takes_run_options
def sweep(
    asked: RunOptions,
    grid: Annotated[
        list[str],
        typer.Option(
            help="A parameter and its values, like fast=5:50:5 (its stop included) or stop=0.02,0.05; may be "
            "repeated.",
            metavar="NAME=VALUES",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for figures and manifest.", metavar="DIR")],
    engine: Annotated[Literal["fused", "vectorbt"], typer.Option(help="What executes.")] = "fused",
    sample: Annotated[
        int | None, typer.Option(help="Run so many cells, drawn at random with --seed.", metavar="N")
    ] = None,
    dividends: Annotated[
        bool, typer.Option("--dividends", help="Pay cash dividends; vectorbt knows none.")
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder for finished chunks; default: DIR/chunks until it is done.", metavar="DIR"),
    ] = None,
    backend: Annotated[Literal["local", "dask", "ray"], typer.Option(help="Who runs the chunks.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of a cluster's scheduler, like tcp://127.0.0.1:8786.", metavar="ADDRESS"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Workers to start on this machine; default: one per core.", metavar="N")
    ] = None,
    memory_mb: Annotated[float, typer.Option(help="Budget for features and accounts.")] = 1024.0,
) -> None:
    """Run a strategy with every combination of some parameters; finished chunks survive an interruption."""
    from research.files import output_folder, replacing, require_writable
    from research.simulation.sweep import sweep as run_sweep

    values = _values(grid)
    require_writable(out)
    request, bars = _request(asked, sample), asked.read()
    chunks = out / "chunks" if store is None else store
    swept = run_sweep(
        bars,
        request.strategy,
        values,
        symbols=request.symbols,
        start_date=request.start,
        end_date=request.end,
        initial_capital=request.initial_capital,
        train_fraction=request.train_fraction,
        params=request.params,
        sample=sample,
        seed=asked.seed,
        execution=replace(request.execution, dividends=dividends),
        engine=engine,
        learning=request.learning,
        jobs=request.jobs,
        memory_mb=memory_mb,
        store=chunks,
        backend=backend,
        address=address,
        workers=workers,
    )
    if not swept.complete:
        done = swept.metrics.height // len(swept.symbols)
        raise Interrupted(
            f"interrupted: {done:,} of {len(swept.grid):,} cells are finished and kept in {chunks}; run the "
            "same command again to go on"
        )
    for note in swept.notes:
        typer.echo(f"note: {note}")
    output_folder(out)
    swept.save(out)
    with replacing(out / "metrics.csv") as path:
        swept.metrics.write_csv(path)
    if store is None:
        shutil.rmtree(chunks, ignore_errors=True)  # all of it is in the figures now
    typer.echo(
        f"{len(swept.grid):,} cells × {len(swept.symbols)} symbols by {swept.engine} in {swept.seconds:.2f} "
        f"s ({swept.cells_per_second:,.0f} cells per second)"
    )
    typer.echo(f"wrote metrics.parquet, metrics.csv and manifest.json to {out}")


def _values(pairs: list[str]) -> dict[str, object]:
    """Read `name=values` pairs."""
    from research.simulation.axes import numbers

    out: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not (name and equals and text):
            raise BadValue(f"--grid must be written name=values, was {pair!r}; for example fast=5:50:5")
        if name in out:
            raise BadValue(
                f"--grid names {name} twice, was {pair!r} the second time; join its values by commas"
            )
        out[name] = numbers(name, text)
    return out


def _request(asked: RunOptions, sample: int | None) -> Request:
    """Return what is run; the seed is the subset's as well as a model's."""
    from research.strategies import strategy_named

    if asked.model is not None:
        raise BadValue(
            "a sweep's models learn in its own cells, so --model has no meaning here; leave it out"
        )
    plain = strategy_named(asked.strategy).model is None
    return (replace(asked, seed=RunOptions().seed) if plain and sample is not None else asked).request()
