"""Walk an account over a block whose signals are known: what fills, what is decided, what it is worth.

In: an account, bars, signals. Out: fills, intents, gates, equity, and the account one block on. The bars
are walked by `scan_nb`, or, where a broker says what filled, bar by bar around it, by the same kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.data.panel import Panel
from research.execution import Execution
from research.kernels import account as ac
from research.kernels.account import Account, empty_orders
from research.kernels.broker import decide_nb
from research.kernels.scan import scan_nb

__all__ = ["Fill", "Walk", "trade"]

F64 = NDArray[np.float64]
Fill = Callable[[Panel, Account, Execution], F64]


class Walk(NamedTuple):
    """What a block did to an account; shapes as in `research.advance.Advance`, in its order."""

    gates: F64
    decided: F64
    orders: F64
    equity: F64
    cash: F64
    exposure: F64


def trade(
    account: Account,
    panel: Panel,
    signals: F64,
    execution: Execution,
    trade_from: np.datetime64,
    fill: Fill | None,
) -> Walk:
    """Walk an account over a block.

    Parameters
    ----------
    account : Account
        Changed in place.
    panel : Panel
        T bars of N symbols.
    signals : (S, N, T) float64
    execution : Execution
    trade_from : numpy.datetime64
        The first close that may decide a trade.
    fill : callable or None
        What a broker did in a bar, as `UnifiedTradingEngine.advance` takes it; None: simulated here.

    Returns
    -------
    Walk
    """
    n, t = len(panel.symbols), len(panel)
    equity, cash, exposure = np.empty(t), np.empty(t), np.empty(t)
    decided, gates = np.empty((n, t, ac.N_INTENT)), np.empty((n, t))
    # The kernels count bars over the account's life; the block knows only its own.
    first = int(account.totals[ac.A_BARS] + np.searchsorted(panel.bar_close, trade_from))
    costs = execution.as_array()
    if fill is None:
        orders = empty_orders(t, n)
        bars = (panel.open, panel.high, panel.low, panel.close, panel.split, panel.dividend)
        o, h, lo, c, split, dividend = (np.ascontiguousarray(a.T) for a in bars)
        count = scan_nb(
            account, o, h, lo, c, split, dividend, signals, costs, first,
            orders, equity, cash, exposure, decided, gates,
        )  # fmt: skip
        orders = orders[:count].copy()
    else:
        fills = [np.empty((0, ac.N_ORDER))]
        close = np.ascontiguousarray(panel.close.T)
        totals = account.totals
        for i in range(t):
            fills.append(fill(panel[i : i + 1], account, execution))
            tradable = totals[ac.A_BARS] > first
            decide_nb(account, close, signals, i, costs, tradable, decided, gates)
            equity[i], cash[i] = totals[ac.A_EQUITY], totals[ac.A_CASH]
            exposure[i] = totals[ac.A_EXPOSURE]
        orders = np.concatenate(fills)
    return Walk(gates, decided, orders, equity, cash, exposure)
