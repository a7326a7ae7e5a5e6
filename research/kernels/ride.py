"""Many cells of a sweep over one symbol: each cell's account walked, settled, and forgotten.

In: one symbol's bars, what a strategy chose at each close, and B ways to size and
protect it. Out: one row of sums (`research.kernels.sums`) per cell, or the orders of one.
Nothing that grows with bars × cells is kept.

An account that holds nothing and waits for nothing is not walked: it goes on at the next
close that wants to enter. In all other bars it does what `broker.walk_nb` does, by the
same functions, so that orders are the same to the bit (a test holds them side by side).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.account_rows import ORDER, PENDING, POSITION, TOTALS
from research.kernels.fills import enter_nb
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
from research.kernels.settle import B_CLOSE, B_DIVIDEND, B_HIGH, B_LOW, B_OPEN, B_SPLIT, settle_nb
from research.kernels.sums import SUMS

__all__ = ["cells_nb", "entries_nb", "ride_nb"]


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
    ahead[n_bars] = n_bars
    for j in range(n_bars - 1, -1, -1):
        side = chosen[sg.ENTRY, j]
        wants = chosen[sg.GATE, j] == 0.0 and (side > 0.0 or side < 0.0)
        ahead[j] = j if wants and not closes_nb(chosen[sg.EXIT, j], side) else ahead[j + 1]


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
            p.mark = bars[B_CLOSE, i]
            total.equity = total.cash
            _, shares = size_entry_nb(
                account, total, p, chosen[sg.ENTRY, i], sized[sg.WEIGHT, i], bars[B_CLOSE, i], fractional,
                allow_short, True,
            )  # fmt: skip
            if shares != 0.0:
                wait_nb(
                    q, shares, sized[sg.STOP, i], sized[sg.TARGET, i], sized[sg.TRAIL, i], sized[sg.LIMIT, i],
                    float(i),
                )  # fmt: skip
        i += 1
    return n


@njit
def cells_nb(
    blank: Account,
    bars: NDArray[np.float64],
    chosen: NDArray[np.float64],
    sized: NDArray[np.float64],
    ways: NDArray[np.int64],
    ahead: NDArray[np.int32],
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
    sums: NDArray[np.float64],
    cells: NDArray[np.int64],
) -> None:
    """Ride and settle every cell that shares what was chosen.

    Parameters
    ----------
    blank : Account
        Of one symbol, as each account begins.
    sized : (B, N_SIGNALS, T) float64
        The ways to size and protect.
    ways : (C,) int64
        Which of them each cell takes.
    ahead : (T + 1,) int32
        Scratch.
    orders : (2·T, N_ORDER) float64
        Scratch.
    sums : (…, N_SUMS) float64
        Zeros; row cells[c] is written for cell c.
    cells : (C,) int64
    """
    account = Account(blank.totals.copy(), blank.positions.copy(), blank.pending.copy())
    rows, none = sums.view(SUMS), np.empty(0)
    capital = blank.totals[ac.A_CASH]
    entries_nb(chosen, ahead)
    for c in range(cells.shape[0]):
        account.totals[:] = blank.totals
        account.positions[:] = blank.positions
        account.pending[:] = blank.pending
        n = ride_nb(account, bars, chosen, sized[ways[c]], ahead, execution, orders)
        settle_nb(orders, 0, n, capital, bars, execution, rows[cells[c], 0], none)
