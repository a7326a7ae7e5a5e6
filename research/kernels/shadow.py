"""Shadow trades: every candidate walked by the broker kernel on an account of its own.

In: the bars and signals of N symbols, and the lanes carried from the last block. A
*lane* is one account that trades one candidate: it enters at the next open, and lives
until its exit. Out: the lanes, and one row per trade that closed.

A lane's account is walked by `walk_nb`, with the very signals of the strategy except
that no other close than its own may enter. So a shadow trade is what the broker kernel
would do, in all that it does: costs, stops, gaps, splits, dividends, missing bars.

A trade lives at most `limit` bars of its symbol and is closed at the open after them,
so of `limit` + 2 lanes the one that a candidate takes is always free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account
from research.kernels.broker import walk_nb
from research.kernels.jit import njit

__all__ = ["shadow_nb"]

_STRETCH = 32  # bars walked between two looks at whether the trade is over


@njit
def follow_nb(
    account: Account,
    cost: float,
    open: NDArray[np.float64],  # noqa: A002
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    signals: NDArray[np.float64],
    begin: int,
    stretch: int,
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
) -> tuple[float, int, int]:
    """Walk one lane from bar `begin` until its trade is over or the bars are.

    Returns
    -------
    float
        USD paid or received at the entry, before commission; 0 while it waits.
    int
        Exit reason; 0: the trade lives, −1: its entry has lapsed.
    int
        Bar of the exit, counted from the candidate's own close.
    """
    none = np.empty(0)
    no_intents, no_gates = np.empty((1, 0, ac.N_INTENT)), np.empty((1, 0))
    i, n_bars = begin, close.shape[1]
    while i < n_bars:
        stop = min(n_bars, i + stretch)
        count = walk_nb(
            account, open, high, low, close, split, dividend, signals, i, stop, True, execution, 0,
            orders, none, none, none, no_intents, no_gates,
        )  # fmt: skip
        for j in range(count):
            if orders[j, ac.O_REASON] == ac.ENTERED:
                cost = orders[j, ac.O_QTY] * orders[j, ac.O_PRICE]
            else:
                return cost, int(orders[j, ac.O_REASON]), int(orders[j, ac.O_BAR])
        if account.positions[0, ac.P_QTY] == 0.0 and account.pending[0, ac.Q_QTY] == 0.0:
            return cost, -1, 0
        i = stop
    return cost, 0, 0


@njit
def shadow_nb(
    lanes: Account,
    birth: NDArray[np.int64],
    cost: NDArray[np.float64],
    own: NDArray[np.int64],
    blank: Account,
    first: int,
    open: NDArray[np.float64],  # noqa: A002
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    signals: NDArray[np.float64],
    side: NDArray[np.float64],
    execution: NDArray[np.float64],
    rows: NDArray[np.int64],
    net: NDArray[np.float64],
) -> int:
    """Carry every shadow trade over a block, and begin those of its candidates.

    Parameters
    ----------
    lanes : Account
        One account per symbol and lane: the arrays of `Account` behind (N, L), rows of
        one symbol: (N, L, N_TOTALS), (N, L, 1, N_POSITION), (N, L, 1, N_PENDING).
    birth : (N, L) int64
        Bar at whose close the lane's trade was decided; −1: the lane is free.
    cost : (N, L) float64
        USD at its entry.
    own : (N,) int64
        Bars each symbol has had so far. All of these are changed in place.
    blank : Account
        Of one symbol, as it is before the first bar: what a free lane holds.
    first : int
        Index of the block's first bar.
    open, high, low, close, split, dividend : (N, 1, T) float64
        As in `scan.scan_nb`, symbol by symbol.
    signals : (N, N_SIGNALS, 1, T) float64
        As in `scan.scan_nb`, symbol by symbol; the row ENTRY is 0 and is left so.
    side : (N, T) float64
        The candidates: +1 long, −1 short, 0 none.
    execution : (N_EXECUTION,) float64
    rows : (4, M) int64
        Written from the front: bar of the exit, symbol, birth, exit reason.
    net : (M,) float64
        Written: (cash after − cash before) ÷ USD at entry. M: lanes and candidates
        together, the most that can close.

    Returns
    -------
    int
        Trades that closed in this block, symbol by symbol.
    """
    n_symbols, n_lanes = birth.shape
    orders = np.empty((2, ac.N_ORDER))
    cash = blank.totals[ac.A_CASH]
    stretch = min(n_lanes, _STRETCH)
    n = 0
    for k in range(n_symbols):
        # A turn is one lane to walk: first those carried here, then one for each candidate.
        for turn in range(n_lanes + close.shape[2]):
            i = max(turn - n_lanes, 0)
            lane = turn
            if turn >= n_lanes:
                if not close[k, 0, i] == close[k, 0, i]:
                    continue
                lane = own[k] % n_lanes
                own[k] += 1
                if not (side[k, i] > 0.0 or side[k, i] < 0.0):
                    continue
                birth[k, lane] = first + i
                signals[k, sg.ENTRY, 0, i] = side[k, i]
            elif birth[k, lane] < 0:
                continue
            account = Account(lanes.totals[k, lane], lanes.positions[k, lane], lanes.pending[k, lane])
            cost[k, lane], reason, end = follow_nb(
                account, cost[k, lane], open[k], high[k], low[k], close[k], split[k], dividend[k],
                signals[k], i, stretch, execution, orders,
            )  # fmt: skip
            if turn >= n_lanes:
                signals[k, sg.ENTRY, 0, i] = 0.0
            if reason == 0:
                continue
            if reason > 0:
                rows[0, n], rows[1, n] = birth[k, lane] + end, k
                rows[2, n], rows[3, n] = birth[k, lane], reason
                net[n] = (account.totals[ac.A_CASH] - cash) / cost[k, lane]
                n += 1
            birth[k, lane] = -1
            cost[k, lane] = 0.0
            # Number by number: for arrays as a whole Numba also compiles the text of an error, for seconds.
            for f in range(account.totals.size):
                account.totals[f] = blank.totals[f]
            for f in range(account.positions.shape[1]):
                account.positions[0, f] = blank.positions[0, f]
            for f in range(account.pending.shape[1]):
                account.pending[0, f] = blank.pending[0, f]
    return n
