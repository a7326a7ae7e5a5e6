"""The order desk: what is checked and entered as an order is placed or replaced, or a position closed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.fake_alpaca import checks
from tests.fake_alpaca.order import Order
from tests.fake_alpaca.sessions import EASTERN
from tests.fake_alpaca.settings import Refused, forbidden, invalid, missing

if TYPE_CHECKING:
    from tests.fake_alpaca.exchange import Exchange


def submit(exchange: Exchange, body: Mapping[str, Any]) -> Order:
    """Enter an order, or refuse it; it does not trade before `activate`."""
    symbol = str(body.get("symbol") or "")
    client = exchange.book.claim(body.get("client_order_id"))
    try:
        asset = exchange.asset(symbol)
    except Refused:
        raise invalid(f'asset "{symbol}" not found') from None
    said = checks.form(body, asset, exchange.now)
    tif, cls = str(body["time_in_force"]), str(body.get("order_class") or "simple")
    day = exchange.now.astimezone(EASTERN).date()
    if exchange.settings.queue_window:
        checks.auction(tif, exchange.now, exchange.calendar.on(day) is not None)
    mark = exchange.account.marks.get(symbol)
    base = said["limit_price"] or said["stop_price"] or mark
    qty = said.pop("qty")
    if qty is None:
        if base is None:
            raise invalid(f"no price of {symbol} to turn notional into shares")
        qty = math.floor(said["notional"] / base * 1e9) / 1e9
    legs = (
        checks.levels({**body, "order_class": cls}, mark if cls == "oco" else base) if cls != "simple" else {}
    )
    if cls == "oco":
        held = exchange.account.shares(symbol)
        if held * (1 if body["side"] == "buy" else -1) >= 0:
            raise invalid("oco orders must be exit orders")
    exchange.book.afford(body, qty, base, bool(asset["shortable"]))
    status = "pending_new" if exchange.is_open and tif != "opg" else "accepted"
    fields = {"symbol": symbol, "time_in_force": tif, "qty": qty, "order_class": cls}
    order = exchange.book.make(
        exchange.now,
        client,
        side=str(body["side"]),
        type=str(body["type"]),
        status=status,
        extended_hours=bool(body.get("extended_hours")),
        position_intent=body.get("position_intent"),
        **fields,
        **said,
    )
    _add_legs(exchange, order, fields, legs)
    return order


def _add_legs(
    exchange: Exchange, order: Order, fields: dict[str, Any], levels: Mapping[str, float | None]
) -> None:
    side = order.side if order.order_class == "oco" else ("sell" if order.side == "buy" else "buy")
    made = []
    if levels.get("target") is not None and order.order_class != "oco":
        made.append({"type": "limit", "limit_price": levels["target"]})
    if levels.get("stop") is not None:
        limit = levels["stop_limit"]
        kind = "stop" if limit is None else "stop_limit"
        made.append({"type": kind, "stop_price": levels["stop"], "limit_price": limit})
    for leg in made:
        client = exchange.book.claim(None)
        child = exchange.book.make(exchange.now, client, side=side, status="held", **fields, **leg)
        child.parent = order
        order.legs.append(child)
    pair = [order, *order.legs] if order.order_class == "oco" else order.legs
    for one in pair:
        one.siblings = [other for other in pair if other is not one]


def replace(exchange: Exchange, order: Order, body: Mapping[str, Any]) -> Order:
    """Put another order in the place of one; the old is `replaced`, the new has an id of its own."""
    if order.status not in {"new", "accepted", "partially_filled", "held"}:
        raise invalid(f"cannot replace order in {order.status} state")
    client = exchange.book.claim(body.get("client_order_id"))
    values: dict[str, Any] = {
        name: checks.price(body.get(name), name) or getattr(order, name)
        for name in ("limit_price", "stop_price")
    }
    trail = checks.number(body.get("trail"), "trail")
    values["trail_price"] = trail if trail and order.trail_price else order.trail_price
    values["trail_percent"] = trail if trail and order.trail_percent else order.trail_percent
    qty = checks.number(body.get("qty"), "qty") or order.qty
    if round(qty - order.filled_qty, 9) <= 0:
        raise invalid("qty must be greater than filled qty")
    if order.parent is not None and qty != order.qty:
        raise invalid("qty of a leg cannot be replaced")
    held = exchange.account.shares(order.symbol)
    if held * order.sign < 0 and qty - order.qty > abs(exchange.book.available(order.symbol)) + 1e-9:
        raise forbidden("insufficient qty available for order")
    new = exchange.book.make(
        exchange.now,
        client,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=str(body.get("time_in_force") or order.time_in_force),
        qty=round(qty - order.filled_qty, 9),
        order_class=order.order_class,
        status="new" if order.status == "partially_filled" else order.status,
        extended_hours=order.extended_hours,
        **values,
    )
    new.replaces, order.replaced_by, order.replaced_at = order.id, new.id, exchange.now
    new.parent, new.siblings, new.legs, new.hwm = order.parent, order.siblings, order.legs, order.hwm
    for other in (*order.siblings, *([order.parent] if order.parent else [])):
        other.siblings = [new if one is order else one for one in other.siblings]
        other.legs = [new if one is order else one for one in other.legs]
    for leg in order.legs:  # they close what the order opens, or stand for the same shares
        leg.parent, leg.qty = new, new.qty if order.order_class == "oco" else qty
    order.status, order.updated_at = "replaced", exchange.now
    exchange.tell("replaced", order)
    return new


def close_position(
    exchange: Exchange, symbol: str, qty: float | None = None, percentage: float | None = None
) -> Order:
    """Sell (or buy back) a position at the market."""
    name = exchange.asset(symbol)["symbol"]
    held = exchange.account.shares(name)
    if not held:
        raise missing(f"position does not exist: {name}")
    size = abs(held) if qty is None else qty
    if percentage is not None:
        size = math.floor(abs(held) * percentage / 100.0 * 1e9) / 1e9
    side = "sell" if held > 0 else "buy"
    return submit(
        exchange, {"symbol": name, "qty": size, "side": side, "type": "market", "time_in_force": "day"}
    )
