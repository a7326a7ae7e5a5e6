"""One position: opened, held, split, stopped, closed.

In: the rows of one symbol (`account_rows`) and a price. Out: the rows after it,
and the order. `broker` says in which sequence these happen within a bar.

Market orders (entries, exits, stops) pay slippage, targets are limit orders and
pay none; all pay commission. The arithmetic is, operation for operation, that of
vectorbt's order execution (its `buy_nb` and `sell_nb`), so orders agree to the
last bit: value = size × price, fee = value × commission, cash − (value + fee).
"""

from __future__ import annotations

import math

from research.kernels import account as ac
from research.kernels.account_rows import Order, Pending, Position, Totals
from research.kernels.jit import njit

__all__ = [
    "NUDGE", "SHARE_STEP", "close_nb", "corporate_nb", "drop_entry_nb", "enter_nb", "inside_reason_nb",
    "open_reason_nb", "ratchet_nb", "split_entry_nb", "whole_nb",
]  # fmt: skip

SHARE_STEP = 1.0 / 512.0  # least fraction of a share: exact in binary, and within the 9 decimals brokers take
NUDGE = 1.0 + 1e-12  # 100 shares computed as 99.99999999999999 are 100 shares
DUST = 1e-9  # below this fraction of the whole, what is left over is rounding


@njit
def whole_nb(shares: float, fractional: bool) -> float:
    """Return `shares` rounded down to what can be traded."""
    if fractional:
        return shares // SHARE_STEP * SHARE_STEP
    return math.floor(shares)


@njit
def tighter_nb(side: float, one: float, other: float) -> float:
    """Return the stop level nearer to the price; NaN is none."""
    if not other == other:
        return one
    if not one == one or (other - one) * side > 0.0:
        return other
    return one


@njit
def pay_nb(totals: Totals, amount: float) -> None:
    """Take `amount` USD out of the cash; a remainder that is only rounding becomes zero."""
    left = totals.cash - amount
    if abs(left) <= DUST * max(abs(totals.cash), abs(amount)):
        left = 0.0
    totals.cash = left


@njit
def record_nb(
    totals: Totals,
    k: int,
    side: float,
    size: float,
    asked: float,
    fill: float,
    price: float,
    fee: float,
    order: Order,
) -> None:
    """Write what an order did of what it was asked, and book its costs; `price` is before slippage."""
    totals.fees += fee
    totals.slippage += size * abs(fill - price)
    order.bar = totals.bars
    order.symbol = k
    order.side = side
    order.qty = size
    order.price = fill
    order.fee = fee
    order.asked = asked
    if size < asked:
        totals.cut += 1.0


@njit
def flatten_nb(p: Position, q: Pending) -> None:
    """Forget a position, and any exit that waited for it."""
    p.qty = p.held = 0.0
    p.fill = p.stop = p.target = p.trail = p.peak = p.protect = p.limit = p.decided = math.nan
    q.exit = 0.0
    q.exit_decided = math.nan


@njit
def drop_entry_nb(q: Pending) -> None:
    """Forget the entry that waited for this open."""
    q.qty = 0.0
    q.stop = q.target = q.trail = q.limit = q.decided = math.nan


@njit
def open_reason_nb(p: Position, q: Pending, price: float) -> int:
    """Say why a held position closes at the open: what was decided, then stop, then target; 0 it stays."""
    if q.exit != 0.0:
        return int(q.exit)
    long = p.qty > 0.0
    if p.protect >= price if long else p.protect <= price:
        return ac.STOP if p.protect == p.stop else ac.TRAIL
    if price >= p.target if long else price <= p.target:
        return ac.TARGET
    return 0


@njit
def inside_reason_nb(p: Position, high: float, low: float) -> int:
    """Say why a held position closes inside the bar: its stop, else its target; 0 it stays."""
    long = p.qty > 0.0
    if low <= p.protect if long else high >= p.protect:
        return ac.STOP if p.protect == p.stop else ac.TRAIL
    if high >= p.target if long else low <= p.target:
        return ac.TARGET
    return 0


@njit
def ratchet_nb(p: Position, high: float, low: float) -> None:
    """Move the trailing stop after the bar: its best price protects from the next bar on."""
    if p.qty > 0.0:
        if high > p.peak:
            p.peak = high
            p.protect = tighter_nb(1.0, p.protect, high * (1.0 - p.trail))
    elif low < p.peak:
        p.peak = low
        p.protect = tighter_nb(-1.0, p.protect, low * (1.0 + p.trail))


