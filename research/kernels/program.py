"""A feature program: integer rows that say which kernel runs on which rows of one symbol's block.

In: base columns of one symbol's own bars (a tail of earlier bars, then the block), or of one bar of several
symbols side by side; a program; the carried states. Out: one row per statistic and feature, filled for the
block.

Conventions
-----------
*Columns*, ``x[OPEN]`` … ``x[RETURN]``, are the base series of a symbol; *rows* are what steps have
computed from them, bar by bar beside the columns. A step is a list of integers: code, four
parameters, five input rows, five output rows (−1: not wanted), begin and end of its state. Steps run
in order on the bars ``start..stop−1`` of the block. Bar 0 is the symbol's first, or the columns hold
as many bars before `start` as any step looks back.

*Lanes*: several symbols lie side by side, bar by bar: place i·lanes + b of a column or row is bar i of the
symbol in lane b. A lag of one bar is `lanes` places; what has no lag does not see the difference. Each lane
has a state of its own, and more than one lane only ever runs one bar, with all earlier bars in place.

*Tree steps* (``T_…``) load a series into scratch and take a statistic of its windows (see
`research.kernels.windows`); their parameters are window, column or lag, pair of columns, lookback, and output
k is row k of the statistic; IN0 is where the layout of their window begins (`research.kernels.folds`).
*Recursive steps* read columns and carry state; their last parameter is the
warm-up. *Row steps* turn columns and rows of the same bar into features, so that the NaN of a warm-up
passes through.

Kernels are called by module-level names in flat switches: a function passed as an argument would miss
the on-disk cache, and what lies under several levels of calls is optimised anew at every level. They take
the two-dimensional arrays and row numbers: cutting out a row counts a reference, atomically, which
costs more than most kernels spend on one bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels import recursive
from research.kernels.jit import inlined, njit
from research.kernels.rows import rows_nb
from research.kernels.trees import trees_nb
from research.kernels.windows import Array, U

__all__ = ["recursion_nb", "steps_nb"]


@njit
def recursion_nb(
    step: tuple[int, int, int, int, int],
    high: Array,
    low: Array,
    close: Array,
    ret: Array,
    start: int,
    carried: Array,
    out: Array,
    out1: Array,
    out2: Array,
) -> None:
    """Run a recursive step on one symbol's block; its kernels take whole series.

    Parameters
    ----------
    step : 5 int
        Code, one of the last block in `research.kernels.codes`, and parameters.
    high, low, close, ret : (stop,) float64
        Columns of the symbol.
    start : int
        First bar to fill.
    carried : (S,) float64, changed in place
        The step's state.
    out, out1, out2 : (stop,) float64, changed in place
        Its outputs; those that it does not have, or nobody wants, are left alone or overwritten.
    """
    code, n, p1, p2, p3 = step
    if code == do.EMA:
        recursive.dist_ema_nb(close, n, p1, start, carried, out)
    elif code == do.MACD:
        recursive.macd_nb(close, n, p1, p2, p3, start, carried, out, out1, out2)
    elif code == do.TRIX:
        recursive.trix_nb(close, n, p1, start, carried, out)
    elif code == do.EWMA_VOL:
        recursive.ewma_vol_nb(ret, n, p1, start, carried, out)
    elif code == do.RSI:
        recursive.rsi_nb(close, n, p1, start, carried, out)
    elif code == do.ATR:
        recursive.atr_pct_nb(high, low, close, n, p1, start, carried, out)
    elif code == do.ADX:
        recursive.adx_nb(high, low, close, n, p1, start, carried, out, out1)


@njit
def recursions_beside_nb(
    program: NDArray[np.int64], x: Array, rows: Array, states: Array, who: NDArray[np.int64], bar: int
) -> None:
    """Run the recursive steps of a program on one bar of several lanes, each by itself.

    Parameters
    ----------
    program, x, rows, states, who
        As for `steps_nb`.
    bar : int
        The bar; the one before it is read too.
    """
    lanes = who.size
    # Cut out once what all lanes need: a reference is counted atomically, which costs more than one bar does.
    high, low, close, ret = np.empty(2), np.empty(2), np.empty(2), np.empty(2)
    made, made1, made2 = np.empty(2), np.empty(2), np.empty(2)
    for k in range(program.shape[0]):
        code = program[k, do.CODE]
        if code < do.EMA:
            continue
        step = code, program[k, do.P0], program[k, do.P1], program[k, do.P2], program[k, do.P3]
        begin, end = program[k, do.STATE], program[k, do.STATE_END]
        r0, r1, r2 = program[k, do.OUT0], program[k, do.OUT1], program[k, do.OUT2]
        for lane in range(lanes):
            if who[lane] < 0:
                continue
            now = U(bar * lanes + lane)
            before = now - U(lanes)
            high[0], high[1] = x[do.HIGH, before], x[do.HIGH, now]
            low[0], low[1] = x[do.LOW, before], x[do.LOW, now]
            close[0], close[1] = x[do.CLOSE, before], x[do.CLOSE, now]
            ret[0], ret[1] = x[do.RETURN, before], x[do.RETURN, now]
            recursion_nb(step, high, low, close, ret, 1, states[who[lane], begin:end], made, made1, made2)
            rows[r0, now] = made[1]
            if r1 >= 0:
                rows[r1, now] = made1[1]
            if r2 >= 0:
                rows[r2, now] = made2[1]


@njit
def recursions_nb(
    program: NDArray[np.int64],
    x: Array,
    rows: Array,
    states: Array,
    who: NDArray[np.int64],
    start: int,
    stop: int,
) -> None:
    """Run the recursive steps of a program; of several lanes each by itself, on its last two bars.

    Parameters
    ----------
    program, x, rows, states, who, start, stop
        As for `steps_nb`.
    """
    if who.size > 1:
        recursions_beside_nb(program, x, rows, states, who, start)
        return
    for k in range(program.shape[0]):
        code = program[k, do.CODE]
        if code < do.EMA:
            continue
        step = code, program[k, do.P0], program[k, do.P1], program[k, do.P2], program[k, do.P3]
        carried = states[who[0], program[k, do.STATE] : program[k, do.STATE_END]]
        r0, r1, r2 = program[k, do.OUT0], program[k, do.OUT1], program[k, do.OUT2]
        recursion_nb(
            step, x[do.HIGH, :stop], x[do.LOW, :stop], x[do.CLOSE, :stop], x[do.RETURN, :stop], start,
            carried, rows[r0, :stop], rows[r1, :stop], rows[r2, :stop],
        )  # fmt: skip


@inlined
def steps_nb(
    program: NDArray[np.int64],
    order: NDArray[np.int64],
    x: Array,
    rows: Array,
    s: Array,
    states: Array,
    who: NDArray[np.int64],
    start: int,
    stop: int,
) -> None:
    """Run a program on a block.

    Parameters
    ----------
    program : (P, PROGRAM_WIDTH) int64
        Tree steps, recursive steps and row steps, in this order; inputs come first.
    order : (M,) int64
        Layouts of windows.
    x : (N_COLUMNS, T·lanes) float64
        Base columns; bars 0..stop−1 are filled.
    rows : (R, ≥ stop·lanes) float64, changed in place
        Workspace; bars start..stop−1 of every output are filled.
    s : (SCRATCH_SLOTS, SCRATCH_ROWS, ≥ stop·lanes) float64, changed in place
        Scratch.
    states : (N, S) float64, changed in place
        Carried state of all steps of every symbol.
    who : (lanes,) int64
        Symbol in each lane; negative where the lane is not to advance.
    start, stop : int
        The block, in bars; one bar if there are several lanes.
    """
    lanes = who.size
    trees_nb(program, order, x, rows, s, start * lanes, stop * lanes, lanes)
    recursions_nb(program, x, rows, states, who, start, stop)
    rows_nb(program, x, rows, s, states, who, start * lanes, stop * lanes)
