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
def recursion_nb(step: NDArray[np.int64], x: Array, rows: Array, state: Array, start: int, stop: int) -> None:
    """Run a recursive step on one symbol's block; its kernels take whole series.

    Parameters
    ----------
    step : (PROGRAM_WIDTH,) int64
        A step whose code is one of the last block in `research.kernels.codes`.
    x, rows, start, stop
        As for `steps_nb`, of one lane.
    state : (S,) float64, changed in place
        Carried state of all steps of the symbol.
    """
    code, n, p1 = step[do.CODE], step[do.P0], step[do.P1]
    carried = state[step[do.STATE] : step[do.STATE_END]]
    close = x[do.CLOSE, :stop]
    out = rows[step[do.OUT0], :stop]
    if code == do.EMA:
        recursive.dist_ema_nb(close, n, p1, start, carried, out)
    elif code == do.MACD:
        line, hist = rows[step[do.OUT1], :stop], rows[step[do.OUT2], :stop]
        recursive.macd_nb(close, n, p1, step[do.P2], step[do.P3], start, carried, out, line, hist)
    elif code == do.TRIX:
        recursive.trix_nb(close, n, p1, start, carried, out)
    elif code == do.EWMA_VOL:
        recursive.ewma_vol_nb(x[do.RETURN, :stop], n, p1, start, carried, out)
    elif code == do.RSI:
        recursive.rsi_nb(close, n, p1, start, carried, out)
    elif code == do.ATR:
        recursive.atr_pct_nb(x[do.HIGH, :stop], x[do.LOW, :stop], close, n, p1, start, carried, out)
    elif code == do.ADX:
        di_diff = rows[step[do.OUT1], :stop]
        recursive.adx_nb(x[do.HIGH, :stop], x[do.LOW, :stop], close, n, p1, start, carried, out, di_diff)


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
    lanes = who.size
    near = np.empty((do.N_COLUMNS, 2))
    made = np.empty((rows.shape[0], 2))
    for k in range(program.shape[0]):
        if program[k, do.CODE] < do.EMA:
            continue
        if lanes == 1:
            recursion_nb(program[k], x, rows, states[who[0]], start, stop)
            continue
        for lane in range(lanes):
            if who[lane] >= 0:
                i = U(start * lanes + lane)
                for c in (do.HIGH, do.LOW, do.CLOSE, do.RETURN):
                    near[c, 0] = x[c, i - U(lanes)]
                    near[c, 1] = x[c, i]
                recursion_nb(program[k], near, made, states[who[lane]], 1, 2)
                for part in range(do.OUT0, do.OUT3):
                    if program[k, part] >= 0:
                        rows[program[k, part], i] = made[program[k, part], 1]


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
