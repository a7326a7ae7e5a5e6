"""Equity and returns of a sweep's cells, bar by bar: what a winner is judged by, and the figures do not keep.

In: a study, a lane, some cells. Out: one column per cell. The orders are made again by our own scan,
whichever engine ran the sweep, since both make the same ones, and settled by the kernel that settles all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from research.evidence.moments import Moments
from research.execution import Execution
from research.kernels.bars import actions_nb
from research.kernels.settle import settle_nb
from research.kernels.sums import N_SUMS, SUMS
from research.simulation.chunks import groups
from research.simulation.figures import Orders
from research.simulation.fused import FusedExecutor
from research.simulation.lanes import Lane

if TYPE_CHECKING:
    from research.simulation.study import Study

__all__ = ["chunks", "returns_from", "returns_of", "runnable", "settled", "trials_of"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
AT_ONCE = 64  # cells whose signals are held at once
_ROWS = 128  # of features that are held at once where signals are not


def chunks(study: Study, cells: I64, size: int = AT_ONCE) -> Iterator[I64]:
    """Yield some cells a few at a time, while the study's lanes hold what these read."""
    for start in range(0, cells.size, size):
        chunk = cells[start : start + size]
        study.lanes.hold_rows(study.reads.take(chunk).rows())
        yield chunk


def runnable(study: Study, lane: Lane) -> I64:
    """Return the cells that come out of their warm-up in a lane."""
    return np.flatnonzero(study.lookback < lane.own_bars)


def settled(orders: Orders, lane: Lane, execution: Execution, capital: float) -> F64:
    """Return the equity of some accounts at each close.

    Parameters
    ----------
    orders : Orders
        Of C accounts.
    lane : Lane
        T bars.
    execution : Execution
    capital : float
        USD before the first close.

    Returns
    -------
    (T, C) float64
        USD.
    """
    rows, starts = orders
    rules, bars = execution.as_array(), lane.rows
    actions = np.empty(len(lane) + 1, dtype=np.int32)
    actions_nb(bars, rules, actions)
    out = np.empty((starts.size - 1, len(lane)))
    for c in range(len(out)):
        sums = np.zeros((1, N_SUMS)).view(SUMS)
        settle_nb(rows, starts[c], starts[c + 1], capital, bars, actions, rules, sums[0, 0], out[c])
    return out.T


def returns_from(equity: F64, capital: float) -> F64:
    """Return the return of each bar.

    Parameters
    ----------
    equity : (T, C) float64
        USD at each close.
    capital : float
        USD before the first.

    Returns
    -------
    (T, C) float64
        Fractions. An account whose equity falls to 0 or below has lost all: −1 there, and 0 after it.
    """
    before = np.vstack([np.full((1, equity.shape[1]), capital), equity[:-1]])
    ruined = np.logical_or.accumulate(equity <= 0.0, axis=0)
    if not ruined.any():
        return np.asarray(equity / before - 1.0)
    gone = np.vstack([np.zeros((1, equity.shape[1]), dtype=np.bool_), ruined[:-1]])
    out = equity / np.where(gone, 1.0, before) - 1.0
    return np.where(gone, 0.0, np.where(ruined, -1.0, out))


def returns_of(study: Study, lane: Lane, cells: I64) -> F64:
    """Return the returns of some accounts, bar by bar.

    Parameters
    ----------
    study : Study
    lane : Lane
        T bars.
    cells : (C,) int64
        Each comes out of its warm-up in this lane; the bars before that are bars without a position.

    Returns
    -------
    (T, C) float64
        Fractions, from the first bar that may trade; as `returns_from` says.
    """
    executor = _scan(study)
    out = np.empty((len(lane), cells.size))
    done = 0
    for chunk in chunks(study, cells):
        out[:, done : done + chunk.size] = executor.returns(lane, study.cells(lane, chunk))
        done += chunk.size
    return out


def trials_of(study: Study, lane: Lane, cells: I64) -> tuple[Moments, NDArray[np.float16]]:
    """Return what the trial ledger keeps of some accounts: made in one scan, which holds no returns.

    Parameters
    ----------
    study : Study
    lane : Lane
        T bars, 3 or more.
    cells : (C,) int64
        As of `returns_of`.

    Returns
    -------
    Moments
    (C, 128) float16
        Their sketches (`research.evidence.trials`).
    """
    executor, parts = _scan(study), []
    for group, rows in groups(study, cells, _ROWS):
        study.lanes.hold_rows(rows)
        parts.append(executor.trials(lane, study.cells(lane, group)))
    sharpe, skewness, kurtosis, autocorrelation = (
        np.concatenate([found[k] for found, _ in parts]) for k in range(4)
    )
    drawn = np.concatenate([sketched for _, sketched in parts])
    return Moments(sharpe, skewness, kurtosis, autocorrelation, len(lane)), drawn


def _scan(study: Study) -> FusedExecutor:
    executor = FusedExecutor(study.request.execution, study.request.initial_capital)
    executor.jobs = study.request.cores
    return executor
