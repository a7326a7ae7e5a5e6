"""The sweep: one strategy over a grid of parameters, every symbol of every cell on an account of its own.

1. `build_grid` holds the grid against the strategy; forbidden combinations are left out and counted.
2. `lay_out` cuts a lane per symbol, as a backtest of that symbol alone would.
3. Cells are taken in chunks that fit the memory budget. Features that the chunk reads and nobody holds
   yet are computed in one pass over all symbols.
4. Per chunk and symbol: the strategy's signals of every cell, the executor's orders, the figures.
5. Ctrl-C ends the loop; the chunks that were finished are the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue, BudgetError
from research.execution import Execution
from research.features.catalogue import feature
from research.request import TRAIN_FRACTION, Instant, Request
from research.simulation.choices import Constraint
from research.simulation.executors import FIGURES, executor_named
from research.simulation.grid import build_grid
from research.simulation.lanes import lay_out
from research.simulation.memory import PeakMemory
from research.simulation.progress import Report, reporting
from research.simulation.recording import entered, ledger_named
from research.simulation.swept import Study, SweepResult
from research.strategies import strategy_named

__all__ = ["SweepResult", "sweep"]

F64 = NDArray[np.float64]
_MB = 1024.0 * 1024.0
_RESERVE = 8.0 * _MB  # of the budget for what is no array: code that vectorbt loads as it runs, pools, lists
_FEATURE_SHARE = 0.5  # of the budget that features may hold; the rest is for accounts


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
    memory_mb: float = 1024.0,
    progress: bool | Callable[[float, int], None] = True,
    ledger: bool | str | Path | None = True,
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
    memory_mb : float
        Budget for features and accounts together, above what the bars themselves take.
    progress : bool or callable
        A progress bar on stderr, if that is a terminal; or a function that is told the cells done
        and the cells in all.
    ledger : bool, str or Path, optional
        Where every cell is written down as a trial, so that a winner is judged among all that was ever
        tried: True is ``ONEPATH_LEDGER`` or the user's data folder; None is nowhere. A note says which.

    Returns
    -------
    SweepResult
        After Ctrl-C: of the finished chunks, with ``complete`` False.

    Raises
    ------
    UnknownName
        A strategy, parameter, symbol or engine that does not exist.
    BadValue
        An empty grid, a value outside its rule, dividends asked of vectorbt, or a case that its
        arrays cannot say, such as a stop beside a wider trail.
    NotEnoughHistory
        No symbol has more bars than the cell with the shortest warm-up needs.
    BudgetError
        Not even one cell fits `memory_mb`.
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
    if rule.model is not None:
        raise BadValue(
            f"a sweep is for strategies without a model, was {strategy}, which learns anew in each cell; "
            "backtest its cells one by one, or sweep adaptive_momentum or ma_crossover"
        )
    cells = build_grid(rule, grid or {}, params, constraint=constraint, sample=sample, seed=seed)
    book = ledger_named(ledger)
    rules = Execution(dividends=False) if execution is None else execution
    executor = executor_named(engine, rules, initial_capital)
    if not memory_mb > 0.0:
        raise BadValue(f"`memory_mb` must be above 0, was {memory_mb!r}; the default is 1024")

    base = {**rule.defaults, **cells.fixed}
    known: dict[tuple[str, ...], tuple[str, ...]] = {}  # equal lists are one object: a million cells are many
    reads = [known.setdefault(*2 * (rule.features({**base, **cells.params(i)}),)) for i in range(len(cells))]
    names = dict.fromkeys(name for read in known for name in read)
    of_name = {name: feature(name).lookback for name in names}
    of_read = {read: max(of_name[name] for name in read) for read in known}
    lookback = np.array([of_read[read] for read in reads])
    request = Request(
        strategy=strategy,
        symbols=symbols,
        start=start_date,
        end=end_date,
        params=cells.params(int(np.argmin(lookback))),
        initial_capital=initial_capital,
        train_fraction=train_fraction,
        execution=rules,
    )
    study = Study(request, cells, lay_out(request, bars), executor, reads, lookback)
    with reporting(progress, len(cells)) as report:
        swept = _run(study, memory_mb, report)
    return entered(swept, book)


def _run(study: Study, memory_mb: float, report: Report) -> SweepResult:
    """Run chunk after chunk."""
    lanes, cells = study.lanes, study.grid
    plan = _plan(study, memory_mb)
    study.warm_up()
    column = {symbol: n for n, symbol in enumerate(study.symbols)}
    table = {name: np.full((len(cells), len(column)), np.nan) for name in FIGURES}
    finished = np.zeros(len(cells), dtype=np.bool_)
    began = time.perf_counter()
    with PeakMemory() as memory:
        try:
            for chunk in plan:
                lanes.hold(chunk.features)
                for done, lane in enumerate(lanes.lanes, start=1):
                    known = chunk.cells[study.lookback[chunk.cells] < lane.own_bars]
                    if known.size:
                        for name, values in study.figures(lane, known).items():
                            table[name][known, column[lane.symbol]] = values
                    finished[chunk.cells] = done == len(lanes.lanes)
                    report(float(chunk.cells[0] + chunk.cells.size * done / len(lanes.lanes)), len(cells))
        except KeyboardInterrupt:
            pass  # what is finished is the result, and its notes say what is missing
    return SweepResult.of(study, table, finished, time.perf_counter() - began, memory.mb)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Consecutive cells, and the features that are held while they run."""

    cells: NDArray[np.int64]
    features: tuple[str, ...]


def _plan(study: Study, memory_mb: float) -> list[_Chunk]:
    """Cut the cells into chunks that fit the budget; chunks with the same features follow each other."""
    budget = memory_mb * _MB - _RESERVE
    feature = study.lanes.feature_bytes()
    bars = max(len(lane) for lane in study.lanes.lanes)
    executor = study.executor
    targets = study.most("target") > 0.0 or study.most("target_atr") > 0.0
    account = bars * executor.bytes_per_bar(targets=targets)
    out: list[_Chunk] = []
    held = max(1.0, min(_FEATURE_SHARE * budget / feature, executor.most_features))
    for group, names in _groups(study.reads, held):
        size = int(min((budget - len(names) * feature) // account, executor.most_cells))
        if size < 1:
            need = (_RESERVE + len(names) * feature + account) / _MB
            raise BudgetError(
                f"one cell needs {need:.1f} MB ({len(names)} features of {len(study.symbols)} symbols and an "
                f"account of {bars} bars), `memory_mb` was {memory_mb:g}; raise it or shorten the span"
            )
        out += [_Chunk(group[i : i + size], names) for i in range(0, len(group), size)]
    return out


def _groups(
    reads: Sequence[tuple[str, ...]], most: float
) -> Iterator[tuple[NDArray[np.int64], tuple[str, ...]]]:
    """Group consecutive cells that read no more than `most` features together; a cell alone may read more."""
    begin = 0
    last: tuple[str, ...] = ()
    held: dict[str, None] = {}
    for i, read in enumerate(reads):
        if read is last:
            continue
        new = [name for name in read if name not in held]
        if i > begin and len(held) + len(new) > most:
            yield np.arange(begin, i), tuple(held)
            begin, held, new = i, {}, list(read)
        held.update(dict.fromkeys(new))
        last = read
    yield np.arange(begin, len(reads)), tuple(held)
