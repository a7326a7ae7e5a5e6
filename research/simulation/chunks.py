"""Chunks: the pieces that a sweep is run, stored, resumed and handed to workers in.

In: a study and the cells that are still to run. Out: chunks of consecutive cells that fit the memory budget,
and for each, once it has run, its figures and the cells that failed.

A cell that raises does not stop the others: the chunk is halved until the cell stands alone, which is then
recorded with its reason. Cells share nothing but what they read, so halving changes no figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.errors import BudgetError
from research.simulation.figures import FIGURES
from research.simulation.lanes import Lane
from research.simulation.needs import Rows, spoken
from research.simulation.study import Study

__all__ = ["Chunk", "Done", "Failure", "groups", "plan", "run_chunk"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MB = 1024.0 * 1024.0
_RESERVE = 8.0 * _MB  # of the budget for what is no array: code that vectorbt loads as it runs, pools, lists
_FEATURE_SHARE = 0.5  # of the budget that features may hold; the rest is for accounts

Failure = tuple[int, int, str]
"""A cell that failed: its position, the symbol's number, the reason."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Cells in ascending order, and the rows that are held while they run."""

    cells: I64
    rows: Rows


@dataclass(frozen=True, eq=False)
class Done:
    """What a chunk of C cells found.

    Attributes
    ----------
    figures : (F, C, N) float64
        Of each of `FIGURES`, cell and symbol; NaN where a cell is in warm-up or failed.
    failed : tuple of Failure
        Positions count within the chunk.
    """

    figures: F64
    failed: tuple[Failure, ...]


def plan(study: Study, memory_mb: float, todo: I64, most: int | None = None) -> list[Chunk]:
    """Cut some cells into chunks that fit the budget; chunks with the same features follow each other.

    Parameters
    ----------
    study : Study
    memory_mb : float
    todo : (M,) int64
        The cells that are to run, ascending.
    most : int, optional
        Cells that a chunk may have; default: the executor's.

    Raises
    ------
    BudgetError
        Not even one cell fits.
    """
    feature = study.lanes.feature_bytes()
    bars = max(len(lane) for lane in study.lanes.lanes)
    said = 0 if study.lessons is None else study.lessons.bytes_for(bars)
    budget = memory_mb * _MB - _RESERVE - said
    executor = study.executor
    targets = study.most("target") > 0.0 or study.most("target_atr") > 0.0
    account = bars * executor.bytes_per_bar(targets=targets)
    most = min(executor.most_cells, most or executor.most_cells)
    out: list[Chunk] = []
    held = max(1.0, min(_FEATURE_SHARE * budget / feature, executor.most_features))
    for group, rows in groups(study, todo, held):
        size = int(min((budget - rows.distinct * feature) // account, most))
        if size < 1:
            need = (_RESERVE + said + rows.distinct * feature + account) / _MB
            raise BudgetError(
                f"one cell needs {need:.1f} MB ({rows.distinct} features of {len(study.symbols)} symbols and "
                f"an account of {bars} bars), `memory_mb` was {memory_mb:g}; raise it or shorten the span"
            )
        out += [Chunk(group[i : i + size], rows) for i in range(0, len(group), size)]
    return out


def groups(study: Study, todo: I64, most: float) -> Iterator[tuple[I64, Rows]]:
    """Group the cells whose features are made of no more than `most` rows; one alone may need more."""
    reads = study.reads.take(todo)
    rows = reads.rows()
    if rows.distinct <= most:
        if todo.size:
            yield todo, rows
        return
    begin, last, known = 0, -1, np.empty(0, dtype=np.int64)
    for i, case in enumerate(reads.case.tolist()):
        if case == last:
            continue
        last = case
        own = np.union1d(*reads.lists.rows_of(np.array([case])))
        both = np.union1d(known, own)
        if i > begin and both.size > most:
            yield todo[begin:i], reads[begin:i].rows()
            begin, both = i, own
        known = both
    yield todo[begin:], reads[begin:].rows()


def run_chunk(study: Study, chunk: Chunk, told: Callable[[float], None] | None = None) -> Done:
    """Run a chunk.

    Parameters
    ----------
    study : Study
    chunk : Chunk
    told : callable, optional
        Told the share of the chunk that is done after each symbol but the last, and as models learn.
    """
    column = {symbol: n for n, symbol in enumerate(study.symbols)}
    figures = np.full((len(FIGURES), chunk.cells.size, len(column)), np.nan)
    broken = study.needs.broken
    at = [p for p, cell in enumerate(chunk.cells.tolist()) if cell in broken] if broken else []
    failed = [(p, column[lane.symbol], broken[int(chunk.cells[p])]) for p in at for lane in study.lanes.lanes]
    study.lanes.hold_rows(chunk.rows)
    runs = np.ones(chunk.cells.size, dtype=np.bool_)
    runs[at] = False
    lanes = study.lanes.lanes
    for done, lane in enumerate(lanes, start=1):
        known = np.flatnonzero(runs & (study.lookback[chunk.cells] < lane.own_bars))
        if known.size:
            if study.lessons is not None:
                study.lessons.teach(lane, chunk.cells[known], _part(told, done - 1, len(lanes)))
            bad = _fill(study, lane, chunk.cells, known, figures[:, :, column[lane.symbol]])
            failed += [(p, column[lane.symbol], why) for p, why in bad]
        if told is not None and done < len(lanes):
            told(done / len(lanes))
    return Done(figures, tuple(failed))


def _part(told: Callable[[float], None] | None, done: int, count: int) -> Callable[[float], None] | None:
    """Return a function that is told the share of one part of `count`, and tells that of the whole."""
    return None if told is None else lambda share: told((done + share) / count)


def _fill(study: Study, lane: Lane, cells: I64, at: I64, out: F64) -> list[tuple[int, str]]:
    """Write the figures of some positions of a chunk, and return those that failed, each alone, and why."""
    try:
        found = study.executor.figures(lane, study.cells(lane, cells[at]))
    except MemoryError:
        raise  # is the machine's trouble, not the cell's
    # Broad, because a strategy is the user's code and may raise anything: of a sweep of many thousand cells,
    # one that fails must not cost the others. Its reason is recorded with it and shown with the result.
    except Exception as problem:  # noqa: BLE001
        if at.size == 1:
            return [(int(at[0]), spoken(problem))]
        half = at.size // 2
        return _fill(study, lane, cells, at[:half], out) + _fill(study, lane, cells, at[half:], out)
    for f, name in enumerate(FIGURES):
        out[f, at] = found[name]
    return []
