"""What happens at one instant of the tape, in the order that `exchange` promises."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from tests.fake_alpaca import matching
from tests.fake_alpaca.order import FILLABLE, Order
from tests.fake_alpaca.sessions import EASTERN
from tests.fake_alpaca.tape import Bar

if TYPE_CHECKING:
    from tests.fake_alpaca.exchange import Exchange

STOPS = frozenset({"stop", "stop_limit", "trailing_stop"})


def happen(exchange: Exchange, instant: datetime) -> None:
    """Let one instant happen."""
    calendar, tape = exchange.calendar, exchange.tape
    closing = calendar.ending(instant)
    shut = any(start < instant <= end for start, end in exchange.closures)
    ended = tape.ends_at.get(instant, [])
    for bar in ended:
        _end(exchange, bar, trades=closing is not None and not shut)
    if closing is not None and closing.close == instant:
        _close(exchange)
    opening = calendar.at(instant)
    opens = opening is not None and opening.open == instant
    if opens:
        _corporate(exchange, instant)
        for order in exchange.book.open:
            if order.status == "accepted" and not order.stuck:
                exchange.change(order, "new")
    _begin(exchange, tape.begins_at.get(instant, []), trades=exchange.is_open, auction=opens)
    if opens:
        for order in exchange.book.open:
            if order.time_in_force == "opg" and not order.stuck and order.status in FILLABLE:
                exchange.finish(order, "canceled")
    for bar in ended:
        exchange.on_bar(bar)


def _end(exchange: Exchange, bar: Bar, *, trades: bool) -> None:
    """Fill inside a bar: stops before targets, then trailing stops move, then its close is the price."""
    halted = bar.end <= exchange.halts.get(bar.symbol, bar.begin)
    if trades and not halted:
        for order in sorted(active(exchange, bar.symbol), key=lambda o: (o.type not in STOPS, o.number)):
            if order.time_in_force not in {"opg", "cls"}:
                slippage = exchange.settings.slippage
                exchange.attempt(order, matching.inside(order, bar.open, bar.high, bar.low, slippage))
                matching.ratchet(order, bar.high, bar.low)
    exchange.account.marks[bar.symbol] = bar.close
    session = exchange.calendar.ending(bar.end)
    if trades and not halted and session is not None and session.close == bar.end:
        for order in active(exchange, bar.symbol):
            if order.time_in_force == "cls":
                exchange.attempt(order, matching.at_price(order, bar.close, exchange.settings.slippage))


def _begin(exchange: Exchange, bars: Iterable[Bar], *, trades: bool, auction: bool) -> None:
    """Fill at the open: what closes a position before what opens one, symbols in the tape's order."""
    fresh = {bar.symbol: bar for bar in bars}
    for bar in fresh.values():
        exchange.account.marks[bar.symbol] = bar.open
    if not trades:
        return
    rank = {symbol: i for i, symbol in enumerate(exchange.tape.symbols)}

    def turn(order: Order) -> tuple[bool, int, bool, int]:
        opens = exchange.account.shares(order.symbol) * order.sign >= 0.0
        return opens, rank[order.symbol], order.type not in STOPS, order.number

    waiting = [order for symbol in fresh for order in active(exchange, symbol)]
    for order in sorted(waiting, key=turn):
        bar = fresh[order.symbol]
        if exchange.now < exchange.halts.get(bar.symbol, exchange.now) or order.time_in_force == "cls":
            continue
        if order.time_in_force == "opg" and not auction:
            continue
        exchange.anchor(order)
        fill_at(exchange, order, bar.open)


def fill_at(exchange: Exchange, order: Order, price: float) -> None:
    """Try an order at a price, and the legs it may bring to life at once."""
    slippage = exchange.settings.slippage
    exchange.attempt(order, matching.at_price(order, price, slippage))
    if order.status == "filled" and order.parent is None:
        for leg in sorted(order.legs, key=lambda o: o.type not in STOPS):
            if leg.status in FILLABLE:
                exchange.attempt(leg, matching.at_price(leg, price, slippage))


def _close(exchange: Exchange) -> None:
    """End the session: what was for the day expires, and the day is written down."""
    account, session = exchange.account, exchange.calendar.ending(exchange.now)
    for order in exchange.book.open:
        if order.stuck or order.waits:
            continue
        old = order.expires_at is not None and order.expires_at <= exchange.now
        if order.time_in_force == "cls" and order.status in FILLABLE:
            exchange.finish(order, "canceled")
        elif order.time_in_force == "day" or old:
            # Of a pair, the first tells both; a partly filled order keeps what it has.
            exchange.finish(order, "expired")
    account.last_equity = account.equity
    account.last_closes = dict(account.marks)
    if session is not None:
        account.history.append((session.close, account.equity))


def _corporate(exchange: Exchange, instant: datetime) -> None:
    """Pay dividends on the shares held overnight, then split them; a fraction left is paid in cash."""
    day, account = instant.astimezone(EASTERN).date(), exchange.account
    for action in exchange.tape.actions:
        if action.ex_date != day:
            continue
        if action.split != 1.0 and exchange.settings.cancel_on_split:
            for order in exchange.book.open:
                if order.symbol == action.symbol:
                    exchange.finish(order, "canceled")
        held = account.positions.get(action.symbol)
        if held is None:
            continue
        account.cash += held.qty * action.dividend
        if action.split != 1.0:
            price = account.marks.get(action.symbol, held.average) / action.split
            qty = held.qty * action.split
            whole = float(int(qty * (1.0 + 1e-12))) if held.qty == int(held.qty) else qty
            account.cash += (qty - whole) * price if abs(qty - whole) > 1e-9 else 0.0
            held.qty, held.average = whole, held.average / action.split
            if whole == 0.0:
                del account.positions[action.symbol]


def active(exchange: Exchange, symbol: str) -> list[Order]:
    """Return the orders of a symbol that may fill now."""
    return [
        o
        for o in exchange.book.open
        if o.symbol == symbol and o.status in FILLABLE and not o.waits and not o.stuck
    ]
