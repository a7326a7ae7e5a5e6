"""One bar of an account whose fills a real broker told: the backtest's order of events, the prices paid.

In: the account, the bar, and per symbol what the broker executed in it. Out: the account at the close, and
the fills. Where the backtest asks what a bar's prices would have filled (`research.kernels.broker`, steps 1
to 4), this asks what was filled; all that follows from a fill is done by the same functions. So an account
whose broker fills as the backtest does has the backtest's bits.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from live.broker import NOT_FILLED
from research.kernels import account as ac
from research.kernels.account import Account
from research.kernels.account_rows import ORDER, PENDING, POSITION, TOTALS, Order, Pending, Position, Totals
from research.kernels.fills import (
    close_nb,
    corporate_nb,
    drop_entry_nb,
    enter_nb,
    flatten_nb,
    open_reason_nb,
    pay_nb,
    ratchet_nb,
    record_nb,
    split_entry_nb,
)
from research.kernels.jit import njit

__all__ = [
    "N_TOLD", "T_ADOPTED", "T_ADOPTED_PRICE", "T_CLOSED", "T_CLOSED_PRICE", "T_CLOSED_REASON",
    "T_ENTERED", "T_ENTERED_PRICE", "book_nb",
]  # fmt: skip

# What the broker told of one symbol in one bar; 0 shares: nothing.
T_CLOSED = 0  # shares of the position that were closed, > 0
T_CLOSED_PRICE = 1  # USD, their average
T_CLOSED_REASON = 2  # SIGNAL (an exit that was decided), STOP or TARGET (protection)
T_ENTERED = 3  # shares entered, signed
T_ENTERED_PRICE = 4
T_ADOPTED = 5  # shares, signed, that came or went by nobody's order here
T_ADOPTED_PRICE = 6
N_TOLD = 7

_PLENTY = 1e15  # USD: the broker has taken the order, so cash cuts nothing here


@njit
def close_told_nb(
    total: Totals, k: int, p: Position, q: Pending, told: NDArray[np.float64], order: Order
) -> int:
    """Close what the broker closed, the whole position or a part of it; returns the orders filled, 0 or 1."""
    shares, price, why = told[T_CLOSED], told[T_CLOSED_PRICE], int(told[T_CLOSED_REASON])
    reason = why
    if why == ac.SIGNAL and q.exit != 0.0:
        reason = int(q.exit)
    elif why == ac.STOP and p.protect != p.stop:
        reason = ac.TRAIL
    if shares >= abs(p.qty):
        close_nb(total, k, p, q, price, 0.0, 0.0, reason, order)
        return 1
    side = -math.copysign(1.0, p.qty)
    if side < 0.0:
        total.cash += shares * price
    else:
        pay_nb(total, shares * price)
    order.reason = reason
    order.ambiguous = 0.0
    order.decided = q.exit_decided if reason in (ac.SIGNAL, ac.TIME) else p.decided
    record_nb(total, k, side, shares, shares, price, price, 0.0, order)
    p.qty += side * shares
    return 1


@njit
def adopt_nb(total: Totals, p: Position, q: Pending, shares: float, price: float) -> None:
    """Take over shares that came or went by nobody's order here: no order, no protection, the cash moves."""
    if shares > 0.0:
        pay_nb(total, shares * price)
    else:
        total.cash -= shares * price
    now = p.qty + shares
    if now == 0.0:
        flatten_nb(p, q)
    elif p.qty * now <= 0.0:  # begun, or turned over
        flatten_nb(p, q)
        p.qty = now
        p.fill = p.peak = p.mark = price
        p.held = 0.0
    else:
        p.qty = now


@njit
def enter_told_nb(
    total: Totals, k: int, p: Position, q: Pending, told: NDArray[np.float64], order: Order
) -> int:
    """Open what the broker opened of a waiting entry, or let it lapse; returns the orders filled, 0 or 1."""
    shares, asked = told[T_ENTERED], abs(q.qty)
    if not shares * q.qty > 0.0 or p.qty != 0.0:
        p.lapsed = NOT_FILLED
        drop_entry_nb(q)
        return 0
    q.qty = shares
    enter_nb(total, k, p, q, told[T_ENTERED_PRICE], _PLENTY, 0.0, 0.0, True, order)
    if abs(shares) < asked:
        order.asked = asked
        total.cut += 1.0
    told[T_ENTERED] = 0.0
    return 1


