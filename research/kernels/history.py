"""The last bars of symbols, several symbols side by side, as a bar of many symbols is computed from.

In and out: the tails of a stream, (G, N_COLUMNS, capacity·lanes). Symbol j is lane b = j mod lanes of tail
g = j div lanes, and place i·lanes + b of a row is its bar i. `filled[j]` bars of it are in use, the last one
newest; what lies behind is not read. Lanes need not end at the same bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels.jit import njit
from research.kernels.windows import Array, U

__all__ = ["ROOM", "fetch_nb", "move_nb", "store_nb"]

# Bars that a tail takes before the last ones are moved to its front.
ROOM = 64


@njit
def fetch_nb(
    tail: Array, lane: int, lanes: int, filled: int, keep: int, reads: NDArray[np.bool_], x: Array
) -> int:
    """Copy the last bars of a lane to the front of columns of its own.

    Parameters
    ----------
    tail : (N_COLUMNS, capacity·lanes) float64
    lane, lanes : int
    filled : int
        Bars of the lane in use.
    keep : int
        Bars to copy at most.
    reads : (N_COLUMNS,) bool
        Columns to copy.
    x : (N_COLUMNS, T) float64, changed in place

    Returns
    -------
    int
        Bars copied.
    """
    held = min(filled, keep)
    step = U(lanes)
    first = U((filled - held) * lanes + lane)
    for c in range(do.N_COLUMNS):
        if reads[c]:
            for i in range(U(held)):
                x[c, i] = tail[c, first + i * step]
    return held


@njit
def store_nb(
    x: Array, end: int, lane: int, lanes: int, keep: int, reads: NDArray[np.bool_], tail: Array
) -> int:
    """Copy the last bars of columns to the front of a lane; the inverse of `fetch_nb`.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    end : int
        Bars in use.
    lane, lanes, keep, reads
        As for `fetch_nb`.
    tail : (N_COLUMNS, capacity·lanes) float64, changed in place

    Returns
    -------
    int
        Bars copied.
    """
    held = min(end, keep)
    step = U(lanes)
    first = U(end - held)
    to = U(lane)
    for c in range(do.N_COLUMNS):
        if reads[c]:
            for i in range(U(held)):
                tail[c, to + i * step] = x[c, first + i]
    return held


@njit
def move_nb(
    tail: Array, lane: int, lanes: int, end: int, to: int, keep: int, reads: NDArray[np.bool_]
) -> None:
    """Move the last `keep` bars of a lane from before bar `end` to before bar `to`.

    Parameters
    ----------
    tail : (N_COLUMNS, capacity·lanes) float64, changed in place
    lane, lanes : int
    end, to : int
        At least `keep`.
    keep : int
        Bars to move.
    reads : (N_COLUMNS,) bool
        Columns to move.
    """
    one = U(1)
    step = U(lanes)
    source = U((end - keep) * lanes + lane)
    target = U((to - keep) * lanes + lane)
    for c in range(do.N_COLUMNS):
        if reads[c]:
            for k in range(U(keep)):
                # From the side on which nothing is overwritten that has yet to move.
                i = k if to < end else U(keep) - one - k
                tail[c, target + i * step] = tail[c, source + i * step]
