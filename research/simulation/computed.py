"""Rows of lanes, computed a few bars at a time, so that of rows that only cross no value is kept.

In: a panel, the bars that each lane keeps, rows of features. Out: per lane the values of some, and of others
how they stand among each other. What a stream of features carries makes blocks of bars the bits of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from research.data import Panel
from research.errors import BudgetError
from research.features.catalogue import Feature
from research.features.matrix import FeatureStream
from research.kernels.standing import MOST, stand_nb

__all__ = ["AT_ONCE", "computed"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
AT_ONCE = 256  # bars


def computed(
    panel: Panel, lanes: Sequence[tuple[int, I64]], rows: Sequence[Feature], standing: Sequence[Feature]
) -> list[tuple[F64, NDArray[np.uint16]]]:
    """Compute rows of some lanes, and how others stand among each other.

    Parameters
    ----------
    panel : Panel
        From the first bar that is known.
    lanes : sequence of int and (L,) int64
        A symbol's column, and the bars of the panel that are kept, ascending.
    rows, standing : sequence of Feature
        R rows whose values are kept, and S that stand; one may be both.

    Returns
    -------
    list of (R, L) float64 and (S, L) uint16
        Of each lane: values, and places from 1 on in ascending order; NaN and 0 in a row's warm-up.

    Raises
    ------
    BudgetError
        More rows stand than two bytes can tell apart.
    """
    if len(standing) > MOST:
        raise BudgetError(
            f"at most {MOST} rows may cross each other in one sweep, were {len(standing)}; vary fewer windows"
        )
    made = [
        (np.empty((len(rows), bars.size)), np.zeros((len(standing), bars.size), dtype=np.uint16))
        for _, bars in lanes
    ]
    distinct = {row.name: row for row in (*rows, *standing)}
    if not distinct:
        return made
    stream = FeatureStream(panel.symbols, tuple(distinct.values()))
    place = {name: k for k, name in enumerate(distinct)}
    valued, stood = (np.array([place[row.name] for row in some], dtype=np.int64) for some in (rows, standing))
    orders = [np.arange(len(standing)) for _ in lanes]
    for begin in range(0, len(panel), AT_ONCE):
        block = stream.advance(panel[begin : begin + AT_ONCE])
        for (column, bars), (values, places), order in zip(lanes, made, orders, strict=True):
            first, last = np.searchsorted(bars, [begin, begin + AT_ONCE]).tolist()
            now = np.ascontiguousarray(block[:, column, _span(bars[first:last] - begin)])
            values[:, first:last] = now[valued]
            if stood.size:
                stand_nb(now, stood, order, first, places)
    return made


def _span(places: I64) -> I64 | slice:
    """Return ascending places as a slice, where there is no gap: it copies nothing."""
    if places.size and places[-1] - places[0] == places.size - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places
