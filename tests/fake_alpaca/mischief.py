"""Faults of the world itself: orders, fills, market, account. `wire`, `streams` and `views` do the others."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.fake_alpaca.clock import utc
from tests.fake_alpaca.events import STOPS, active, fill_at
from tests.fake_alpaca.faults import Fault, scope
from tests.fake_alpaca.order import Order
from tests.fake_alpaca.spelling import stamp

if TYPE_CHECKING:
    from tests.fake_alpaca.server import FakeAlpaca


def facts(order: Order) -> dict[str, Any]:
    """Return what a fault may match of an order."""
    return {
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "client_order_id": order.client_order_id,
        "id": order.id,
        "order_class": order.order_class,
        "qty": order.qty,
    }


def accepted(server: FakeAlpaca, order: Order) -> None:
    """Do to an order that was just accepted what the script says."""
    exchange = server.exchange
    for fault in server.script.take("order", facts(order), exchange.now):
        ends = {"reject": "rejected", "cancel": "canceled", "expire": "expired"}
        if fault.kind in ends:
            exchange.finish(order, ends[fault.kind])
            continue
        order.stuck = True
        exchange.change(order, fault.arg("status", "suspended" if fault.kind == "suspend" else "pending_new"))
        if fault.kind == "suspend":
            when = exchange.now + timedelta(seconds=fault.arg("seconds", 60.0))
            exchange.later(when, lambda: release(server, order))


def release(server: FakeAlpaca, order: Order) -> None:
    """Let a suspended order go on."""
    if order.open:
        order.stuck = False
        server.exchange.change(order, "new")


def filling(server: FakeAlpaca, order: Order) -> None:
    """Cut what an occasion would fill of an order."""
    for fault in server.script.take("fill", facts(order), server.exchange.now):
        if fault.kind == "skip":
            order.portions = [0.0, *order.portions]
        elif fault.kind == "partial":
            order.portions = list(fault.arg("portions", [0.5, 1.0]))
        else:
            order.portions = [fault.arg("portion", 0.5)]
            order.ending = fault.kind.rpartition("_")[2]


def fill_first(server: FakeAlpaca, order_id: str) -> None:
    """Fill an order at its own level or the last price, as the market may just before a cancel arrives."""
    order = server.exchange.book.orders.get(order_id)
    if order is not None and order.open:
        mark = server.exchange.account.marks[order.symbol]
        server.exchange.fill(order, order.limit_price or order.stop_level() or mark)


def schedule(server: FakeAlpaca, fault: Fault) -> None:
    """See to it that a fault of market, account or data happens in time."""
    place = scope(fault.where)
    if place in {"market", "account"}:
        when = server.exchange.now if fault.at is None else utc(fault.at)
        if when <= server.exchange.now:
            strike(server, fault)
        else:
            server.exchange.later(when, lambda: strike(server, fault))


def strike(server: FakeAlpaca, fault: Fault) -> None:
    """Do what a fault of market or account says, now."""
    exchange, kind, now = server.exchange, fault.kind, server.exchange.now
    fault.fired += 1
    server.script.fired.append((now, fault.where, kind))
    until = utc(fault.until) if fault.until is not None else exchange.calendar.next_close(now)
    symbol = str(fault.arg("symbol", fault.match.get("symbol", "")))
    if fault.where == "account":
        _account(server, fault, symbol)
    elif kind == "close":
        exchange.closures.append((now, until))
    elif kind == "halt":
        exchange.halts[symbol] = until
        server.hub.status(symbol, _status(now, "H", "Trading Halt"))
        exchange.later(until, lambda: server.hub.status(symbol, _status(until, "T", "Trading Resumption")))
    elif kind in {"holiday", "hours"}:
        day = fault.args["date"]
        day = day if isinstance(day, date) else date.fromisoformat(day)
        hours = None if kind == "holiday" else (fault.args["open"], fault.args["close"])
        exchange.calendar.override(day, hours)
    elif kind == "skew":
        server.skew = float(fault.arg("seconds", 0.0))
    elif kind == "refuse":
        server.listener.away(server.listener.shut, fault.arg("seconds", 1.0))
    elif kind == "black_hole":
        server.listener.away(server.listener.swallow, fault.arg("seconds", 1.0))
    else:
        server.hub.cut()


def _account(server: FakeAlpaca, fault: Fault, symbol: str) -> None:
    exchange = server.exchange
    if fault.kind == "set":
        exchange.settings.account |= fault.args["set"]
    elif fault.kind == "asset":
        exchange.settings.assets.setdefault(symbol, {}).update(fault.args["set"])
    elif fault.kind == "cancel":
        for order in exchange.book.open:
            if order.symbol == symbol:
                exchange.finish(order, "canceled")
    elif fault.kind == "pattern_day_trader":
        server.day_trader = True
    else:
        by_hand(server, symbol, float(fault.args["qty"]), fault.arg("price", None))


def by_hand(server: FakeAlpaca, symbol: str, qty: float, price: float | None = None) -> Order:
    """Trade as the owner of the account would in the broker's app: an order that no program sent."""
    exchange = server.exchange
    order = exchange.book.make(
        exchange.now,
        exchange.book.claim(None),
        symbol=symbol,
        side="buy" if qty > 0 else "sell",
        type="market",
        time_in_force="day",
        qty=abs(qty),
        status="new",
    )
    exchange.fill(order, exchange.account.marks[symbol] if price is None else price)
    return order


def tick(server: FakeAlpaca, symbol: str, price: float) -> None:
    """Let the market trade at a price: resting orders that it reaches fill, stops first."""
    exchange = server.exchange
    if symbol not in exchange.tape.bars:
        raise ValueError(f"symbol must be one of {exchange.tape.symbols}, was {symbol!r}")
    exchange.account.marks[symbol] = price
    if exchange.is_open:
        for order in sorted(active(exchange, symbol), key=lambda o: (o.type not in STOPS, o.number)):
            fill_at(exchange, order, price)


def _status(at: datetime, code: str, message: str) -> dict[str, Any]:
    return {"t": at, "sc": code, "sm": message, "rc": "LUDP" if code == "H" else "", "rm": "", "z": "C"}


def described(server: FakeAlpaca) -> dict[str, Any]:
    """Return the state of the world for the control port."""
    exchange = server.exchange
    return {
        "now": stamp(exchange.now),
        "next": stamp(exchange.next_instant()),
        "is_open": exchange.is_open,
        "cash": exchange.account.cash,
        "equity": exchange.account.equity,
        "positions": {p.symbol: p.qty for p in exchange.account.positions.values()},
        "open_orders": [o.to_json(nested=False) for o in exchange.book.open],
        "posts": dict(server.log.posts),
        "faults_fired": [[stamp(at), where, kind] for at, where, kind in server.script.fired],
    }
