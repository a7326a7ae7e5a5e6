"""Advance the features of many symbols by a block of bars; live is a block of one.

In: adjusted bars, (N, T) per field, NaN where a symbol has no bar; the carried state of each symbol.
Out: features, (K, N, T); the state after the block.

For each symbol, in pieces of at most `BLOCK` of its own bars:

1. Its last `keep` bars are fetched from its tail (`research.kernels.history`) into columns of its own;
   a piece later, from the end of these columns to their front.
2. Append the columns that the program reads, logarithms and the log return among them. A missing bar
   appends nothing; its row is NaN.
3. Run the program on the new rows (`research.kernels.program`).
4. Copy the rows that were asked for to their place in time.
5. After the last piece, the last `keep` bars go back to the tail.

A single bar of many symbols has a way of its own (`research.kernels.one_bar`), to the same bits.

Nothing crosses symbols, so threads may take a range of them each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels.history import fetch_nb, store_nb
from research.kernels.jit import inlined, njit
from research.kernels.logarithm import ln_nb
from research.kernels.program import steps_nb
from research.kernels.windows import Array, U

__all__ = ["BLOCK", "advance_nb"]

BLOCK = 512


@inlined
def gaps_nb(close: Array, t: int, stop: int) -> int:
    """Count the missing bars among instants t..stop−1; several at a time, as a search that may end cannot."""
    missing = 0
    first = U(t)
    for i in range(U(max(stop - t, 0))):
        missing += close[first + i] != close[first + i]
    return missing


@inlined
def append_nb(
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
    volume: Array,
    t: int,
    stop: int,
    room: int,
    reads: NDArray[np.bool_],
    tail: Array,
    bits: NDArray[np.uint64],
    at: int,
    when: NDArray[np.int64],
    powers: Array,
    power_bits: NDArray[np.uint64],
) -> tuple[int, int]:
    """Append a symbol's own bars from instant `t` on to its tail, at most `room` of them.

    Parameters
    ----------
    open_, high, low, close, volume : (T,) float64
        Adjusted bars of one symbol; a NaN close is no bar.
    t, stop : int
        Instants to look at.
    room : int
        Bars to append at most.
    reads : (N_COLUMNS,) bool
        Columns to append. A logarithm needs what it is of, the return the logarithm of the close.
    tail : (N_COLUMNS, capacity) float64, changed in place
        Base columns.
    bits : (N_COLUMNS, capacity) uint64
        The same memory.
    at : int
        Row of the tail to write first; row at − 1 holds the bar before, if at > 0.
    when : (BLOCK,) int64, changed in place
        Instant of each appended bar; left alone where none is missing.
    powers, power_bits : (BLOCK,) float64 and uint64, changed in place
        Scratch, the same memory twice.

    Returns
    -------
    int, int
        Bars appended; first instant not looked at.
    """
    n = 0
    whole = not gaps_nb(close, t, min(stop, t + room))
    while t < stop and n < room:
        if math.isnan(close[t]):
            t += 1
            continue
        end = min(stop, t + room) if whole else t + 1
        while end < stop and n + end - t < room and not math.isnan(close[end]):
            end += 1
        row = U(at + n)
        first = U(t)
        if reads[do.OPEN]:
            for i in range(U(end - t)):
                tail[do.OPEN, row + i] = open_[first + i]
        if reads[do.HIGH]:
            for i in range(U(end - t)):
                tail[do.HIGH, row + i] = high[first + i]
        if reads[do.LOW]:
            for i in range(U(end - t)):
                tail[do.LOW, row + i] = low[first + i]
        if reads[do.CLOSE]:
            for i in range(U(end - t)):
                tail[do.CLOSE, row + i] = close[first + i]
        if reads[do.VOLUME]:
            for i in range(U(end - t)):
                tail[do.VOLUME, row + i] = volume[first + i]
        if not whole:
            for i in range(U(end - t)):
                when[U(n) + i] = t + np.int64(i)
        n += end - t
        t = end
    begin = U(at)
    done = U(at + n)
    one = U(1)
    for c in range(do.LN_OPEN, do.LN_CLOSE + 1):
        if reads[c]:
            ln_nb(tail, bits, c - do.LN_OPEN + do.OPEN, c, begin, done, powers, power_bits)
    if reads[do.RETURN]:
        if at == 0 and n > 0:
            tail[do.RETURN, 0] = np.nan
            begin = one
        for i in range(begin, done):
            tail[do.RETURN, i] = tail[do.LN_CLOSE, i] - tail[do.LN_CLOSE, i - one]
    return n, t


@njit
def advance_nb(
    program: NDArray[np.int64],
    order: NDArray[np.int64],
    wanted: NDArray[np.int64],
    keep: int,
    reads: NDArray[np.bool_],
    bars: tuple[Array, Array, Array, Array, Array],
    tails: Array,
    filled: NDArray[np.int64],
    states: Array,
    x: Array,
    rows: Array,
    s: Array,
    lanes: int,
    first: int,
    last: int,
    out: Array,
) -> None:
    """Advance the features of symbols first..last−1 by T instants.

    Parameters
    ----------
    program : (P, PROGRAM_WIDTH) int64
        Steps, see `research.kernels.program`.
    order : (M,) int64
        Layouts of windows that the steps point into, see `research.kernels.folds`.
    wanted : (K,) int64
        Row of the workspace that holds each feature.
    keep : int
        Bars that any step looks back, ≥ 1.
    reads : (N_COLUMNS,) bool
        Base columns that any step reads; the others are left alone.
    bars : open, high, low, close, volume, (N, T) float64 each
        Adjusted bars; a NaN close is no bar.
    tails : (G, N_COLUMNS, capacity·lanes) float64, changed in place
        Base columns of each symbol's last bars, see `research.kernels.history`.
    filled : (N,) int64, changed in place
        Bars in use of each symbol's lane.
    states : (N, S) float64, changed in place
        Carried state of each symbol; zeros before its first bar.
    x : (N_COLUMNS, ≥ keep + BLOCK) float64, changed in place
        Columns of one symbol, of this thread.
    rows : (R, ≥ keep + BLOCK) float64, changed in place
        Workspace of this thread.
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, ≥ keep + BLOCK) float64, changed in place
        Scratch of this thread.
    lanes : int
        Symbols in a tail.
    first, last : int
        Symbols to advance.
    out : (K, N, T) float64, changed in place
        Features; NaN where a symbol has no bar.
    """
    open_, high, low, close, volume = bars
    capacity = keep + BLOCK
    stop = close.shape[1]
    who = np.empty(1, np.int64)
    when = np.empty(BLOCK, np.int64)
    powers = np.empty(BLOCK)
    power_bits = powers.view(np.uint64)
    bits = x.view(np.uint64)
    for j in range(first, last):
        who[0] = j
        lane = j % lanes
        tail = tails[j // lanes]
        at = fetch_nb(tail, lane, lanes, filled[j], keep, reads, x)
        t = 0
        while t < stop:
            if at + min(BLOCK, stop - t) > capacity:
                for c in range(do.N_COLUMNS):
                    if reads[c]:
                        for i in range(keep):
                            x[c, i] = x[c, at - keep + i]
                at = keep
            begin = t
            n, t = append_nb(
                open_[j],
                high[j],
                low[j],
                close[j],
                volume[j],
                t,
                stop,
                BLOCK,
                reads,
                x,
                bits,
                at,
                when,
                powers,
                power_bits,
            )
            steps_nb(program, order, x, rows, s, states, who, at, at + n)
            if n == t - begin:
                for k in range(wanted.size):
                    row = wanted[k]
                    for i in range(U(n)):
                        value = rows[row, U(at) + i]
                        # One bit pattern for NaN, whichever operation made it.
                        out[k, j, U(begin) + i] = value if value == value else np.nan
            else:
                for k in range(wanted.size):
                    for i in range(begin, t):
                        out[k, j, i] = np.nan
                    for i in range(n):
                        value = rows[wanted[k], at + i]
                        out[k, j, when[i]] = value if value == value else np.nan
            at += n
        filled[j] = store_nb(x, at, lane, lanes, keep, reads, tail)
