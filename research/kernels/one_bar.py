"""One bar of many symbols, as live has it: the program runs on several symbols side by side.

In: one bar per symbol, NaN where it has none; the tails and states of the symbols. Out: features of the
bar; the tails and states after it.

A program of a hundred steps on one bar of one symbol is spent on finding its way through the program. So
each step takes as many symbols as a tail has lanes, and what is a loop over bars in a long block is one
over symbols here, through the same kernels:

1. Lanes that have a bar are brought to end at the same one: a lane that missed some lies behind. Where
   the tail is full, the last `keep` bars of every lane are moved to its front.
2. The bar is appended, and the program run on it. Lanes without a bar compute what nobody reads.

A symbol with fewer bars than the longest step looks back is left alone: it is still to be advanced by
itself (`research.kernels.advance`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels.history import ROOM, move_nb
from research.kernels.jit import njit
from research.kernels.logarithm import ln_nb
from research.kernels.program import steps_nb
from research.kernels.windows import Array, U

__all__ = ["one_bar_nb"]


@njit
def align_nb(
    tail: Array,
    filled: NDArray[np.int64],
    who: NDArray[np.int64],
    first: int,
    phase: int,
    keep: int,
    reads: NDArray[np.bool_],
) -> int:
    """Bring the lanes that have a bar to end at the same one and return it, with room behind it.

    Parameters
    ----------
    tail : (N_COLUMNS, capacity·lanes) float64, changed in place
    filled : (N,) int64, changed in place
    who : (lanes,) int64
        Symbol in each lane; negative where it has no bar.
    first : int
        Symbol in lane 0.
    phase : int
        Where to put a full tail, 0 to ROOM − 1 bars behind the front. Tails that differ in it are never
        all full on the same bar.
    keep, reads
        As for `research.kernels.advance.advance_nb`.
    """
    lanes = who.size
    at = keep
    for j in range(first, min(first + lanes, filled.size)):
        at = max(at, filled[j])
    if at * lanes == tail.shape[1]:
        at = keep + phase
    for lane in range(min(lanes, filled.size - first)):
        j = first + lane
        if filled[j] > at or (who[lane] >= 0 and filled[j] != at):
            move_nb(tail, lane, lanes, filled[j], at, keep, reads)
            filled[j] = at
    return at


@njit
def append_bar_nb(
    bar: tuple[Array, Array, Array, Array, Array],
    who: NDArray[np.int64],
    at: int,
    reads: NDArray[np.bool_],
    tail: Array,
    powers: Array,
) -> None:
    """Append a bar, its logarithms and its log return to each lane that has one.

    Parameters
    ----------
    bar : open, high, low, close, volume, (N, 1) float64 each
    who : (lanes,) int64
        Symbol in each lane; negative where it has no bar.
    at : int
        Bar of the tail to write, ≥ 1.
    reads : (N_COLUMNS,) bool
        Columns to append.
    tail : (N_COLUMNS, capacity·lanes) float64, changed in place
    powers : (lanes,) float64, changed in place
        Scratch.
    """
    begin = U(at * who.size)
    step = U(who.size)
    open_, high, low, close, volume = bar
    for lane in range(who.size):
        j = who[lane]
        if j >= 0:
            place = begin + U(lane)
            tail[do.OPEN, place] = open_[j, 0]
            tail[do.HIGH, place] = high[j, 0]
            tail[do.LOW, place] = low[j, 0]
            tail[do.CLOSE, place] = close[j, 0]
            tail[do.VOLUME, place] = volume[j, 0]
    bits = tail.view(np.uint64)
    for c in range(do.LN_OPEN, do.LN_CLOSE + 1):
        if reads[c]:
            source = c - do.LN_OPEN + do.OPEN
            ln_nb(tail, bits, source, c, begin, begin + step, powers, powers.view(np.uint64))
    if reads[do.RETURN]:
        for i in range(begin, begin + step):
            tail[do.RETURN, i] = tail[do.LN_CLOSE, i] - tail[do.LN_CLOSE, i - step]


@njit
def one_bar_nb(
    program: NDArray[np.int64],
    order: NDArray[np.int64],
    wanted: NDArray[np.int64],
    keep: int,
    reads: NDArray[np.bool_],
    bar: tuple[Array, Array, Array, Array, Array],
    tails: Array,
    filled: NDArray[np.int64],
    states: Array,
    rows: Array,
    s: Array,
    lanes: int,
    first: int,
    last: int,
    out: Array,
) -> None:
    """Advance the features of the symbols of tails first..last−1 that hold `keep` bars by one instant.

    Parameters
    ----------
    program, order, wanted, keep, reads, bar, tails, filled, states, rows, s, lanes
        As for `research.kernels.advance.advance_nb`, with T = 1.
    first, last : int
        Tails to advance.
    out : (K, N, 1) float64, changed in place
        Features; NaN where a symbol has no bar.
    """
    symbols = filled.size
    close = bar[3]
    who = np.empty(lanes, np.int64)
    powers = np.empty(lanes)
    for g in range(first, last):
        begin = g * lanes
        count = min(lanes, symbols - begin)
        who[:] = -1
        running = 0
        for lane in range(count):
            j = begin + lane
            if math.isnan(close[j, 0]):
                for k in range(wanted.size):
                    out[k, j, 0] = np.nan
            elif filled[j] >= keep:
                who[lane] = j
                running += 1
        if running == 0:
            continue
        tail = tails[g]
        at = align_nb(tail, filled, who, begin, g % ROOM, keep, reads)
        append_bar_nb(bar, who, at, reads, tail, powers)
        steps_nb(program, order, tail, rows, s, states, who, at, at + 1)
        place = U(at * lanes)
        for k in range(wanted.size):
            row = wanted[k]
            for lane in range(count):
                if who[lane] >= 0:
                    value = rows[row, place + U(lane)]
                    # One bit pattern for NaN, whichever operation made it.
                    out[k, begin + lane, 0] = value if value == value else np.nan
        for lane in range(count):
            if who[lane] >= 0:
                filled[who[lane]] = at + 1
