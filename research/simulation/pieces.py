"""Pieces of a lane: a cell's account on some of its bars, begun flat, and closed in time where it must be.

In: a lane that holds features, a span of its bars, a cell. Out: equity, one figure, the trades it opened.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.kernels import signals as sg
from research.simulation.equity import settled
from research.simulation.executors import settle
from research.simulation.fused import FusedExecutor
from research.simulation.lanes import Cells, Lane
from research.simulation.study import Study

__all__ = ["Bought", "Outcome", "Piece", "run_piece"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Piece(Lane):
    """A piece of a lane; where it is `closing`, what is open at its last bar leaves at that bar's open."""

    closing: bool = False

    @classmethod
    def of(cls, lane: Lane, begin: int, end: int, closing: bool = False) -> Piece:
        """Cut bars begin … end − 1, with the features that the lane holds now."""
        known = {field.name: getattr(lane, field.name) for field in fields(Lane)}
        known["bar_close"] = lane.bar_close[begin:end]
        known["bars"] = {key: values[begin:end] for key, values in lane.bars.items()}
        known["features"] = lane.features.cut(begin, end)
        return cls(**known, closing=closing)

    def signals(self, cells: Cells) -> F64:
        """Return the signal rows of some cells, (S, C, T)."""
        out = super().signals(cells)
        if self.closing:
            out[sg.ENTRY, :, -2:] = 0.0
            out[sg.EXIT, :, -2] = 2.0  # either side, at the next open
        return out


class Bought(Piece):
    """A piece of a lane in which all cells buy at once and hold."""

    def signals(self, cells: Cells) -> F64:
        """Return the signal rows of some cells, (S, C, T)."""
        out = np.zeros((sg.N_SIGNALS, len(cells), len(self)))
        out[[sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]] = np.nan
        out[[sg.ENTRY, sg.WEIGHT]] = 1.0
        return out


class Outcome(NamedTuple):
    """What a cell's account did on a piece: equity at each close (T,), one figure, the trades it opened."""

    equity: F64
    score: float
    trades: int


def run_piece(
    study: Study, lane: Lane, cell: int, span: tuple[int, int, bool], money: float, metric: str,
    kind: type[Piece] = Piece,
) -> Outcome:  # fmt: skip
    """Run one cell on a piece of its lane.

    Parameters
    ----------
    study : Study
    lane : Lane
    cell : int
    span : tuple of int, int and bool
        First bar, the one after the last, whether it is closing.
    money : float
        USD before the first bar.
    metric : str
        The figure to return.
    kind : type
        `Bought` for buying and holding.
    """
    rules = study.request.execution
    study.lanes.hold(study.reads[cell])
    part = kind.of(lane, *span)
    orders = FusedExecutor(rules, money).orders(part, study.cells(lane, np.array([cell])))
    score = float(settle(part, orders, rules, money)[metric][0])
    # Entries and exits take turns.
    return Outcome(settled(orders, part, rules, money)[:, 0], score, (len(orders.rows) + 1) // 2)
