"""One cell of a sweep over one symbol: its account walked, settled, and forgotten.

In: one symbol's bars, what a strategy chose at each close, and a cell's parameters of size and
protection. Out: its row of sums (`research.kernels.sums`), its equity, or its orders.

An account that holds nothing and waits for nothing is not walked: it goes on at the next
close that wants to enter. One that holds, in a bar in which nothing is reached and nothing decided, is held
on in registers (`held_nb`). In all other bars it does what `broker.walk_nb` does, by the
same functions, so that orders are the same to the bit (a test holds them side by side).
Size and protection are computed for the entries that are taken, and for no other close.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.account_rows import ORDER, PENDING, POSITION, TOTALS, Position
from research.kernels.fills import enter_nb, tighter_nb
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
from research.kernels.settle import (
    B_CLOSE,
    B_DIVIDEND,
    B_HIGH,
    B_LOW,
    B_OPEN,
    B_SPLIT,
    calm_nb,
    settle_nb,
)
from research.kernels.signals import size_at_nb
from research.kernels.sums import Sums

__all__ = ["cell_nb", "entries_nb", "held_nb", "ride_nb", "ride_sized_nb"]


@njit
def entries_nb(chosen: NDArray[np.float64], ahead: NDArray[np.int32]) -> None:
    """Say for each close which is the next, itself included, that wants to enter; T is none.

    Parameters
    ----------
    chosen : (N_SIGNALS, T) float64
        Its rows ENTRY, EXIT and GATE are read.
    ahead : (T + 1,) int32
        Written.
    """
    n_bars = chosen.shape[1]
    ahead[n_bars] = following = n_bars
    for j in range(n_bars - 1, -1, -1):
        side = chosen[sg.ENTRY, j]
        # Most closes want nothing, so this is asked first; a side that is NaN wants nothing either.
        if side != 0.0 and side == side and chosen[sg.GATE, j] == 0.0:
            if not closes_nb(chosen[sg.EXIT, j], side):
                following = j
        ahead[j] = following


@njit
def held_nb(p: Position, bars: NDArray[np.float64], chosen: NDArray[np.float64], begin: int, end: int) -> int:
    """Hold a position through bars from `begin` in which nothing is reached and nothing decided.

    Its trailing stop moves as `fills.ratchet_nb` moves it. Returns the first bar that is not like that: one
    that reaches a level, closes by signal or time limit, or has a split or a dividend; or `end`.

    Parameters
    ----------
    p : row of POSITION
        Held, with no exit waiting; changed in place.
    bars : (N_BARS, T) float64
    chosen : (N_SIGNALS, T) float64
        Row EXIT is read.
    begin, end : int
        Bars.
    """
    i, until = begin, calm_nb(bars, begin, end)
    long, side = p.qty > 0.0, 1.0 if p.qty > 0.0 else -1.0
    protect, target, trail, peak, held, limit = p.protect, p.target, p.trail, p.peak, p.held, p.limit
    while i < until:
        price, high, low = bars[B_OPEN, i], bars[B_HIGH, i], bars[B_LOW, i]
        if long:
            if protect >= price or price >= target or low <= protect or high >= target:
                break
        elif protect <= price or price <= target or high >= protect or low <= target:
            break
        if closes_nb(chosen[sg.EXIT, i], side) or held + 1.0 >= limit:
            break
        held += 1.0
        if trail == trail:
            if long:
                if high > peak:
                    peak = high
                    protect = tighter_nb(1.0, protect, high * (1.0 - trail))
            elif low < peak:
                peak = low
                protect = tighter_nb(-1.0, protect, low * (1.0 + trail))
        i += 1
    p.protect, p.peak, p.held = protect, peak, held
    return i


@njit
def ride_nb(
    account: Account,
    bars: NDArray[np.float64],
    chosen: NDArray[np.float64],
    sized: NDArray[np.float64],
    ahead: NDArray[np.int32],
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
) -> int:
    """Walk a new account over all bars of its one symbol.

    Parameters
    ----------
    account : Account
        Of one symbol, with cash and nothing else; changed in place.
    bars : (N_BARS, T) float64
        Rows of `settle.BARS`, without a gap.
    chosen, sized : (N_SIGNALS, T) float64
        Rows of `signals`: ENTRY, EXIT and GATE are read of the first, the others of the second.
    ahead : (T + 1,) int32
        From `entries_nb`.
    execution : (N_EXECUTION,) float64
    orders : (2·T, N_ORDER) float64
        Written from the front.

    Returns
    -------
    int
        Orders.
    """
    return ride_sized_nb(
        account, bars, chosen, np.empty((0, 0)), np.empty(0), sized, ahead, execution, orders
    )


@njit
def ride_sized_nb(
    account: Account,
    bars: NDArray[np.float64],
    chosen: NDArray[np.float64],
    shared: NDArray[np.float64],
    params: NDArray[np.float64],
    sized: NDArray[np.float64],
    ahead: NDArray[np.int32],
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
) -> int:
    """Walk as `ride_nb` does; where `params` are given, size each entry as it is taken.

    Parameters
    ----------
    shared : (K, T) float64
        The features that `signals.size_at_nb` reads, and others.
    params : (P,) float64
        The cell's parameters; of length 0 where `sized` holds what they make of all closes.
    sized : (N_SIGNALS, 1 or T) float64
        Scratch, or as of `ride_nb`.
    """
    slippage, commission = execution[ac.X_SLIPPAGE], execution[ac.X_COMMISSION]
    fractional = execution[ac.X_FRACTIONAL] != 0.0
    allow_short = execution[ac.X_ALLOW_SHORT] != 0.0
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    total = account.totals.view(TOTALS)[0]
    p, q = account.positions.view(POSITION)[0, 0], account.pending.view(PENDING)[0, 0]
    records = orders.view(ORDER)
    n_bars = bars.shape[1]
    n = i = 0
    while i < n_bars:
        if p.qty == 0.0 and q.qty == 0.0:
            i = ahead[i]
            if i == n_bars:
                break
        else:
            if p.qty != 0.0 and q.exit == 0.0:
                i = held_nb(p, bars, chosen, i, n_bars)
                if i == n_bars:
                    break
            total.bars = float(i)
            n += open_bar_nb(
                total, 0, p, q, bars[B_OPEN, i], bars[B_SPLIT, i], bars[B_DIVIDEND, i], slippage, commission,
                fractional, dividends, records[n, 0],
            )  # fmt: skip
            if q.qty != 0.0:
                free = free_cash_nb(account, False)
                if enter_nb(
                    total, 0, p, q, bars[B_OPEN, i], free, slippage, commission, fractional, records[n, 0]
                ):
                    n += 1
            if p.qty != 0.0:
                n += inside_bar_nb(
                    total, 0, p, q, bars[B_OPEN, i], bars[B_HIGH, i], bars[B_LOW, i], slippage, commission,
                    records[n, 0],
                )  # fmt: skip
        if p.qty != 0.0:
            decide_exit_nb(p, q, chosen[sg.EXIT, i], float(i))
        elif ahead[i] == i:
            at = i
            if params.size > 0:
                at = 0
                size_at_nb(shared, params, i, sized, at)
            p.mark = bars[B_CLOSE, i]
            total.equity = total.cash
            _, shares = size_entry_nb(
                account, total, p, chosen[sg.ENTRY, i], sized[sg.WEIGHT, at], bars[B_CLOSE, i], fractional,
                allow_short, True,
            )  # fmt: skip
            if shares != 0.0:
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
    chosen: NDArray[np.float64],
    shared: NDArray[np.float64],
    params: NDArray[np.float64],
    sized: NDArray[np.float64],
    ahead: NDArray[np.int32],
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
    bars, chosen, shared, params, sized, ahead, execution, orders
        As of `ride_sized_nb`; orders is scratch.
    sums : row of SUMS
        Zeros; written.
    equity : (T,) float64
        Written; of length 0 where nobody reads it.
    """
    account.totals[:] = blank.totals
    account.positions[:] = blank.positions
    account.pending[:] = blank.pending
    n = ride_sized_nb(account, bars, chosen, shared, params, sized, ahead, execution, orders)
    settle_nb(orders, 0, n, blank.totals[ac.A_CASH], bars, execution, sums, equity)
