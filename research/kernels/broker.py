"""One account walked over bars: what happens between two closes, and what is decided at the second.

In: an `Account`, the bars of N symbols, the signals at each close. Out: the account
after the last bar, the orders filled, the intents for each next open. Backtests,
sweeps, labels and the live runner all walk this way.

A bar, in this order:

1. *Open.* Splits and dividends; then, symbol by symbol, exits decided at the last
   close, and stops or targets that the open is already beyond. All fill at the open.
2. *Entries*, in symbol order, at the open, cut to the cash that is then free.
3. *Inside the bar.* The stop, at its level; else the target, at its level.
4. *Close.* Trailing stops move; the account is marked at the closes.
5. *Decisions.* Exits, time limits, and entries with their quantity fixed:
   ⌊weight × equity ÷ close × (1 + 1e-12)⌋. Symbols do not compete here: each is sized
   as if alone, and entries are cut to cash at the fill.

A symbol without a bar keeps its last mark; an entry that waited for the bar lapses,
an exit waits on.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.account_rows import INTENT, ORDER, PENDING, POSITION, TOTALS, Intent, Pending, Position
from research.kernels.fills import drop_entry_nb, enter_nb
from research.kernels.jit import njit
from research.kernels.one_symbol import (
    closes_nb,
    decide_exit_nb,
    free_cash_nb,
    inside_bar_nb,
    open_bar_nb,
    size_entry_nb,
    wait_nb,
)

__all__ = ["decide_nb", "walk_nb"]


@njit
def intend_nb(p: Position, q: Pending, intent: Intent) -> None:
    """Write what the account wants of a symbol at the next open, and what protects it there."""
    intent.side = intent.qty = intent.reason = 0.0
    if q.exit != 0.0:
        intent.side, intent.qty, intent.reason = -math.copysign(1.0, p.qty), abs(p.qty), q.exit
    elif q.qty != 0.0:
        intent.side, intent.qty, intent.reason = math.copysign(1.0, q.qty), abs(q.qty), ac.ENTERED
    intent.stop = q.stop
    intent.target = q.target
    intent.trail = q.trail
    intent.limit = q.limit
    intent.held = p.qty
    intent.protect = p.protect
    intent.goal = p.target
    intent.lapsed = p.lapsed


@njit
def walk_nb(
    account: Account,
    open: NDArray[np.float64],  # noqa: A002
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    signals: NDArray[np.float64],
    start: int,
    stop: int,
    fills: bool,
    execution: NDArray[np.float64],
    trade_from: int,
    orders: NDArray[np.float64],
    equity: NDArray[np.float64],
    cash: NDArray[np.float64],
    exposure: NDArray[np.float64],
    intents: NDArray[np.float64],
    gates: NDArray[np.float64],
) -> int:
    """Walk the account over bars `start` to `stop`; arguments as in `scan.scan_nb`.

    Without `fills` only decisions are made, for an account whose fills somebody else reports.
    """
    slippage, commission = execution[ac.X_SLIPPAGE], execution[ac.X_COMMISSION]
    fractional = execution[ac.X_FRACTIONAL] != 0.0
    allow_short = execution[ac.X_ALLOW_SHORT] != 0.0
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    total = account.totals.view(TOTALS)[0]
    positions, waiting = account.positions.view(POSITION), account.pending.view(PENDING)
    wanted = intents.view(INTENT)
    # Orders beyond the room are counted, not written; their row is the spare one.
    records, spare, room = orders.view(ORDER), np.empty((1, ac.N_ORDER)).view(ORDER), orders.shape[0]
    symbols = range(positions.shape[0])
    n = 0
    for i in range(start, stop):
        if fills:
            entering = False
            for k in symbols:
                p, q, price = positions[k, 0], waiting[k, 0], open[k, i]
                p.lapsed = 0.0
                if not price == price:
                    if q.qty != 0.0:
                        total.lapsed_no_bar += 1.0
                        p.lapsed = ac.GATE_NO_BAR
                        drop_entry_nb(q)
                else:
                    order = records[n, 0] if n < room else spare[0, 0]
                    n += open_bar_nb(
                        total, k, p, q, price, split[k, i], dividend[k, i], slippage, commission, fractional,
                        dividends, order,
                    )  # fmt: skip
                    entering = entering or q.qty != 0.0
            if entering:
                for k in symbols:
                    p, q = positions[k, 0], waiting[k, 0]
                    if q.qty != 0.0:
                        order = records[n, 0] if n < room else spare[0, 0]
                        free = free_cash_nb(account, False)
                        if enter_nb(
                            total, k, p, q, open[k, i], free, slippage, commission, fractional, order
                        ):
                            n += 1
            invested = 0.0
            for k in symbols:
                p, price = positions[k, 0], close[k, i]
                if price == price:
                    if p.qty != 0.0:
                        order = records[n, 0] if n < room else spare[0, 0]
                        n += inside_bar_nb(
                            total, k, p, waiting[k, 0], open[k, i], high[k, i], low[k, i], slippage,
                            commission, order,
                        )  # fmt: skip
                    p.mark = price
                if p.qty != 0.0:
                    invested += p.qty * p.mark
            total.equity = total.cash + invested
            total.exposure = invested / total.equity if invested != 0.0 and total.equity > 0.0 else 0.0
            total.bars += 1.0
            if equity.size > 0:
                equity[i] = total.equity
            if cash.size > 0:
                cash[i] = total.cash
            if exposure.size > 0:
                exposure[i] = total.exposure

        decided = total.bars - 1.0
        for k in symbols:
            if positions[k, 0].qty != 0.0 and close[k, i] == close[k, i]:
                decide_exit_nb(positions[k, 0], waiting[k, 0], signals[sg.EXIT, k, i], decided)
        for k in symbols:
            p, q, price = positions[k, 0], waiting[k, 0], close[k, i]
            side, gate = signals[sg.ENTRY, k, i], signals[sg.GATE, k, i]
            if not price == price:
                gate = ac.GATE_NO_BAR
            elif gate == 0.0 and (side > 0.0 or side < 0.0) and not closes_nb(signals[sg.EXIT, k, i], side):
                gate, shares = size_entry_nb(
                    total, p, side, signals[sg.WEIGHT, k, i], price, fractional, allow_short,
                    decided >= trade_from,
                )  # fmt: skip
                if gate == 0 and not free_cash_nb(account, True) > 0.0:
                    gate = ac.GATE_CASH
                if gate == 0:
                    wait_nb(
                        q, shares, signals[sg.STOP, k, i], signals[sg.TARGET, k, i], signals[sg.TRAIL, k, i],
                        signals[sg.LIMIT, k, i], decided,
                    )  # fmt: skip
            if gates.shape[1] > 0:
                gates[k, i] = gate
            if wanted.shape[1] > 0:
                intend_nb(p, q, wanted[k, i, 0])
    return n


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
    """Decide at the close of bar `i` for an account whose fills somebody else reports.

    Parameters
    ----------
    account : Account
        As the fills of this bar have left it, marked at this close, the bar counted in
        `A_BARS`; what it has pending is changed in place.
    close : (N, T) float64, raw USD
        NaN where a symbol has no bar: nothing is decided for it.
    signals : (N_SIGNALS, N, T) float64
    i : int
        Column of the bar.
    execution : (N_EXECUTION,) float64
    tradable : bool
        False in bars reserved for training: no entries.
    intents : (N, T, N_INTENT) float64
    gates : (N, T) float64
        Column `i` of both is written, as in `scan.scan_nb`.
    """
    none = np.empty(0)
    first = 0 if tradable else int(account.totals[ac.A_BARS])
    no_orders = np.empty((0, ac.N_ORDER))
    walk_nb(
        account, close, close, close, close, close, close, signals, i, i + 1, False, execution, first,
        no_orders, none, none, none, intents, gates,
    )  # fmt: skip
