"""Time limits through vectorbt, whose arrays cannot say them: run again until no trade outlives its own.

A time limit closes a position that an array of signals cannot know of. But given the orders of a run,
the closes at which their trades are due follow, and an exit signal on such a close says the same:

1. Guess where trades are due; our own scan guesses well.
2. Put exit signals on these closes, and on no others, and run.
3. Of every trade in vectorbt's orders, find the close at which it is due: its last bar, the entry's own
   being the first.
4. Done where these are the closes that exit signals were put on. Else take them for a guess, and run the
   columns again.

Whatever was guessed for the first close, the first round is right about it, and each round is right for
one close more than the one before. So it ends, and there is one end only: orders of vectorbt's own, of
which none is older than its limit and none is closed before it. A bad guess costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import copy_account, empty_orders, new_account
from research.kernels.ride import ride_signals_nb
from research.simulation.with_vectorbt import VectorbtRun

__all__ = ["due_closes", "guess", "within_limits"]

B8 = NDArray[np.bool_]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def within_limits(run: Callable[[F64], VectorbtRun], signals: F64, told: B8) -> VectorbtRun:
    """Run columns of one gapless symbol such that no trade lives longer than its time limit.

    Parameters
    ----------
    run : callable
        Signals without time limits, (S, C', T), to vectorbt's run of them on one symbol.
    signals : (S, C, T) float64
        Changed: exits and entries at the closes where a trade is due, and LIMIT to NaN.
    told : (C, T) bool
        A guess of these closes; changed into them.

    Returns
    -------
    VectorbtRun
        Of all C columns.
    """
    limit = signals[sg.LIMIT].copy()
    signals[sg.LIMIT] = np.nan
    wishes = signals[[sg.ENTRY, sg.EXIT]]
    wrong = np.arange(limit.shape[0])
    kept = []
    while True:
        # A close that closes a position enters none: the account is not flat before the next open.
        signals[sg.ENTRY, wrong] = np.where(told[wrong], 0.0, wishes[0, wrong])
        signals[sg.EXIT, wrong] = np.where(told[wrong], 2.0, wishes[1, wrong])
        found = run(signals if wrong.size == limit.shape[0] else signals[:, wrong])
        due = due_closes(found.orders["column"], found.orders["bar"], limit[wrong])
        again = np.any(due != told[wrong], axis=1)
        done = found.orders[~again[found.orders["column"]]]
        done["column"] = wrong[done["column"]]
        kept.append(done)
        told[wrong] = due
        wrong = wrong[again]
        if not wrong.size:
            break
    orders = np.concatenate(kept)
    orders = orders[np.argsort(orders["column"], kind="stable")]
    return replace(found, orders=orders, symbol_of=np.zeros(limit.shape[0], dtype=np.int64))


def due_closes(column: I64, bar: I64, limit: F64) -> B8:
    """Return the closes at which trades have reached their limit and are still held.

    Parameters
    ----------
    column, bar : (M,) int64
        Of orders by column and time, entries and exits in turn.
    limit : (C, T) float64
        Bars that an entry decided at each close may be held; NaN: no limit.

    Returns
    -------
    (C, T) bool
    """
    n_bars = limit.shape[1]
    due = np.zeros(limit.shape, dtype=np.bool_)
    place = np.arange(column.size) - np.searchsorted(column, column)
    entry = np.flatnonzero(place % 2 == 0)
    after = np.minimum(entry + 1, max(column.size - 1, 0))
    closed = (after > entry) & (column[after] == column[entry])
    until = np.where(closed, bar[after], n_bars)  # the exit fills in this bar
    decided = bar[entry] - 1
    # The bar that it filled in is its first; no limit is a bar that never comes.
    at = decided + np.nan_to_num(limit[column[entry], decided], nan=n_bars)
    held = (at < until) & (at < n_bars)
    due[column[entry][held], at[held].astype(np.int64)] = True
    return due


def guess(rows: F64, signals: F64, execution: Execution, capital: float) -> B8:
    """Return where our own scan has trades due, (C, T).

    Parameters
    ----------
    rows : (N_BARS, T) float64
        One symbol's bars as `Lane.rows` gives them.
    signals : (S, C, T) float64
    execution : Execution
    capital : float
        USD of each account.
    """
    n_columns, n_bars = signals.shape[1:]
    blank, orders = new_account(1, capital), empty_orders(n_bars, 1)
    due = np.empty((n_columns, n_bars), dtype=np.bool_)
    for c in range(n_columns):
        own = np.ascontiguousarray(signals[:, c])
        n = ride_signals_nb(copy_account(blank), rows, own, execution.as_array(), orders)
        bar = orders[:n, ac.O_BAR].astype(np.int64)
        due[c] = due_closes(np.zeros_like(bar), bar, own[sg.LIMIT][None])[0]
    return due
