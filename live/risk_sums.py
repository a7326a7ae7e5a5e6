"""What would be at risk if everything that is open filled: the sums that the risk checks compare.

In: an order that is wanted and the context. Out: amounts in USD, or `None` where a price
or a quantity that they need is not known.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeGuard

from live.risk_context import ZERO, Context, Purpose, Wanted

__all__ = ["at_risk", "gross_notional", "is_number", "price_of", "spent", "symbols_at_risk"]


def is_number(value: Decimal | None) -> TypeGuard[Decimal]:
    """Say whether an amount is known and finite."""
    return value is not None and value.is_finite()


def price_of(symbol: str, c: Context) -> Decimal | None:
    """Return the last price of a symbol, USD a share; None if it is not known or cannot be one."""
    quote = c.quotes.get(symbol)
    return quote.price if quote is not None and is_number(quote.price) and quote.price > 0 else None


def spent(w: Wanted, c: Context) -> Decimal | None:
    """Return the USD of an order at the worse of its limit and the last price."""
    price = price_of(w.symbol, c)
    return None if price is None else w.quantity * max(price, w.limit or price)


def _worst_shares(symbol: str, c: Context, w: Wanted) -> Decimal:
    """Return the most shares, long or short, that could be held if open entries fill and no exit does."""
    held = c.held(symbol)
    more = {1: ZERO, -1: ZERO}
    for order in c.resting:
        if order.symbol == symbol and order.purpose is Purpose.ENTER:
            more[order.side] += order.remaining
    if w.symbol == symbol:
        more[w.side] += w.quantity
    return max(abs(held + more[1]), abs(held - more[-1]))


def at_risk(symbol: str, c: Context, w: Wanted) -> Decimal | None:
    """Return the USD of a symbol's position at its worst, with `w` if it is of this symbol."""
    price = price_of(symbol, c)
    if price is None:
        return None
    if w.symbol == symbol:
        price = max(price, w.limit or price)
    return _worst_shares(symbol, c, w) * price


def symbols_at_risk(c: Context) -> set[str]:
    """Return the symbols that are held or that an open entry may bring."""
    held = {symbol for symbol, quantity in c.positions.items() if quantity != 0}
    return held | {o.symbol for o in c.resting if o.purpose is Purpose.ENTER}


def gross_notional(c: Context, w: Wanted) -> Decimal | None:
    """Return the USD of all positions at their worst, longs and shorts added."""
    total = ZERO
    for symbol in symbols_at_risk(c) | {w.symbol}:
        value = at_risk(symbol, c, w)
        if value is None:
            return None
        total += value
    return total
