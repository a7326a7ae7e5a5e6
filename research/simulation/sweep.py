"""The sweep: one strategy over a grid of parameters, every symbol of every cell on an account of its own.

1. `build_grid` holds the grid against the strategy; forbidden combinations are left out and counted.
2. `lay_out` cuts a lane per symbol, as a backtest of that symbol alone would.
3. Cells are taken in chunks that fit the memory budget. Features that the chunk reads and nobody holds
   yet are computed in one pass over all symbols.
4. Per chunk and symbol: the strategy's signals of every cell, the executor's orders, the figures; a cell
   that raises is recorded and the others go on.
5. Ctrl-C ends the loop; the chunks that were finished are the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue
from research.execution import Execution
from research.request import TRAIN_FRACTION, Instant, Request
from research.simulation.backends import Runner, most_cells, runner_named
from research.simulation.choices import Constraint
from research.simulation.chunks import plan
from research.simulation.executors import executor_named
from research.simulation.findings import Findings
from research.simulation.grid import build_grid
from research.simulation.memory import PeakMemory
from research.simulation.progress import Report, reporting
from research.simulation.recording import entered, ledger_named
from research.simulation.stored import ChunkStore, open_store
from research.simulation.study import Study
from research.simulation.swept import SweepResult
from research.strategies import strategy_named

if TYPE_CHECKING:
    from research.learning.settings import LearningSettings

__all__ = ["SweepResult", "sweep"]


def sweep(
    bars: pl.DataFrame,
    strategy: str = "adaptive_momentum",
    grid: Mapping[str, object] | None = None,
    *,
    symbols: Sequence[str] | None = None,
    start_date: Instant = None,
    end_date: Instant = None,
    initial_capital: float = 100_000.0,
    train_fraction: float = TRAIN_FRACTION,
    params: Mapping[str, object] | None = None,
    constraint: Constraint | None = None,
    sample: int | None = None,
    seed: int = 0,
    execution: Execution | None = None,
    engine: str = "vectorbt",
    learning: LearningSettings | None = None,
    jobs: int | None = None,
    max_learners: int = 50,
    memory_mb: float = 1024.0,
    progress: bool | Callable[[float, int], None] = True,
    ledger: bool | str | Path | None = True,
    store: str | Path | None = None,
    backend: str = "local",
    address: str | None = None,
    workers: int | None = None,
) -> SweepResult:
    """Run a strategy with every combination of some parameters.

    Parameters
    ----------
    bars : DataFrame
        A bar table.
    strategy : str
        A name in `STRATEGIES`.
    grid : mapping of str to list, range, array, number or str
        The values of each varied parameter, also as text like "20:200:5", which includes its stop;
        cells are in product order. Combinations that the strategy's rule forbids are left out, and
        `notes` says how many.
    symbols : sequence of str, optional
        Default: all in `bars`. Each is an account of its own in every cell.
    start_date, end_date : str, date or datetime, optional
        The span, both days included. Features use every earlier bar there is.
    initial_capital : float
        USD, of each account.
    train_fraction : float
        Leading part of each symbol's span that is reserved for training and not traded.
    params : mapping, optional
        Parameters that differ from the strategy's defaults in all cells.
    constraint : callable, optional
        Which combinations to run besides: ``lambda p: p.fast < p.slow``.
    sample, seed : int, optional
        Run so many allowed combinations, drawn at random; the same seed draws the same ones. The product
        itself is never made, so its lists may be long.
    execution : Execution, optional
        Costs and rules of a fill; default ``Execution(dividends=False)``. A backtest with the same
        execution, symbol and parameters makes the same orders.
    engine : {"vectorbt", "fused"}
        What executes: vectorbt on two-row bars, with its Rust engine where it is installed; or our own
        scan on all cores, which makes the same orders, needs a fraction of time and memory, and also
        knows dividends and a stop beside a wider trail.
    learning : LearningSettings, optional
        How the model of a strategy that has one learns. In each account it learns from that symbol
        alone, as in a backtest of it, and once for all cells that it learns the same in.
    jobs : int, optional
        Cores for fits, predictions and the fused scan: all by default; on a cluster no more than each worker
        was given, and one for workers that are started here. They do not change a bit.
    max_learners : int
        Refuse a grid that needs more of them: each is a walk through all bars with all its retrainings.
    memory_mb : float
        Budget for features, accounts and what models said, above what the bars themselves take. What a
        learner takes while it learns is not counted.
    progress : bool or callable
        A progress bar on stderr, if that is a terminal; or a function that is told the cells done
        and the cells in all.
    ledger : bool, str or Path, optional
        Where every cell is written down as a trial, so that a winner is judged among all that was ever
        tried: True is ``ONEPATH_LEDGER`` or the user's data folder; None is nowhere. A note says which.
    store : str or Path, optional
        A folder in which each finished chunk is kept. The same call again, after an interruption of any
        kind, runs only what is missing; a different call is refused there.
    backend : {"local", "dask", "ray"}
        Who runs the chunks: this process, or the workers of a cluster, with the same figures. A worker
        that dies loses no result. The extras `[dask]` and `[ray]` bring the libraries. "local" within
        ``joblib.parallel_config(backend="dask")`` or "ray" is that cluster, too.
    address : str, optional
        Of the cluster's scheduler, like "tcp://127.0.0.1:8786" for dask, "127.0.0.1:6379" for ray;
        default: one on this machine that ends with the sweep.
    workers : int, optional
        How many it has; default: one per core.

    Returns
    -------
    SweepResult
        After Ctrl-C: of the finished chunks, with ``complete`` False.

    Raises
    ------
    UnknownName
        A strategy, parameter, symbol or engine that does not exist.
    BadValue
        An empty grid, a value outside its rule, dividends asked of vectorbt, or a sweep of which every
        cell failed. One that fails beside others is recorded in the column `failed` of `metrics`: one
        that raises, or a case that vectorbt's arrays cannot say, such as a stop beside a wider trail.
    NotEnoughHistory
        No symbol has more bars than the cell with the shortest warm-up needs.
    BudgetError
        Not even one cell fits `memory_mb`, or more learners are needed than `max_learners`.
    SnapshotMismatch
        The ledger is damaged, or of another version.

    Examples
    --------
    >>> from research.data import load_sample
    >>> swept = sweep(load_sample(["IBM"]), "ma_crossover", {"fast": [10, 20], "slow": [20, 50]})
    >>> swept.metrics.select("fast", "slow", "symbol").rows()
    [(10, 20, 'IBM'), (10, 50, 'IBM'), (20, 50, 'IBM')]
    """
    rule = strategy_named(strategy)
    cells = build_grid(rule, grid or {}, params, constraint=constraint, sample=sample, seed=seed)
    book = ledger_named(ledger)
    rules = Execution(dividends=False) if execution is None else execution
    executor = executor_named(engine, rules, initial_capital, jobs)
    if not memory_mb > 0.0:
        raise BadValue(f"`memory_mb` must be above 0, was {memory_mb!r}; the default is 1024")

    request = Request(
        strategy=strategy,
        symbols=symbols,
        start=start_date,
        end=end_date,
        initial_capital=initial_capital,
        train_fraction=train_fraction,
        execution=rules,
        learning=learning,
        jobs=jobs,
    )
    study = Study.of(request, cells, executor, bars, max_learners)
    study.warm_up()
    plan(study, memory_mb, np.zeros(1, dtype=np.int64))
    place = runner_named(backend, study, address, workers)
    # A grid, budget or backend that is refused has been, and leaves no folder behind; a cluster that nobody
    # answers at leaves its manifest, from which the same command goes on.
    with ExitStack() as held:
        kept = None if store is None else held.enter_context(open_store(store, study))
        report = held.enter_context(reporting(progress, len(cells)))
        runner = held.enter_context(place)
        swept = _run(study, runner, memory_mb, report, kept)
    return entered(swept, book)


def _run(
    study: Study, runner: Runner, memory_mb: float, report: Report, store: ChunkStore | None
) -> SweepResult:
    """Run what the store does not hold yet, chunk after chunk."""
    found, total = Findings(study), len(study.grid)
    if store is not None:
        for cells, done in store.finished():
            found.take(cells, done)
    todo = np.flatnonzero(~found.finished)
    chunks = plan(study, memory_mb, todo, most_cells(runner, todo.size))
    running = 0

    def begin(cells: NDArray[np.int64]) -> None:
        nonlocal running
        running = cells.size
        if store is not None:
            store.begin(cells)

    def told(share: float) -> None:
        report(found.count + running * share, total)

    began = time.perf_counter()
    results = runner.run(chunks, begin, told)
    # After Ctrl-C, what is finished is the result, and its notes say what is missing.
    with PeakMemory() as memory, suppress(KeyboardInterrupt), closing(results):
        for chunk, done in results:
            if store is not None:
                store.write(chunk.cells, done)
            found.take(chunk.cells, done)
            report(float(found.count), total)
    if found.count == total:
        found.require_one()
    return SweepResult.of(study, found, time.perf_counter() - began, memory.mb)
