"""At what price an order fills: the execution table of the design, as a broker would carry it out.

Pure functions of an order and a price or a bar. Market orders and triggered stops pay slippage; limit orders
fill at their limit, or better if the market opens beyond it.
"""

from __future__ import annotations

from tests.fake_alpaca.order import Order


def slipped(order: Order, price: float, slippage: float) -> float:
    """Return the price a market order gets."""
    return price * (1.0 + order.sign * slippage)


def at_price(order: Order, price: float, slippage: float) -> float | None:
    """Return the fill price when the market trades at `price`: at the open, or as the order comes in."""
    limit, stop = order.limit_price, order.stop_level()
    if order.type == "market":
        return slipped(order, price, slippage)
    if order.type == "limit" or order.triggered:
        return price if limit is not None and (limit - price) * order.sign >= 0.0 else None
    if stop is None or (price - stop) * order.sign < 0.0:
        return None
    if order.type == "stop_limit":
        order.triggered = True
        return price if limit is not None and (limit - price) * order.sign >= 0.0 else None
    return slipped(order, price, slippage)


def inside(order: Order, opened: float, high: float, low: float, slippage: float) -> float | None:
    """Return the fill price somewhere within a bar after its open."""
    limit, stop = order.limit_price, order.stop_level()
    buys = order.sign > 0.0
    if order.type == "market":  # one that came while nothing traded
        return slipped(order, opened, slippage)
    if order.type == "limit" or order.triggered:
        reached = limit is not None and (low <= limit if buys else high >= limit)
        return limit if reached else None
    if stop is None or not (high >= stop if buys else low <= stop):
        return None
    if order.type == "stop_limit":
        order.triggered = True
        reached = limit is not None and (low <= limit if buys else high >= limit)
        return limit if reached else None
    # A stop nearer to the price than the entry's slippage is beyond the open: it gets the open.
    level = max(stop, opened) if buys else min(stop, opened)
    return slipped(order, level, slippage)


def ratchet(order: Order, high: float, low: float) -> None:
    """Move a trailing stop after the bar: its best price protects from the next one on."""
    if order.type == "trailing_stop" and order.hwm is not None:
        order.hwm = min(order.hwm, low) if order.sign > 0.0 else max(order.hwm, high)
