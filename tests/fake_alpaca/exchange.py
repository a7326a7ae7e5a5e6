"""The broker: takes orders, walks the tape, fills, cancels, expires, and tells what happened.

1. `desk.submit` checks and enters an order; `activate` (after the answer is written down) lets it trade.
2. `advance_to` walks every event of the tape up to an instant. At one instant: bars end (stops and limits
   inside them, then trailing stops move), the session closes (auction, expiry), a session opens (splits,
   dividends), bars begin (auction, market orders, stops and limits that the open is beyond; closing first).
3. Every change of an order is told to `on_update`, every finished bar to `on_bar`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.fake_alpaca import matching
from tests.fake_alpaca.account import Account, Execution, identity
from tests.fake_alpaca.book import Book
from tests.fake_alpaca.order import Order
from tests.fake_alpaca.settings import Settings, invalid, missing
from tests.fake_alpaca.spelling import shares, stamp, text
from tests.fake_alpaca.tape import Bar, Tape

SPELLED = {"filled": "fill", "partially_filled": "partial_fill"}


class Exchange:
    """One account at one broker over one tape. Not thread-safe: the server holds a lock around it."""

    def __init__(self, tape: Tape, settings: Settings, seed: int, now: datetime) -> None:
        self.tape, self.calendar, self.settings, self.seed, self.now = (
            tape,
            tape.calendar,
            settings,
            seed,
            now,
        )
        self.account = Account(settings, seed)
        self.book = Book(settings, self.account, seed)
        self.on_update: Callable[[dict[str, Any]], None] = lambda update: None
        self.on_bar: Callable[[Bar], None] = lambda bar: None
        self.on_accept: Callable[[Order], None] = lambda order: None
        self.on_fill: Callable[[Order], None] = lambda order: None
        self.closures: list[tuple[datetime, datetime]] = []  # the market is shut against the calendar
        self.halts: dict[str, datetime] = {}  # symbol to the end of its halt
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._timer_number = 0
        for symbol in tape.symbols:
            if known := tape.known(symbol, now):
                self.account.marks[symbol] = self.account.last_closes[symbol] = known[-1].close
            if forming := tape.forming(symbol, now):
                self.account.marks[symbol] = forming.open

    # --- what clients ask ----------------------------------------------------------------------

    def asset(self, symbol: str) -> dict[str, Any]:
        """Return an asset by symbol or id."""
        for name in self.tape.symbols:
            if symbol in {name, identity("asset", name)}:
                return {
                    "id": identity("asset", name),
                    "class": "us_equity",
                    "exchange": "NASDAQ",
                    "symbol": name,
                    "name": f"{name} Common Stock",
                    "status": "active",
                    "tradable": True,
                    "marginable": True,
                    "shortable": True,
                    "easy_to_borrow": True,
                    "fractionable": True,
                    "maintenance_margin_requirement": 30,
                    "attributes": [],
                    **self.settings.assets.get(name, {}),
                }
        raise missing(f"asset not found for {symbol}")

    @property
    def is_open(self) -> bool:
        """Whether the market trades now."""
        shut = any(start <= self.now < end for start, end in self.closures)
        return not shut and self.calendar.at(self.now) is not None

    def trading(self, symbol: str) -> bool:
        """Whether a symbol has a price now: the session is on, a bar of it is forming, nothing halts it."""
        halted = self.now < self.halts.get(symbol, self.now)
        return self.is_open and not halted and self.tape.forming(symbol, self.now) is not None

    def activate(self, order: Order) -> None:
        """Let an order trade: at once if the market does, else from the next open."""
        self.on_accept(order)
        if not order.open or order.stuck:
            return
        if order.status == "pending_new":
            self.change(order, "new")
        elif order.status in {"accepted", "new"}:  # new: it replaces one that worked
            self.tell(order.status, order)
        self.anchor(order)
        family = [order, *order.legs] if order.order_class == "oco" else [order]
        if self.trading(order.symbol) and order.time_in_force not in {"opg", "cls"}:
            for one in sorted(family, key=_stops_first):
                self.attempt(
                    one, matching.at_price(one, self.account.marks[one.symbol], self.settings.slippage)
                )
        if order.time_in_force in {"ioc", "fok"} and order.open:
            self.finish(order, "canceled")

    def cancel(self, order: Order) -> None:
        """Cancel an order, or refuse if it is over."""
        if not order.open:
            raise invalid(f'order is already in "{order.status}" state')
        if self.settings.cancel_delay and order.status != "pending_cancel":
            self.change(order, "pending_cancel")
            delay = timedelta(seconds=self.settings.cancel_delay)
            self.later(self.now + delay, lambda: self.finish(order, "canceled"))
        else:
            self.finish(order, "canceled")

    # --- what happens to orders ----------------------------------------------------------------

    def change(self, order: Order, status: str) -> None:
        """Give an order another state, and tell."""
        order.status, order.updated_at = status, self.now
        self.tell(status, order)

    def finish(self, order: Order, status: str) -> None:
        """End an order unfilled, and with it its legs and the other of its pair."""
        if not order.open:
            return
        names = {"canceled": "canceled_at", "expired": "expired_at", "rejected": "failed_at"}
        setattr(order, names[status], self.now)
        self.change(order, status)
        for other in (*order.legs, *order.siblings):
            self.finish(other, "canceled" if status == "rejected" else status)

    def fill(self, order: Order, price: float, qty: float | None = None) -> None:
        """Execute an order, whole or in part, and do what follows from it."""
        size = min(order.remaining, order.remaining if qty is None else qty)
        if size <= 0.0 or not order.open:
            return
        if order.status == "held":  # the stop of a pair: the other goes before it is sent
            order.status = "new"
            for other in order.siblings:
                self._end_twin(other)
        order.filled_qty = round(order.filled_qty + size, 9)
        order.filled_value += Fraction(size) * Fraction(price)
        order.updated_at = self.now
        self.account.book(order.symbol, order.sign * size, price)
        number = len(self.account.executions)
        done = Execution(
            identity("execution", self.seed, number),
            order,
            size,
            price,
            self.now,
            order.filled_qty,
            order.remaining,
        )
        self.account.executions.append(done)
        whole = order.remaining == 0.0
        if order.status != "pending_cancel" or whole:
            order.status = "filled" if whole else "partially_filled"
        if whole:
            order.filled_at = self.now
        self.tell(SPELLED["filled" if whole else "partially_filled"], order, done)
        for other in order.siblings:
            if whole:
                self._end_twin(other)
            elif other.open:
                other.qty = round(other.filled_qty + order.remaining, 9)
        if whole and order.order_class in {"bracket", "oto"} and order.parent is None:
            for leg in [leg for leg in order.legs if leg.open]:
                if leg.type == "limit" or len(order.legs) == 1:
                    self.change(leg, "new")
                self.anchor(leg)

    def _end_twin(self, order: Order) -> None:
        if order.open:
            order.canceled_at = self.now
            self.change(order, "canceled")

    def anchor(self, order: Order) -> None:
        """Give a trailing stop the price it starts from."""
        if order.type == "trailing_stop" and order.hwm is None:
            order.hwm = self.account.marks.get(order.symbol)

    def attempt(self, order: Order, price: float | None) -> None:
        """Fill an order if it has a price, by the portions that a fault may have set."""
        if price is None or order.stuck or order.waits or not order.open:
            return
        self.on_fill(order)
        if not order.portions:
            self.fill(order, price)
        elif portion := order.portions.pop(0):
            # Whole shares, as an exchange deals in them; a fraction of one share stays a fraction.
            part = math.floor(order.qty * portion)
            self.fill(order, price, part if part and portion < 1.0 else order.qty * portion)
            if order.ending == "cancel":
                self.finish(order, "canceled")
            order.stuck = order.ending == "stick"

    def tell(self, event: str, order: Order, done: Execution | None = None) -> None:
        """Tell of an event as the trade_updates stream does."""
        update: dict[str, Any] = {
            "event": event,
            "timestamp": stamp(self.now),
            "order": order.to_json(nested=False),
            "event_id": identity("event", self.seed, order.id, event, order.filled_qty, self.now),
        }
        if done:
            update |= {
                "execution_id": done.id,
                "price": text(done.price),
                "qty": shares(done.qty),
                "position_qty": shares(self.account.shares(order.symbol)),
            }
        self.on_update(update)

    def later(self, when: datetime, what: Callable[[], Any]) -> None:
        """Do something at an instant of the fake's time."""
        self._timer_number += 1
        heapq.heappush(self._timers, (when, self._timer_number, what))

    # --- time ----------------------------------------------------------------------------------

    def next_instant(self) -> datetime | None:
        """Return the next instant at which anything happens, None after the end of the tape."""
        found = [self.tape.after(self.now), self._timers[0][0] if self._timers else None]
        return min((instant for instant in found if instant is not None), default=None)

    def advance_to(self, until: datetime) -> None:
        """Let everything happen that happens up to an instant, that instant included."""
        from tests.fake_alpaca.events import happen

        while (instant := self.next_instant()) is not None and instant <= until:
            fresh = instant > self.now
            self.now = max(self.now, instant)
            while self._timers and self._timers[0][0] <= self.now:
                heapq.heappop(self._timers)[2]()
            if fresh:
                happen(self, instant)
        self.now = max(self.now, until)


def _stops_first(order: Order) -> int:
    return 0 if order.type in {"stop", "stop_limit", "trailing_stop"} else 1
