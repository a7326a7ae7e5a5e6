"""The rows of an account, its orders and intents, as records with named fields.

In: nothing. Out: one dtype per kind of row. A float64 array of rows viewed as such
a dtype gives a kernel `p.qty` for `positions[k, P_QTY]`: readable, and passed to
other kernels as a bare pointer, where an array costs two atomic counts per call.

Fields are in the order of the constants in `account` (a test holds them to it),
which also say what each of them means.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

__all__ = [
    "INTENT",
    "ORDER",
    "PENDING",
    "POSITION",
    "TOTALS",
    "Intent",
    "Order",
    "Pending",
    "Position",
    "Totals",
]


class Totals(Protocol):
    """The account as a whole (A_*)."""

    cash: float
    equity: float
    exposure: float
    bars: float
    fees: float
    slippage: float
    dividends: float
    lieu: float
    ambiguous: float
    lapsed_no_bar: float
    lapsed_cash: float
    lapsed_size: float
    cut: float


class Position(Protocol):
    """What is held of one symbol (P_*)."""

    qty: float
    mark: float
    fill: float
    stop: float
    target: float
    trail: float
    peak: float
    protect: float
    limit: float
    held: float
    decided: float
    lapsed: float


class Pending(Protocol):
    """What waits for the next open of one symbol (Q_*)."""

    exit: float
    exit_decided: float
    qty: float
    stop: float
    target: float
    trail: float
    limit: float
    decided: float


class Order(Protocol):
    """One fill (O_*)."""

    bar: float
    symbol: float
    side: float
    qty: float
    price: float
    fee: float
    reason: float
    ambiguous: float
    decided: float
    asked: float


class Intent(Protocol):
    """What the account should do with one symbol at the next open (I_*)."""

    side: float
    qty: float
    reason: float
    stop: float
    target: float
    trail: float
    limit: float
    held: float
    protect: float
    goal: float
    lapsed: float


def _dtype(row: type) -> np.dtype[np.void]:
    return np.dtype([(name, np.float64) for name in row.__annotations__])


TOTALS, POSITION, PENDING, ORDER, INTENT = (_dtype(row) for row in (Totals, Position, Pending, Order, Intent))