@njit
def close_nb(
    totals: Totals,
    k: int,
    p: Position,
    q: Pending,
    price: float,
    slippage: float,
    commission: float,
    reason: int,
    order: Order,
) -> None:
    """Close a position at `price` before slippage; a target is a limit order and pays none."""
    if reason == ac.TARGET:
        slippage = 0.0
    order.reason = reason
    order.ambiguous = 0.0
    order.decided = q.exit_decided if reason in (ac.SIGNAL, ac.TIME) else p.decided
    if p.qty > 0.0:
        side, size = -1.0, p.qty
        fill = price * (1.0 - slippage)
        fee = size * fill * commission
        totals.cash += size * fill - fee
    else:
        side, size = 1.0, -p.qty
        fill = price * (1.0 + slippage)
        fee = size * fill * commission
        pay_nb(totals, size * fill + fee)
    record_nb(totals, k, side, size, size, fill, price, fee, order)
    flatten_nb(p, q)


@njit
def enter_nb(
    totals: Totals,
    k: int,
    p: Position,
    q: Pending,
    price: float,
    free: float,
    slippage: float,
    commission: float,
    fractional: bool,
    order: Order,
) -> bool:
    """Open the waiting position at the open, cut to `free` cash, and anchor its protection at the fill.

    Returns False if the cash bought nothing; the entry has then lapsed. One that was cut is counted, and its
    order says how many shares were asked for.
    """
    side = math.copysign(1.0, q.qty)
    fill = price * (1.0 + side * slippage)
    # A buy pays its fee out of the cash, a short sale's margin is the notional; vectorbt groups them so.
    most = free / (1.0 + commission) / fill if side > 0.0 else free / (fill * (1.0 + commission))
    asked = abs(q.qty)
    size = min(asked, whole_nb(most, fractional))
    if not size > 0.0:
        totals.lapsed_cash += 1.0
        p.lapsed = ac.GATE_CASH
        drop_entry_nb(q)
        return False
    fee = size * fill * commission
    if side > 0.0:
        pay_nb(totals, size * fill + fee)
    else:
        totals.cash += size * fill - fee
    order.reason = ac.ENTERED
    order.ambiguous = 0.0
    order.decided = q.decided
    record_nb(totals, k, side, size, asked, fill, price, fee, order)

    p.qty = side * size
    p.mark = price
    p.fill = p.peak = fill
    p.stop = fill * (1.0 - side * q.stop)
    p.target = fill * (1.0 + side * q.target)
    p.trail = q.trail
    p.protect = tighter_nb(side, p.stop, fill * (1.0 - side * q.trail))
    p.limit = q.limit
    p.held = 1.0
    p.decided = q.decided
    drop_entry_nb(q)
    return True


@njit
def corporate_nb(
    totals: Totals,
    p: Position,
    q: Pending,
    price: float,
    split: float,
    dividend: float,
    fractional: bool,
    dividends: bool,
) -> None:
    """Pay the dividend on the shares held overnight, then split them; a fraction left is paid at the open."""
    if dividends:
        totals.cash += p.qty * dividend
        totals.dividends += p.qty * dividend
    if split == 1.0:
        return
    qty = p.qty * split
    if not fractional:
        kept = math.copysign(math.floor(abs(qty) * NUDGE), qty)
        # A product such as 3 × (1/3) may miss its whole number by rounding alone.
        if abs(qty - kept) > DUST * abs(qty):
            lieu = (qty - kept) * price
            totals.cash += lieu
            totals.lieu += lieu
        qty = kept
    p.qty = qty
    p.mark /= split
    p.fill /= split
    p.stop /= split
    p.target /= split
    p.peak /= split
    p.protect /= split
    if qty == 0.0:
        flatten_nb(p, q)


@njit
def split_entry_nb(totals: Totals, p: Position, q: Pending, split: float, fractional: bool) -> None:
    """Restate the shares of a waiting entry after a split; it lapses if none are left."""
    q.qty = math.copysign(whole_nb(abs(q.qty * split) * NUDGE, fractional), q.qty)
    if q.qty == 0.0:
        totals.lapsed_size += 1.0
        p.lapsed = ac.GATE_SIZE
        drop_entry_nb(q)
