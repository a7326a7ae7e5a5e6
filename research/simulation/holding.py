"""Buying and holding, through the same broker kernel: what every result is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.data.panel import Panel
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import empty_orders, new_account
from research.kernels.scan import scan_nb

__all__ = ["Holding", "buy_and_hold"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Holding:
    """What buying and holding brought.

    Attributes
    ----------
    equity : (T,) float64
        USD at each close.
    held : tuple of str
        Symbols bought.
    left_out : tuple of str
        Symbols that were not trading when the purchase was decided, or never filled.
    """

    equity: F64
    held: tuple[str, ...]
    left_out: tuple[str, ...]


def buy_and_hold(panel: Panel, trade_from: int, initial_capital: float, execution: Execution) -> Holding:
    """Buy equal weights of every symbol that trades around `trade_from` and never sell.

    Parameters
    ----------
    panel : Panel
        T bars of N symbols.
    trade_from : int
        The bar at whose close the purchase is decided; it fills at the next open. A
        symbol that misses either bar is bought at its next ones.
    initial_capital : float
        USD.
    execution : Execution
        The costs that the strategy beside it pays. Dividends stay in cash.

    Returns
    -------
    Holding
        T − trade_from closes, from `trade_from` on.
    """
    block = panel[trade_from:]
    n, t = len(panel.symbols), len(block)
    own = np.isfinite(panel.close)
    alive = own[: trade_from + 1].any(axis=0) & own[trade_from + 1 :].any(axis=0)
    signals = np.zeros((sg.N_SIGNALS, n, t))
    signals[[sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]] = np.nan
    signals[sg.ENTRY, alive] = 1.0
    # All of the cash: the kernel cuts the last purchase to what an opening gap leaves.
    signals[sg.WEIGHT] = 1.0 / max(int(alive.sum()), 1)
    account, equity, unread = new_account(n, initial_capital), np.empty(t), np.empty(0)
    bars = (block.open, block.high, block.low, block.close, block.split, block.dividend)
    o, h, lo, c, split, dividend = (np.ascontiguousarray(a.T) for a in bars)
    scan_nb(
        account, o, h, lo, c, split, dividend, signals, execution.as_array(), 0, empty_orders(t, n),
        equity, unread, unread, np.empty((n, 0, ac.N_INTENT)), np.empty((n, 0)),
    )  # fmt: skip
    bought = account.positions[:, ac.P_QTY] != 0.0
    held = tuple(s for s, has in zip(panel.symbols, bought, strict=True) if has)
    return Holding(equity, held, tuple(s for s in panel.symbols if s not in held))
