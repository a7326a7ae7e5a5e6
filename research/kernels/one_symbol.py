"""One symbol of an account in one bar: its open, its inside, and what is decided about it at the close.

In: the rows of the symbol (`account_rows`), its prices, what the strategy wants. Out:
the rows after it, and the order. `broker` walks accounts of several symbols with these,
`ride` one symbol's account without stopping where nothing can happen.
"""

from __future__ import annotations

import math

from research.kernels import account as ac
from research.kernels.account import Account
from research.kernels.account_rows import Order, Pending, Position, Totals
from research.kernels.fills import (
    NUDGE,
    close_nb,
    corporate_nb,
    inside_reason_nb,
    open_reason_nb,
    ratchet_nb,
    split_entry_nb,
    whole_nb,
)
from research.kernels.jit import njit

__all__ = [
    "closes_nb", "decide_exit_nb", "free_cash_nb", "inside_bar_nb", "open_bar_nb", "size_entry_nb", "wait_nb",
]  # fmt: skip


@njit
def open_bar_nb(
    total: Totals,
    k: int,
    p: Position,
    q: Pending,
    price: float,
    split: float,
    dividend: float,
    slippage: float,
    commission: float,
    fractional: bool,
    dividends: bool,
    order: Order,
) -> int:
    """Take symbol `k` through its open at `price`, entries left waiting; returns orders filled, 0 or 1."""
    if p.qty != 0.0:
        p.held += 1.0
        if split != 1.0 or dividend != 0.0:
            corporate_nb(total, p, q, price, split, dividend, fractional, dividends)
        if p.qty != 0.0:
            reason = open_reason_nb(p, q, price)
            if reason != 0:
                close_nb(total, k, p, q, price, slippage, commission, reason, order)
                return 1
    elif q.qty != 0.0 and split != 1.0:
        split_entry_nb(total, p, q, split, fractional)
    return 0


@njit
def inside_bar_nb(
    total: Totals,
    k: int,
    p: Position,
    q: Pending,
    open: float,  # noqa: A002
    high: float,
    low: float,
    slippage: float,
    commission: float,
    order: Order,
) -> int:
    """Close a held position inside the bar, or move its trailing stop; returns the orders filled, 0 or 1."""
    reason = inside_reason_nb(p, high, low)
    if reason == 0:
        if p.trail == p.trail:
            ratchet_nb(p, high, low)
        return 0
    level = p.target if reason == ac.TARGET else p.protect
    both = 0.0
    if reason != ac.TARGET:
        # A stop nearer than the entry's slippage is beyond the entry bar's open.
        level = min(level, open) if p.qty > 0.0 else max(level, open)
        reached = high >= p.target if p.qty > 0.0 else low <= p.target
        both = 1.0 if reached and level == p.protect else 0.0
    close_nb(total, k, p, q, level, slippage, commission, reason, order)
    order.ambiguous = both
    total.ambiguous += both
    return 1


@njit
def free_cash_nb(account: Account, with_exits: bool) -> float:
    """Return the cash that entries may use: short proceeds and as much margin again are locked.

    With exits: as it will be at the next open, where exits already decided fill before entries.
    """
    free = float(account.totals[ac.A_CASH])
    for k in range(account.positions.shape[0]):
        qty = account.positions[k, ac.P_QTY]
        if qty != 0.0:
            value = abs(qty) * account.positions[k, ac.P_MARK]
            if qty < 0.0:
                free -= 2.0 * value
            if with_exits and account.pending[k, ac.Q_EXIT] != 0.0:
                free += value
    return free


@njit
def closes_nb(exit_signal: float, side: float) -> bool:
    """Say whether an exit signal closes a position of this sign."""
    return exit_signal == 2.0 or exit_signal == math.copysign(1.0, side)


@njit
def decide_exit_nb(p: Position, q: Pending, exit_signal: float, decided: float) -> None:
    """Decide whether a held position closes at the next open: on the signal, else on its time limit."""
    if closes_nb(exit_signal, p.qty):
        q.exit = ac.SIGNAL
        q.exit_decided = decided
    elif p.held >= p.limit:
        q.exit = ac.TIME
        q.exit_decided = decided


@njit
def entry_gate_nb(p: Position, side: float, allow_short: bool, tradable: bool) -> int:
    """Say what keeps an entry from being sized; 0 nothing."""
    if not tradable:
        return ac.GATE_TRAINING
    if p.qty != 0.0:
        return ac.GATE_HELD
    if side < 0.0 and not allow_short:
        return ac.GATE_SHORT
    return 0


@njit
def size_entry_nb(
    total: Totals,
    p: Position,
    side: float,
    weight: float,
    price: float,
    fractional: bool,
    allow_short: bool,
    tradable: bool,
) -> tuple[int, float]:
    """Return what keeps an entry from being sized, 0 nothing, and its signed shares; cash is not asked."""
    gate = entry_gate_nb(p, side, allow_short, tradable)
    if gate != 0:
        return gate, 0.0
    shares = whole_nb(weight * total.equity / price * NUDGE, fractional)
    if not 0.0 < shares < math.inf:
        return ac.GATE_SIZE, 0.0
    return 0, math.copysign(shares, side)


@njit
def wait_nb(
    q: Pending, shares: float, stop: float, target: float, trail: float, limit: float, decided: float
) -> None:
    """Let an entry wait for the next open."""
    q.qty = shares
    q.stop = stop
    q.target = target
    q.trail = trail
    q.limit = limit
    q.decided = decided
