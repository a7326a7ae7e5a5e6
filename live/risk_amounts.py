"""Pre-trade checks of amounts: one order, one position, all of them, how many, how much was lost.

In: an order that is wanted, the context and the rules. Out: `None`, or a `Breach`.
What is not known is a breach.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal

from live.risk_context import Breach, Context, Rules, Wanted
from live.risk_sums import at_risk, gross_notional, is_number, spent, symbols_at_risk

__all__ = [
    "buying_power",
    "daily_loss",
    "drawdown",
    "gross_exposure",
    "open_orders",
    "order_notional",
    "order_quantity",
    "orders_per_day",
    "orders_per_minute",
    "position_count",
    "position_notional",
    "position_share",
    "small_daily_loss",
    "small_drawdown",
]

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def order_quantity(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that an order has no more shares than one may have."""
    if w.quantity > r.order_quantity:
        return Breach(f"order must be ≤ {r.order_quantity} shares", str(w.quantity), "split or lower it")
    return None


def order_notional(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that an order is no larger than one may be, at the worse of its limit and the last price."""
    value = spent(w, c)
    if value is None or value > r.order_notional:
        return Breach(f"order must be ≤ {r.order_notional} USD", str(value), "lower weight or capital")
    return None


def position_notional(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the position stays within its USD if all that is open for it fills."""
    value = at_risk(w.symbol, c, w)
    if value is None or value > r.position_notional:
        return Breach(f"position must be ≤ {r.position_notional} USD", str(value), "lower weight or capital")
    return None


def position_share(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask the same of its share of equity."""
    value = at_risk(w.symbol, c, w)
    if value is None or not (is_number(c.equity) and value <= r.position_share * c.equity):
        return Breach(
            f"position must be ≤ {r.position_share:%} of equity", f"{value} of {c.equity}", "lower weight"
        )
    return None


def gross_exposure(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that all positions, longs and shorts added, stay within their share of equity at their worst."""
    value = gross_notional(c, w)
    if value is None or not (is_number(c.equity) and value <= r.gross_exposure * c.equity):
        return Breach(
            f"gross exposure must be ≤ {r.gross_exposure:%} of equity",
            f"{value} of {c.equity}",
            "wait for an exit",
        )
    return None


def position_count(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that no more symbols are held, or about to be, than may be."""
    count = len(symbols_at_risk(c) | {w.symbol})
    if count > r.positions:
        return Breach(f"positions must be ≤ {r.positions}", str(count), "wait for an exit")
    return None


def buying_power(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the order costs no more than there is, less what was sent since that was read."""
    value = spent(w, c)
    if value is None or not (is_number(c.buying_power) and value + c.reserved <= c.buying_power):
        told = f"order must be ≤ buying power {c.buying_power} less {c.reserved} under way"
        return Breach(told, str(value), "wait for cash")
    return None


def orders_per_minute(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that with this one no more orders were sent in 60 seconds than may be."""
    return _rate(c, _MINUTE, r.orders_per_minute, "minute")


def orders_per_day(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask the same of 24 hours."""
    return _rate(c, _DAY, r.orders_per_day, "day")


def _rate(c: Context, span: timedelta, most: int, name: str) -> Breach | None:
    count = len(c.sent_at) - bisect_right(c.sent_at, c.now - span) + 1
    if count > most:
        return Breach(f"orders a {name} must be ≤ {most}", str(count), "wait")
    return None


def open_orders(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that no more orders are open at once, that which this one replaces left out."""
    count = sum(o.client_id != w.replaces for o in c.resting) + 1
    if count > r.open_orders:
        return Breach(f"open orders must be ≤ {r.open_orders}", str(count), "wait for one to end")
    return None


def daily_loss(c: Context, r: Rules) -> Breach | None:
    """Ask that the loss since the session's start is within its fraction of the equity then."""
    return _loss(c, c.day_equity, r.daily_loss, "loss of the day")


def drawdown(c: Context, r: Rules) -> Breach | None:
    """Ask that the loss since the peak is within its fraction of it."""
    return _loss(c, c.peak_equity, r.drawdown, "drawdown")


def _loss(c: Context, since: Decimal | None, most: Decimal, name: str) -> Breach | None:
    if not (is_number(c.equity) and is_number(since) and since > 0):
        told = f"equity {c.equity}, before {since}"
        return Breach(f"{name} must be known", told, "ask the broker's account")
    if since - c.equity > most * since:
        loss = (since - c.equity) / since
        return Breach(f"{name} must be ≤ {most:%}", f"{loss:.4%}", "reset it by hand", latches=True)
    return None


def small_daily_loss(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask `daily_loss` with an order."""
    return daily_loss(c, r)


def small_drawdown(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask `drawdown` with an order."""
    return drawdown(c, r)
