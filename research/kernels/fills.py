"""One position: opened, held through a bar, split, closed.

In: an `Account`, a symbol, a price. Out: the account after it, and the order.
`broker` says in which sequence these happen within a bar.

The arithmetic is, operation for operation, that of vectorbt's order execution
(its `buy_nb` and `sell_nb`), so orders agree to the last bit: cost = size × price,
fee = cost × commission, cash − (cost + fee).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels.account import Account
from research.kernels.jit import njit

__all__ = [
    "close_nb",
    "corporate_nb",
    "drop_entry_nb",
    "enter_nb",
    "free_cash_nb",
    "inside_held_nb",
    "open_held_nb",
    "whole_nb",
]

MICROSHARE = 1e-6  # the least fraction of a share that is traded
NUDGE = 1.0 + 1e-12  # 100 shares computed as 99.99999999999999 are 100 shares
DUST = 1e-9  # what is left of the cash after an all-in entry is zero below this fraction of it


@njit
def whole_nb(shares: float, fractional: float) -> float:
    """Return `shares` rounded down to what can be traded."""
    if fractional != 0.0:
        return shares // MICROSHARE * MICROSHARE
    return math.floor(shares)


@njit
def free_cash_nb(account: Account) -> float:
    """Return the cash that entries may use: short proceeds and as much margin again are locked."""
    free = account.totals[ac.A_CASH]
    for k in range(account.positions.shape[0]):
        qty = account.positions[k, ac.P_QTY]
        if qty < 0.0:
            free += 2.0 * qty * account.positions[k, ac.P_MARK]
    return free


@njit
def _pay_nb(totals: NDArray[np.float64], amount: float) -> None:
    """Take `amount` USD out of the cash; a remainder that is only rounding becomes zero."""
    cash = totals[ac.A_CASH]
    left = cash - amount
    if abs(left) <= DUST * max(abs(cash), abs(amount)):
        left = 0.0
    totals[ac.A_CASH] = left


@njit
def _record_nb(
    orders: NDArray[np.float64],
    n: int,
    bar: float,
    symbol: int,
    side: float,
    qty: float,
    price: float,
    fee: float,
    reason: int,
    ambiguous: float,
    decided: float,
) -> int:
    """Write order `n` if there is room for it, count it either way."""
    if n < orders.shape[0]:
        orders[n, ac.O_BAR] = bar
        orders[n, ac.O_SYMBOL] = symbol
        orders[n, ac.O_SIDE] = side
        orders[n, ac.O_QTY] = qty
        orders[n, ac.O_PRICE] = price
        orders[n, ac.O_FEE] = fee
        orders[n, ac.O_REASON] = reason
        orders[n, ac.O_AMBIGUOUS] = ambiguous
        orders[n, ac.O_DECIDED] = decided
    return n + 1


@njit
def _flatten_nb(account: Account, k: int) -> None:
    """Forget the position of symbol `k`, and any exit that waited for it."""
    for field in range(ac.N_POSITION):
        if field not in (ac.P_MARK, ac.P_LAPSED):
            account.positions[k, field] = math.nan
    account.positions[k, ac.P_QTY] = 0.0
    account.positions[k, ac.P_HELD] = 0.0
    account.pending[k, ac.Q_EXIT] = 0.0
    account.pending[k, ac.Q_EXIT_DECIDED] = math.nan


@njit
def close_nb(
    account: Account,
    k: int,
    price: float,
    slippage: float,
    commission: float,
    reason: int,
    ambiguous: float,
    decided: float,
    orders: NDArray[np.float64],
    n: int,
) -> int:
    """Close the position of symbol `k` at `price` before slippage."""
    totals = account.totals
    qty = account.positions[k, ac.P_QTY]
    if qty > 0.0:
        side, size = -1.0, qty
        fill = price * (1.0 - slippage)
        value = size * fill
        fee = value * commission
        totals[ac.A_CASH] += value - fee
    else:
        side, size = 1.0, -qty
        fill = price * (1.0 + slippage)
        value = size * fill
        fee = value * commission
        _pay_nb(totals, value + fee)
    totals[ac.A_FEES] += fee
    totals[ac.A_SLIPPAGE] += size * abs(fill - price)
    totals[ac.A_AMBIGUOUS] += ambiguous
    _flatten_nb(account, k)
    return _record_nb(orders, n, totals[ac.A_BARS], k, side, size, fill, fee, reason, ambiguous, decided)


@njit
def drop_entry_nb(account: Account, k: int) -> None:
    """Forget the entry that waited for this open."""
    for field in range(ac.Q_QTY, ac.N_PENDING):
        account.pending[k, field] = math.nan
    account.pending[k, ac.Q_QTY] = 0.0


@njit
def enter_nb(
    account: Account,
    k: int,
    price: float,
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
    n: int,
) -> int:
    """Open the pending position of symbol `k` at the open, cut to free cash, and anchor its protection."""
    totals, position, pending = account.totals, account.positions, account.pending
    slippage, commission = execution[ac.X_SLIPPAGE], execution[ac.X_COMMISSION]
    side = 1.0 if pending[k, ac.Q_QTY] > 0.0 else -1.0
    free = free_cash_nb(account)
    fill = price * (1.0 + side * slippage)
    # The two sides bracket the same quotient differently; so does vectorbt.
    most = free / (1.0 + commission) / fill if side > 0.0 else free / (fill * (1.0 + commission))
    size = min(abs(pending[k, ac.Q_QTY]), whole_nb(most, execution[ac.X_FRACTIONAL]))
    if not size > 0.0:
        totals[ac.A_LAPSED_CASH] += 1.0
        position[k, ac.P_LAPSED] = ac.GATE_CASH
        drop_entry_nb(account, k)
        return n
    value = size * fill
    fee = value * commission
    if side > 0.0:
        _pay_nb(totals, value + fee)
    else:
        totals[ac.A_CASH] += value - fee
    totals[ac.A_FEES] += fee
    totals[ac.A_SLIPPAGE] += size * abs(fill - price)

    stop, trail = pending[k, ac.Q_STOP], pending[k, ac.Q_TRAIL]
    position[k, ac.P_QTY] = side * size
    position[k, ac.P_MARK] = price
    position[k, ac.P_FILL] = position[k, ac.P_PEAK] = fill
    position[k, ac.P_STOP] = fill * (1.0 - side * stop)
    position[k, ac.P_TARGET] = fill * (1.0 + side * pending[k, ac.Q_TARGET])
    position[k, ac.P_TRAIL] = trail
    position[k, ac.P_PROTECT] = _tighter_nb(side, position[k, ac.P_STOP], fill * (1.0 - side * trail))
    position[k, ac.P_LIMIT] = pending[k, ac.Q_LIMIT]
    position[k, ac.P_HELD] = 1.0
    decided = position[k, ac.P_DECIDED] = pending[k, ac.Q_DECIDED]
    drop_entry_nb(account, k)
    return _record_nb(orders, n, totals[ac.A_BARS], k, side, size, fill, fee, ac.ENTERED, 0.0, decided)


@njit
def _tighter_nb(side: float, one: float, other: float) -> float:
    """Return the stop level nearer to the price; NaN is none."""
    if not other == other:
        return one
    if not one == one or (other - one) * side > 0.0:
        return other
    return one


@njit
def corporate_nb(
    account: Account, k: int, price: float, split: float, dividend: float, execution: NDArray[np.float64]
) -> None:
    """Pay the dividend on the shares held overnight, then split them; fractions are paid at the open."""
    totals, position = account.totals, account.positions
    if execution[ac.X_DIVIDENDS] != 0.0:
        paid = position[k, ac.P_QTY] * dividend
        totals[ac.A_CASH] += paid
        totals[ac.A_DIVIDENDS] += paid
    if split == 1.0:
        return
    qty = position[k, ac.P_QTY] * split
    if execution[ac.X_FRACTIONAL] == 0.0:
        side = 1.0 if qty > 0.0 else -1.0
        kept = side * math.floor(abs(qty) * NUDGE)
        lieu = (qty - kept) * price
        # A product such as 3 × (1/3) may pass its whole number by rounding alone.
        if abs(qty - kept) > MICROSHARE:
            totals[ac.A_CASH] += lieu
            totals[ac.A_LIEU] += lieu
        qty = kept
    position[k, ac.P_QTY] = qty
    for field in (ac.P_MARK, ac.P_FILL, ac.P_STOP, ac.P_TARGET, ac.P_PEAK, ac.P_PROTECT):
        position[k, field] /= split
    if qty == 0.0:
        _flatten_nb(account, k)


@njit
def open_held_nb(
    account: Account,
    k: int,
    price: float,
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
    n: int,
) -> int:
    """Close the position of symbol `k` at the open if that was decided, or if the open is beyond a level."""
    position = account.positions
    slippage, commission = execution[ac.X_SLIPPAGE], execution[ac.X_COMMISSION]
    reason = account.pending[k, ac.Q_EXIT]
    if reason != 0.0:
        decided = account.pending[k, ac.Q_EXIT_DECIDED]
        return close_nb(account, k, price, slippage, commission, int(reason), 0.0, decided, orders, n)
    side = 1.0 if position[k, ac.P_QTY] > 0.0 else -1.0
    decided = position[k, ac.P_DECIDED]
    if (position[k, ac.P_PROTECT] - price) * side >= 0.0:
        reason_at = ac.STOP if position[k, ac.P_PROTECT] == position[k, ac.P_STOP] else ac.TRAIL
        return close_nb(account, k, price, slippage, commission, reason_at, 0.0, decided, orders, n)
    if (price - position[k, ac.P_TARGET]) * side >= 0.0:
        return close_nb(account, k, price, 0.0, commission, ac.TARGET, 0.0, decided, orders, n)
    return n


@njit
def inside_held_nb(
    account: Account,
    k: int,
    price: float,
    high: float,
    low: float,
    execution: NDArray[np.float64],
    orders: NDArray[np.float64],
    n: int,
) -> int:
    """Close the position of symbol `k` if the bar reaches its stop or target; else move its trailing stop."""
    position = account.positions
    slippage, commission = execution[ac.X_SLIPPAGE], execution[ac.X_COMMISSION]
    long = position[k, ac.P_QTY] > 0.0
    protect, target = position[k, ac.P_PROTECT], position[k, ac.P_TARGET]
    if long:
        stopped, reached, best = low <= protect, high >= target, high
    else:
        stopped, reached, best = high >= protect, low <= target, low
    if stopped:
        # A stop nearer than the entry's own slippage is beyond the open of the entry bar.
        beyond = price <= protect if long else price >= protect
        level = price if beyond else protect
        reason = ac.STOP if protect == position[k, ac.P_STOP] else ac.TRAIL
        ambiguous = 1.0 if reached and not beyond else 0.0
        decided = position[k, ac.P_DECIDED]
        return close_nb(account, k, level, slippage, commission, reason, ambiguous, decided, orders, n)
    if reached:
        decided = position[k, ac.P_DECIDED]
        return close_nb(account, k, target, 0.0, commission, ac.TARGET, 0.0, decided, orders, n)
    trail = position[k, ac.P_TRAIL]
    if trail == trail and (best > position[k, ac.P_PEAK]) == long and best != position[k, ac.P_PEAK]:
        side = 1.0 if long else -1.0
        position[k, ac.P_PEAK] = best
        position[k, ac.P_PROTECT] = _tighter_nb(side, protect, best * (1.0 - side * trail))
    return n
