"""Buying and holding, through the same broker kernel: what every result is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.data.panel import Panel
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import empty_orders, new_account
from research.kernels.scan import scan_nb

__all__ = ["buy_and_hold"]


def buy_and_hold(
    panel: Panel, trade_from: int, initial_capital: float, execution: Execution
) -> NDArray[np.float64]:
    """Return the equity of equal weights in every symbol alive at `trade_from`, never sold.

    Parameters
    ----------
    panel : Panel
        T bars of N symbols.
    trade_from : int
        The bar at whose close the purchase is decided; it fills at the next open.
    initial_capital : float
        USD.
    execution : Execution
        The costs that the strategy beside it pays.

    Returns
    -------
    (T − trade_from,) float64
        USD at each close from `trade_from` on.
    """
    block = panel[trade_from:]
    n, t = len(panel.symbols), len(block)
    alive = block.members(0)
    signals = np.zeros((sg.N_SIGNALS, n, t))
    signals[[sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]] = np.nan
    signals[sg.ENTRY, alive, 0] = 1.0
    # All of the cash: the kernel cuts the last purchase to what an opening gap leaves.
    signals[sg.WEIGHT] = 1.0 / max(int(alive.sum()), 1)
    equity = np.empty(t)
    bars = (block.open, block.high, block.low, block.close, block.split, block.dividend)
    o, h, lo, c, split, dividend = (np.ascontiguousarray(a.T) for a in bars)
    scan_nb(
        new_account(n, initial_capital),
        o,
        h,
        lo,
        c,
        split,
        dividend,
        signals,
        execution.as_array(),
        0,
        empty_orders(t, n),
        equity,
        np.empty(t),
        np.empty(t),
        np.empty((n, t, ac.N_INTENT)),
        np.empty((n, t)),
    )
    return equity
