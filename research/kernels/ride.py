"""One cell of a sweep over one symbol: its account walked, settled, and forgotten.

In: one symbol's bars, what a strategy wants at which close (`research.kernels.events`), and a cell's
parameters of size and protection. Out: its row of sums (`research.kernels.sums`), its equity, or its orders.

An account that holds nothing and waits for nothing is not walked: it goes on at the next
close that wants to enter. One that holds, in a bar in which nothing is reached and nothing decided, is held
on in registers (`held_nb`). In all other bars it does what `broker.walk_nb` does, by the
same functions, so that orders are the same to the bit (a test holds them side by side).
Size and protection are computed for the entries that are taken, and for no other close.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.account_rows import ORDER, PENDING, POSITION, TOTALS, Position
from research.kernels.bars import B_CLOSE, B_DIVIDEND, B_HIGH, B_LOW, B_OPEN, B_SPLIT, actions_nb
from research.kernels.events import (
    ENTRIES,
    LONG_EXITS,
    N_LISTS,
    SHORT_EXITS,
    end_events_nb,
    events_nb,
)
from research.kernels.fills import enter_nb, tighter_nb
from research.kernels.jit import inlined, njit
from research.kernels.one_symbol import (
    decide_exit_nb,
    inside_bar_nb,
    open_bar_nb,
    size_entry_nb,
    wait_nb,
)
from research.kernels.settle import settle_nb
from research.kernels.signals import size_at_nb
from research.kernels.sums import Sums

__all__ = ["cell_nb", "held_nb", "ride_nb", "ride_signals_nb"]

_EITHER = 2.0  # the exit signal that closes a position of either sign


@inlined
def held_nb(p: Position, bars: NDArray[np.float64], begin: int, end: int) -> int:
    """Hold a position through bars from `begin` in which nothing is reached and nothing decided.

    Its trailing stop moves as `fills.ratchet_nb` moves it. Returns the first bar that is not like that: one
    that reaches a level, or its time limit; or `end`.

    Parameters
    ----------
    p : row of POSITION
        Held, with no exit waiting; changed in place.
    bars : (N_BARS, T) float64
    begin, end : int
        Bars, of which none closes by signal, or has a split or a dividend that is paid.
    """
    i, stop = begin, end
    long = p.qty > 0.0
    protect, target, trail, peak = p.protect, p.target, p.trail, p.peak
    if p.limit - p.held <= end - begin:  # of whole bars; NaN is no limit
        stop = begin + max(0, math.ceil(p.limit - p.held) - 1)
    if long and protect >= peak * (1.0 - trail):
        # A high below the peak gives no tighter stop then, so nobody asks which it is and guesses wrong.
        while i < stop:
            price, high, low = bars[B_OPEN, i], bars[B_HIGH, i], bars[B_LOW, i]
            if protect >= price or price >= target or low <= protect or high >= target:
                break
            nearer = high * (1.0 - trail)
            protect = nearer if nearer > protect else protect
            peak = high if high > peak else peak
            i += 1
    elif not long and protect <= peak * (1.0 + trail):
        while i < stop:
            price, high, low = bars[B_OPEN, i], bars[B_HIGH, i], bars[B_LOW, i]
            if protect <= price or price <= target or high >= protect or low <= target:
                break
            nearer = low * (1.0 + trail)
            protect = nearer if nearer < protect else protect
            peak = low if low < peak else peak
            i += 1
    else:
        # No trailing stop, or one that a split has moved by a rounding.
        while i < stop:
            price, high, low = bars[B_OPEN, i], bars[B_HIGH, i], bars[B_LOW, i]
            if long:
                if protect >= price or price >= target or low <= protect or high >= target:
                    break
            elif protect <= price or price <= target or high >= protect or low <= target:
                break
            if trail == trail:
                if long:
                    if high > peak:
                        peak = high
                        protect = tighter_nb(1.0, protect, high * (1.0 - trail))
                elif low < peak:
                    peak = low
                    protect = tighter_nb(-1.0, protect, low * (1.0 + trail))
            i += 1
    p.protect, p.peak = protect, peak
    p.held += i - begin
    return i


@njit
def ride_signals_nb(
    account: Account,
    bars: NDArray[np.float64],
    signals: NDArray[np.float64],
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
) -> int:
    """Walk a new account over all bars of its one symbol, by whole signals; returns the orders.

    Parameters
    ----------
    account : Account
        Of one symbol, with cash and nothing else; changed in place.
    bars : (N_BARS, T) float64
        Rows of `bars.BARS`, without a gap.
    signals : (N_SIGNALS, T) float64
    execution : (N_EXECUTION,) float64
    orders : (2·T, N_ORDER) float64
        Written from the front.
    """
    n_bars = bars.shape[1]
    actions, events = np.empty(n_bars + 1, dtype=np.int32), np.empty((N_LISTS, n_bars + 1), dtype=np.int32)
    counts = np.zeros(N_LISTS, dtype=np.int64)
    actions_nb(bars, execution, actions)
    events_nb(signals, np.arange(n_bars).astype(np.int32), events, counts)
    end_events_nb(events, counts, n_bars)
    none = np.empty(0)
    return ride_nb(account, bars, actions, events, np.empty((0, 0)), none, signals, execution, orders)


@njit
def ride_nb(
    account: Account,
    bars: NDArray[np.float64],
    actions: NDArray[np.int32],
    events: NDArray[np.int32],
    shared: NDArray[np.float64],
    params: NDArray[np.float64],
    sized: NDArray[np.float64],
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
) -> int:
    """Walk as `ride_signals_nb` does, by events; where `params` are given, size each entry as it is taken.

    Parameters
    ----------
    actions : (T + 1,) int32
        From `bars.actions_nb`.
    events : (N_LISTS, T + 1) int32
        From `events.events_nb`, ended.
    shared : (K, T) float64
        The features that `signals.size_at_nb` reads, and others.
    params : (P,) float64
        The cell's parameters; of length 0 where `sized` holds what they make of all closes.
    sized : (N_SIGNALS, 1 or T) float64
        Scratch, or signals of which weight and protection are read.
    """
    slippage, commission = execution[ac.X_SLIPPAGE], execution[ac.X_COMMISSION]
    fractional = execution[ac.X_FRACTIONAL] != 0.0
    allow_short = execution[ac.X_ALLOW_SHORT] != 0.0
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    total = account.totals.view(TOTALS)[0]
    p, q = account.positions.view(POSITION)[0, 0], account.pending.view(PENDING)[0, 0]
    records = orders.view(ORDER)
    n_bars = bars.shape[1]
    entry = leave = cover = 0  # places in the lists, of the first bar that has not passed
    n = i = 0
    while i < n_bars:
        if p.qty == 0.0 and q.qty == 0.0:
            while events[ENTRIES, entry] < 2 * i:
                entry += 1
            i = events[ENTRIES, entry] >> 1
            if i == n_bars:
                break
        else:
            if p.qty != 0.0 and q.exit == 0.0:
                if p.qty > 0.0:
                    while events[LONG_EXITS, leave] < i:
                        leave += 1
                    closes = events[LONG_EXITS, leave]
                else:
                    while events[SHORT_EXITS, cover] < i:
                        cover += 1
                    closes = events[SHORT_EXITS, cover]
                i = held_nb(p, bars, i, min(closes, actions[i]))
                if i == n_bars:
                    break
            total.bars = float(i)
            n += open_bar_nb(
                total, 0, p, q, bars[B_OPEN, i], bars[B_SPLIT, i], bars[B_DIVIDEND, i], slippage, commission,
                fractional, dividends, records[n, 0],
            )  # fmt: skip
            # Of one symbol only a flat account enters, and all of its cash is free.
            if q.qty != 0.0 and enter_nb(
                total, 0, p, q, bars[B_OPEN, i], total.cash, slippage, commission, fractional, records[n, 0]
            ):
                n += 1
            if p.qty != 0.0:
                n += inside_bar_nb(
                    total, 0, p, q, bars[B_OPEN, i], bars[B_HIGH, i], bars[B_LOW, i], slippage, commission,
                    records[n, 0],
                )  # fmt: skip
        if p.qty != 0.0:
            if p.qty > 0.0:
                while events[LONG_EXITS, leave] < i:
                    leave += 1
                closing = events[LONG_EXITS, leave] == i
            else:
                while events[SHORT_EXITS, cover] < i:
                    cover += 1
                closing = events[SHORT_EXITS, cover] == i
            decide_exit_nb(p, q, _EITHER if closing else 0.0, float(i))
        else:
            while events[ENTRIES, entry] < 2 * i:
                entry += 1
            if events[ENTRIES, entry] >> 1 == i:
                side = -1.0 if events[ENTRIES, entry] & 1 else 1.0
                at = i
                if params.size > 0:
                    at = 0
                    size_at_nb(shared, params, i, sized, at)
                p.mark = bars[B_CLOSE, i]
                total.equity = total.cash
                _, shares = size_entry_nb(
                    total, p, side, sized[sg.WEIGHT, at], bars[B_CLOSE, i], fractional, allow_short, True
                )
                if shares != 0.0 and total.cash > 0.0:
                    wait_nb(
                        q, shares, sized[sg.STOP, at], sized[sg.TARGET, at], sized[sg.TRAIL, at],
                        sized[sg.LIMIT, at], float(i),
                    )  # fmt: skip
        i += 1
    return n


@njit
def cell_nb(
    account: Account,
    blank: Account,
    bars: NDArray[np.float64],
    actions: NDArray[np.int32],
    events: NDArray[np.int32],
    shared: NDArray[np.float64],
    params: NDArray[np.float64],
    sized: NDArray[np.float64],
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
    sums: Sums,
    equity: NDArray[np.float64],
) -> None:
    """Ride and settle one cell.

    Parameters
    ----------
    account : Account
        Scratch.
    blank : Account
        Of one symbol, as each account begins.
    bars, actions, events, shared, params, sized, execution, orders
        As of `ride_nb`; orders is scratch.
    sums : row of SUMS
        Zeros; written.
    equity : (T,) float64
        Written; of length 0 where nobody reads it.
    """
    account.totals[:] = blank.totals
    account.positions[:] = blank.positions
    account.pending[:] = blank.pending
    n = ride_nb(account, bars, actions, events, shared, params, sized, execution, orders)
    settle_nb(orders, 0, n, blank.totals[ac.A_CASH], bars, actions, execution, sums, equity)