@njit
def inside_told_nb(
    total: Totals,
    k: int,
    p: Position,
    q: Pending,
    high: float,
    low: float,
    told: NDArray[np.float64],
    order: Order,
) -> int:
    """Close what was closed after the open, and take over what nobody waited for; returns the orders."""
    n = 0
    if told[T_CLOSED] > 0.0 and p.qty != 0.0:
        both = high >= p.target if p.qty > 0.0 else low <= p.target
        stopped = told[T_CLOSED_REASON] == ac.STOP
        n = close_told_nb(total, k, p, q, told, order)
        if stopped and both:
            order.ambiguous = 1.0
            total.ambiguous += 1.0
    if told[T_ENTERED] != 0.0:
        adopt_nb(total, p, q, told[T_ENTERED], told[T_ENTERED_PRICE])
    if told[T_ADOPTED] != 0.0:
        adopt_nb(total, p, q, told[T_ADOPTED], told[T_ADOPTED_PRICE])
    return n


@njit
def book_nb(
    account: Account,
    open: NDArray[np.float64],  # noqa: A002
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    told: NDArray[np.float64],
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
) -> int:
    """Carry an account through one bar by what a broker told.

    Parameters
    ----------
    account : Account
        Changed in place.
    open, high, low, close, split, dividend : (N,) float64
        The bar, raw USD; NaN, 1 and 0 where a symbol has none.
    told : (N, N_TOLD) float64
    execution : (N_EXECUTION,) float64
    orders : (≥ 2 N, N_ORDER) float64
        Written: one row per fill.

    Returns
    -------
    int
        Rows written.
    """
    fractional = execution[ac.X_FRACTIONAL] != 0.0
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    total = account.totals.view(TOTALS)[0]
    positions, waiting = account.positions.view(POSITION), account.pending.view(PENDING)
    records = orders.view(ORDER)
    symbols = range(positions.shape[0])
    n = 0
    for k in symbols:
        p, q = positions[k, 0], waiting[k, 0]
        p.lapsed = 0.0
        here = open[k] == open[k]
        if p.qty != 0.0 and here:
            p.held += 1.0
            if split[k] != 1.0 or dividend[k] != 0.0:
                corporate_nb(total, p, q, open[k], split[k], dividend[k], fractional, dividends)
        elif q.qty != 0.0 and here and split[k] != 1.0:
            split_entry_nb(total, p, q, split[k], fractional)
        # An exit, and a stop or target that the open is beyond, comes before any entry, as in the backtest.
        at_open = told[k, T_CLOSED_REASON] == ac.SIGNAL or (here and open_reason_nb(p, q, open[k]) != 0)
        if told[k, T_CLOSED] > 0.0 and p.qty != 0.0 and at_open:
            n += close_told_nb(total, k, p, q, told[k], records[n, 0])
            told[k, T_CLOSED] = 0.0
    for k in symbols:
        if waiting[k, 0].qty != 0.0:
            n += enter_told_nb(total, k, positions[k, 0], waiting[k, 0], told[k], records[n, 0])
    invested = 0.0
    for k in symbols:
        p, q = positions[k, 0], waiting[k, 0]
        n += inside_told_nb(total, k, p, q, high[k], low[k], told[k], records[n, 0])
        if close[k] == close[k]:
            if p.qty != 0.0 and p.trail == p.trail and p.peak == p.peak:
                ratchet_nb(p, high[k], low[k])
            p.mark = close[k]
        if p.qty != 0.0:
            invested += p.qty * p.mark
    total.equity = total.cash + invested
    total.exposure = invested / total.equity if invested != 0.0 and total.equity > 0.0 else 0.0
    total.bars += 1.0
    return n
