"""An account carried over a block of bars: the door to the broker kernel.

In: an `Account`, the bars and signals of N symbols over T bars. Out: the account
T bars later, its orders, and per bar what it was worth. Running A+B gives the bits
of running A and then B with the account that A left, so live is a scan of one bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.account import Account
from research.kernels.broker import walk_nb
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
        Raw USD, NaN where a symbol has no bar; new shares per old share at this open
        (1: none); USD per share held before this bar's split (0: none).
    signals : (N_SIGNALS, N, T) float64
        At the close of each bar.
    execution : (N_EXECUTION,) float64
    trade_from : int
        First bar at whose close an entry may be decided.
    orders : (M, N_ORDER) float64
        Filled from the front; `empty_orders` has room for all there can be.
    equity, cash, exposure : (T,) float64
        Written at each close: USD, USD, signed fraction of equity. Each may be of
        length 0 where nobody reads it.
    intents : (N, T, N_INTENT) float64
        Written: what waits for the next open; (N, 0, N_INTENT) where nobody reads it.
    gates : (N, T) float64
        Written: what blocked an entry: 0 nothing, the strategy's gate, or an account
        gate (≥ 100); (N, 0) where nobody reads it.

    Returns
    -------
    int
        Orders of these bars. More than M: `orders` was too short, and holds the first M.
    """
    return walk_nb(
        account, open, high, low, close, split, dividend, signals, 0, close.shape[1], True, execution,
        trade_from, orders, equity, cash, exposure, intents, gates,
    )  # fmt: skip
