"""An account carried over many bars: fill, decide, next bar.

In: an `Account`, the bars and signals of N symbols over T bars. Out: the account
T bars later, its orders, and per bar what it was worth. Running A+B gives the bits
of running A and then B with the account that A left, so live is a scan of one bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels.account import Account
from research.kernels.broker import decide_nb, fill_bar_nb
from research.kernels.jit import njit

__all__ = ["scan_nb"]


@njit
def scan_nb(
    account: Account,
    open: NDArray[np.float64],  # noqa: A002
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    signals: NDArray[np.float64],
    execution: NDArray[np.float64],
    trade_from: int,
    orders: NDArray[np.float64],
    equity: NDArray[np.float64],
    cash: NDArray[np.float64],
    exposure: NDArray[np.float64],
    intents: NDArray[np.float64],
    gates: NDArray[np.float64],
) -> int:
    """Carry the account through every bar.

    Parameters
    ----------
    account : Account
        Changed in place. It counts bars over its life; `trade_from` and the bar
        index in `orders` are in that count.
    open, high, low, close, split, dividend : (N, T) float64
        As in `fill_bar_nb`.
    signals : (N_SIGNALS, N, T) float64
        At the close of each bar.
    execution : (N_EXECUTION,) float64
    trade_from : int
        First bar at whose close an entry may be decided.
    orders : (M, N_ORDER) float64
        Filled from the front; `empty_orders` has room for all there can be.
    equity, cash, exposure : (T,) float64
        Written: USD, USD, signed fraction of equity, at each close. `cash` and
        `exposure` may be of length 0 where nobody reads them.
    intents : (N, T, N_INTENT) or (N, 0, N_INTENT) float64
    gates : (N, T) or (N, 0) float64
        As in `decide_nb`.

    Returns
    -------
    int
        Orders of these bars. More than M: `orders` was too short, and holds the first M.
    """
    totals = account.totals
    n = 0
    for i in range(close.shape[1]):
        n = fill_bar_nb(account, open, high, low, close, split, dividend, i, execution, orders, n)
        decide_nb(account, close, signals, i, execution, totals[ac.A_BARS] > trade_from, intents, gates)
        equity[i] = totals[ac.A_EQUITY]
        if cash.size > 0:
            cash[i] = totals[ac.A_CASH]
        if exposure.size > 0:
            exposure[i] = totals[ac.A_EXPOSURE]
    return n
