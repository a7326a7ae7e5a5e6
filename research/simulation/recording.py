"""Write a sweep into the trial ledger: every finished cell of every symbol is a trial.

In: a study, its figures and a ledger. Out: how many of them were new. The cells go in batches of 8,192, so
memory does not grow with the sweep. A trial's Sharpe ratio is the table's; those few hundred cells
that have a sketch (`research.evidence.cells`) are scanned once more, for it alone: no returns are held.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.errors import OutputError
from research.evidence.cells import Cells, Origin, keys_of, sketch_level, sketched
from research.evidence.ledger import Ledger
from research.evidence.moments import Moments
from research.evidence.trials import SKETCH
from research.simulation.equity import runnable, trials_of
from research.simulation.lanes import Lane
from research.simulation.scores import finished_cells
from research.simulation.sources import code_of

if TYPE_CHECKING:
    from research.simulation.study import Study
    from research.simulation.swept import SweepResult

__all__ = ["Recorded", "enter", "entered", "ledger_named", "origin_of", "record"]

F64 = NDArray[np.float64]
_BATCH = 8192
_FIELDS = ("open", "high", "low", "close", "volume", "split", "dividend")


class Recorded(NamedTuple):
    """Trials that a sweep is, and how many of them the ledger did not know."""

    trials: int
    new: int


def ledger_named(given: bool | str | Path | None) -> Ledger | None:
    """Return the ledger that a user asked for: True is the usual one, None or False is none."""
    if given is None or given is False:
        return None
    return Ledger.at(None if given is True else given)


def entered(swept: SweepResult, ledger: Ledger | None) -> SweepResult:
    """Return a sweep whose cells are in the ledger, and whose notes say so.

    A ledger that cannot be written does not cost the sweep: the note says why, and `best` tries again.
    """
    if ledger is None:
        note = "these cells are in no ledger, so later winners are judged as if they had never been tried"
        return replace(swept, notes=(*swept.notes, note))
    try:
        found = enter(swept, ledger)
        note = f"{found.trials:,} trials are in the ledger {ledger.path}, {found.new:,} of them new"
    except OutputError as problem:
        note = f"not all of these cells are counted as trials: {problem}"
    return replace(swept, notes=(*swept.notes, note), ledger=ledger.path)


def enter(swept: SweepResult, ledger: Ledger) -> Recorded:
    """Write a sweep's finished cells, but for those that failed."""
    shape, cells = (len(swept.grid), len(swept.symbols)), finished_cells(swept)
    sharpe, total = np.full((2, *shape), np.nan)
    for name, values in (("sharpe_ratio", sharpe), ("total_return", total)):
        values[cells] = swept.metrics[name].to_numpy().reshape(-1, shape[1])
    return record(swept.study, sharpe, ~np.isnan(total), ledger)


def origin_of(study: Study, lane: Lane) -> Origin:
    """Return what the cells of one symbol have in common: bars, code, span, costs, capital."""
    panel, request = study.lanes.panel, study.request
    n = panel.symbols.index(lane.symbol)
    own = np.flatnonzero(~np.isnan(panel.close[:, n]))
    digest = hashlib.sha256(np.ascontiguousarray(panel.bar_close[own]).astype("<M8[us]").tobytes())
    for name in _FIELDS:
        digest.update(np.ascontiguousarray(getattr(panel, name)[own, n]).astype("<f8").tobytes())
    return Origin(
        strategy=request.strategy,
        code=code_of(study),
        data=digest.hexdigest()[:32],
        symbols=(lane.symbol,),
        first=str(lane.bar_close[0]),
        last=str(lane.bar_close[-1]),
        execution=f"{request.execution}, {request.initial_capital:g} USD{_learning(study)}",
        periods_per_year=lane.bars_per_year,
    )


def _learning(study: Study) -> str:
    """Return how the models of a study learn; nothing for a strategy without one."""
    if study.lessons is None:
        return ""
    facts = json.dumps(study.lessons.settings.facts(), sort_keys=True)
    return f", learning {hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def record(study: Study, sharpe: F64, ran: NDArray[np.bool_], ledger: Ledger) -> Recorded:
    """Write the cells that ran; those that the ledger knows stay as they are.

    Parameters
    ----------
    study : Study
    sharpe : (C, N) float64
        Annual Sharpe ratio of each cell and symbol of the study; NaN where there is none.
    ran : (C, N) bool
        Whether a cell finished, and did not fail.
    ledger : Ledger

    Raises
    ------
    OutputError, SnapshotMismatch
        As `Ledger.record` says. What was written before stays.
    """
    trials = new = 0
    column = {symbol: n for n, symbol in enumerate(study.symbols)}
    for lane in study.lanes.lanes:
        cells = runnable(study, lane)
        cells = cells[ran[cells, column[lane.symbol]]]
        level, origin = sketch_level(cells.size), origin_of(study, lane)
        for start in range(0, cells.size, _BATCH):
            batch = cells[start : start + _BATCH]
            ratios = sharpe[batch, column[lane.symbol]] / math.sqrt(lane.bars_per_year)
            new += ledger.record(_cells(study, lane, batch, ratios, origin, level))
        trials += cells.size
    return Recorded(trials, new)


def _cells(
    study: Study, lane: Lane, batch: NDArray[np.int64], ratios: F64, origin: Origin, level: int
) -> Cells:
    """Return a batch as the ledger takes it."""
    names = tuple(study.rule.parameters)
    params = [dict(zip(names, vector, strict=True)) for vector in study.vectors(lane, batch).tolist()]
    known = np.flatnonzero(sketched(keys_of(origin, params), level) & np.isfinite(ratios))
    drawn = np.zeros((batch.size, SKETCH), dtype=np.float16)
    figures = {name: np.full(batch.size, np.nan) for name in ("skewness", "kurtosis", "autocorrelation")}
    if known.size and len(lane) >= 3:
        found, drawn[known] = trials_of(study, lane, batch[known])
        for name, values in figures.items():
            values[known] = getattr(found, name)
    return Cells(origin, params, Moments(ratios, **figures, periods=len(lane)), drawn, level)
