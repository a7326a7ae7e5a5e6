"""One account, one bar: what happens between two closes, and what is decided at the second.

In: an `Account`, the bars of N symbols, the signals at their close. Out: the
account one bar later, the orders filled in the bar, the intents for the next
open. Backtests, sweeps, labels and the live runner all call these functions.

A bar, in this order (`fill_bar_nb`):

1. *Open.* Splits and dividends; then, symbol by symbol, exits decided at the last
   close, and stops or targets that the open is already beyond. All of these fill
   at the open.
2. *Entries*, in symbol order, at the open, cut to the cash that is then free.
3. *Inside the bar.* The stop, at its level; else the target, at its level.
4. *Close.* The trailing stop moves; the account is marked.

Then, at the close (`decide_nb`): exits, time limits, and entries with their
quantity fixed.

Market orders (entries, exits, stops) pay slippage, targets are limit orders and
pay none; all pay commission. Arrays are (N, T) with the bar as column `i`, so
that a scan passes the whole history and live passes one column.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.fills import (
    NUDGE,
    corporate_nb,
    drop_entry_nb,
    enter_nb,
    free_cash_nb,
    inside_held_nb,
    open_held_nb,
    whole_nb,
)
from research.kernels.jit import njit

__all__ = ["decide_nb", "fill_bar_nb"]


@njit
def fill_bar_nb(
    account: Account,
    open: NDArray[np.float64],  # noqa: A002
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    i: int,
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
    n: int,
) -> int:
    """Carry the account through bar `i`, from its open to its close.

    Parameters
    ----------
    account : Account
        Changed in place. Its own count of bars is the index that orders carry.
    open, high, low, close : (N, T) float64, raw USD
        NaN where a symbol has no bar: it then keeps its last mark, an entry that
        waited for it lapses, an exit waits on.
    split : (N, T) float64
        New shares per old share at this open, 1 if none.
    dividend : (N, T) float64, raw USD
        Per share held before this bar's split, 0 if none.
    i : int
        Column of the bar.
    execution : (N_EXECUTION,) float64
    orders : (M, N_ORDER) float64
        Rows from `n` on are written as far as there is room.
    n : int
        Orders so far.

    Returns
    -------
    int
        Orders so far, those without room included.
    """
    totals, position, pending = account.totals, account.positions, account.pending
    n_symbols = position.shape[0]
    entering = False
    for k in range(n_symbols):
        position[k, ac.P_LAPSED] = 0.0
        price = open[k, i]
        if not price == price:
            if pending[k, ac.Q_QTY] != 0.0:
                totals[ac.A_LAPSED_NO_BAR] += 1.0
                position[k, ac.P_LAPSED] = ac.GATE_NO_BAR
                drop_entry_nb(account, k)
        elif position[k, ac.P_QTY] != 0.0:
            position[k, ac.P_HELD] += 1.0
            if split[k, i] != 1.0 or dividend[k, i] != 0.0:
                corporate_nb(account, k, price, split[k, i], dividend[k, i], execution)
            if position[k, ac.P_QTY] != 0.0:
                n = open_held_nb(account, k, price, execution, orders, n)
        elif pending[k, ac.Q_QTY] != 0.0:
            entering = True
            if split[k, i] != 1.0:
                waiting = pending[k, ac.Q_QTY] * split[k, i]
                size = whole_nb(abs(waiting) * NUDGE, execution[ac.X_FRACTIONAL])
                pending[k, ac.Q_QTY] = math.copysign(size, waiting)
                if size == 0.0:
                    totals[ac.A_LAPSED_SIZE] += 1.0
                    position[k, ac.P_LAPSED] = ac.GATE_SIZE
                    drop_entry_nb(account, k)
    if entering:
        for k in range(n_symbols):
            if pending[k, ac.Q_QTY] != 0.0:
                n = enter_nb(account, k, open[k, i], execution, orders, n)
    for k in range(n_symbols):
        price = close[k, i]
        if position[k, ac.P_QTY] != 0.0:
            if price == price:
                n = inside_held_nb(account, k, open[k, i], high[k, i], low[k, i], execution, orders, n)
        if price == price:
            position[k, ac.P_MARK] = price
    invested = 0.0
    for k in range(n_symbols):
        qty = position[k, ac.P_QTY]
        if qty != 0.0:
            invested += qty * position[k, ac.P_MARK]
    equity = totals[ac.A_CASH] + invested
    totals[ac.A_EQUITY] = equity
    totals[ac.A_EXPOSURE] = invested / equity if equity > 0.0 else 0.0
    totals[ac.A_BARS] += 1.0
    return n


@njit
def _intend_nb(account: Account, k: int, i: int, intents: NDArray[np.float64]) -> None:
    """Write what the account wants of symbol `k` at the next open, and what protects it there."""
    position, pending = account.positions, account.pending
    held, entry = position[k, ac.P_QTY], pending[k, ac.Q_QTY]
    side, qty, reason = 0.0, 0.0, 0.0
    if pending[k, ac.Q_EXIT] != 0.0:
        side, qty, reason = -math.copysign(1.0, held), abs(held), pending[k, ac.Q_EXIT]
    elif entry != 0.0:
        side, qty, reason = math.copysign(1.0, entry), abs(entry), ac.ENTERED
    intents[k, i, ac.I_SIDE] = side
    intents[k, i, ac.I_QTY] = qty
    intents[k, i, ac.I_REASON] = reason
    intents[k, i, ac.I_STOP] = pending[k, ac.Q_STOP]
    intents[k, i, ac.I_TARGET] = pending[k, ac.Q_TARGET]
    intents[k, i, ac.I_TRAIL] = pending[k, ac.Q_TRAIL]
    intents[k, i, ac.I_LIMIT] = pending[k, ac.Q_LIMIT]
    intents[k, i, ac.I_HELD] = held
    intents[k, i, ac.I_PROTECT] = position[k, ac.P_PROTECT]
    intents[k, i, ac.I_GOAL] = position[k, ac.P_TARGET]
    intents[k, i, ac.I_LAPSED] = position[k, ac.P_LAPSED]


@njit
def decide_nb(
    account: Account,
    close: NDArray[np.float64],
    signals: NDArray[np.float64],
    i: int,
    execution: NDArray[np.float64],
    tradable: bool,
    intents: NDArray[np.float64],
    gates: NDArray[np.float64],
) -> None:
    """Turn the signals at the close of bar `i` into what waits for the next open.

    Parameters
    ----------
    account : Account
        After `fill_bar_nb` of this bar; its pending orders are changed in place.
    close : (N, T) float64, raw USD
        NaN where a symbol has no bar: nothing is decided for it.
    signals : (N_SIGNALS, N, T) float64
        Rows of `research.kernels.signals`.
    i : int
        Column of the bar.
    execution : (N_EXECUTION,) float64
    tradable : bool
        False in bars reserved for training: no entries.
    intents : (N, T, N_INTENT) float64
        Column `i` is written; of shape (N, 0, N_INTENT) where nobody reads them.
    gates : (N, T) float64
        Column `i` is written: 0, the strategy's gate, or an account gate (≥ 100);
        of shape (N, 0) where nobody reads them.

    Notes
    -----
    Quantity: ⌊weight × equity ÷ close × (1 + 1e-12)⌋. Symbols do not compete here:
    each is sized as if alone, and entries are cut to cash at the fill, in symbol order.
    """
    totals, position, pending = account.totals, account.positions, account.pending
    decided = totals[ac.A_BARS] - 1.0
    free = math.nan
    for k in range(position.shape[0]):
        price = close[k, i]
        qty = position[k, ac.P_QTY]
        if price == price and qty != 0.0:
            closes = signals[sg.EXIT, k, i]
            if closes == 2.0 or closes == math.copysign(1.0, qty):
                pending[k, ac.Q_EXIT] = ac.SIGNAL
                pending[k, ac.Q_EXIT_DECIDED] = decided
            elif position[k, ac.P_HELD] >= position[k, ac.P_LIMIT]:
                pending[k, ac.Q_EXIT] = ac.TIME
                pending[k, ac.Q_EXIT_DECIDED] = decided
    for k in range(position.shape[0]):
        price = close[k, i]
        side = signals[sg.ENTRY, k, i]
        gate = signals[sg.GATE, k, i]
        if not price == price:
            gate = ac.GATE_NO_BAR
        elif gate == 0.0 and (side > 0.0 or side < 0.0):
            if not tradable:
                gate = ac.GATE_TRAINING
            elif position[k, ac.P_QTY] != 0.0:
                gate = ac.GATE_HELD
            elif side < 0.0 and execution[ac.X_ALLOW_SHORT] == 0.0:
                gate = ac.GATE_SHORT
            else:
                shares = signals[sg.WEIGHT, k, i] * totals[ac.A_EQUITY] / price
                size = whole_nb(shares * NUDGE, execution[ac.X_FRACTIONAL])
                if not free == free:
                    free = _free_after_exits_nb(account)
                if not 0.0 < size < math.inf:
                    gate = ac.GATE_SIZE
                elif not free > 0.0:
                    gate = ac.GATE_CASH
                else:
                    pending[k, ac.Q_QTY] = math.copysign(size, side)
                    pending[k, ac.Q_STOP] = signals[sg.STOP, k, i]
                    pending[k, ac.Q_TARGET] = signals[sg.TARGET, k, i]
                    pending[k, ac.Q_TRAIL] = signals[sg.TRAIL, k, i]
                    pending[k, ac.Q_LIMIT] = signals[sg.LIMIT, k, i]
                    pending[k, ac.Q_DECIDED] = decided
        if gates.shape[1] > 0:
            gates[k, i] = gate
        if intents.shape[1] > 0:
            _intend_nb(account, k, i, intents)


@njit
def _free_after_exits_nb(account: Account) -> float:
    """Return the cash that entries may count on: exits already decided fill before them."""
    free = free_cash_nb(account)
    for k in range(account.positions.shape[0]):
        if account.pending[k, ac.Q_EXIT] != 0.0:
            free += abs(account.positions[k, ac.P_QTY]) * account.positions[k, ac.P_MARK]
    return free
