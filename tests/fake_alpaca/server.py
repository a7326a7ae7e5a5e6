"""The fake broker as one object: a port on the loopback, a clock, a script of faults, a log.

with FakeAlpaca(bars, start="2006-06-01T22:00") as fake:
    client = TradingClient("key", "secret", url_override=fake.url)
    fake.fault("POST /v2/orders", "504", commit="after")
    ...
    fake.advance_to("2006-06-02T14:00")
    assert fake.log.posts["PP-…"] == 1
"""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Self

import polars as pl

from tests.fake_alpaca import mischief
from tests.fake_alpaca.clock import FakeClock, utc
from tests.fake_alpaca.exchange import Exchange
from tests.fake_alpaca.faults import Fault, Script
from tests.fake_alpaca.limiter import Limiter
from tests.fake_alpaca.listener import Listener
from tests.fake_alpaca.log import Call, Log
from tests.fake_alpaca.order import Order
from tests.fake_alpaca.routes import find
from tests.fake_alpaca.sessions import Calendar
from tests.fake_alpaca.settings import Refused, Settings
from tests.fake_alpaca.streams import Hub
from tests.fake_alpaca.tape import Bar, Tape
from tests.fake_alpaca.trading import Request, World, _instant
from tests.fake_alpaca.views import View, spelled
from tests.fake_alpaca.wire import Head, Reader, Response, acts, deliver, read

FIRST_PAGE = "YmFyc3ww"  # the token of a page that begins at the first bar


class FakeAlpaca:
    """A broker with one account that trades given bars.

    Parameters
    ----------
    bars : DataFrame
        A bar table, daily or of one intraday interval.
    start : datetime or str, optional
        The first instant, UTC; by default the end of the first bar.
    settings : Settings, optional
    seed : int
        Of ids and of the script's chances.
    speed : float
        Fake seconds per real second; 0 (default): time moves only when told.
    calendar : Calendar, optional
        By default that of New York.
    port : int
        0 takes a free one.
    """

    def __init__(
        self,
        bars: pl.DataFrame,
        *,
        start: datetime | str | None = None,
        settings: Settings | None = None,
        seed: int = 0,
        speed: float = 0.0,
        calendar: Calendar | None = None,
        port: int = 0,
    ) -> None:
        self.settings = replace(settings) if settings else Settings()
        self.calendar = calendar or Calendar.of()
        self.tape = Tape(bars, self.calendar)
        first = utc(start) if start is not None else min(found[0].end for found in self.tape.bars.values())
        self.clock = FakeClock(first, speed)
        self.script, self.log, self.lock = Script(seed), Log(), threading.RLock()
        self.exchange = Exchange(self.tape, self.settings, seed, first)
        told = self.settings
        self.view = View(self.tape, self.script, forming=told.forming, extended=told.extended)
        self.hub = Hub(self._take, self.authorized)
        self.skew, self.day_trader = 0.0, False
        self.exchange.on_update = self.hub.update
        self.exchange.on_bar = self._bar
        self.exchange.on_accept = lambda order: mischief.accepted(self, order)
        self.exchange.on_fill = lambda order: mischief.filling(self, order)
        self._limiter = Limiter()
        self.stopping = threading.Event()
        self.listener = Listener(self._serve, port)
        if speed:
            threading.Thread(target=self._tick, daemon=True, name="fake-clock").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection and the port."""
        self.stopping.set()
        self.listener.close()

    # --- addresses -----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """`url_override` of TradingClient, StockHistoricalDataClient and CorporateActionsClient."""
        return f"http://127.0.0.1:{self.listener.port}"

    @property
    def stream_url(self) -> str:
        """`url_override` of TradingStream."""
        return f"ws://127.0.0.1:{self.listener.port}/stream"

    @property
    def data_stream_url(self) -> str:
        """`url_override` of StockDataStream."""
        return f"ws://127.0.0.1:{self.listener.port}/v2/iex"

    # --- time ----------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The fake's time."""
        return self.clock.now()

    def advance_to(self, instant: datetime | str) -> None:
        """Go to an instant; everything until then happens, that instant included."""
        with self.lock:
            self.clock.set(instant)
            self.exchange.advance_to(self.clock.now())

    def advance(self, **span: float) -> None:
        """Go forward by a span, as `timedelta` takes it: seconds=, minutes=, hours=, days=."""
        self.advance_to(self.now + timedelta(**span))

    def step(self) -> datetime | None:
        """Go to the next instant at which anything happens; None (and no step) long after the last bar."""
        with self.lock:
            instant = self.exchange.next_instant()
            if instant is not None:
                self.advance_to(max(instant, self.now))
            return instant

    @property
    def over(self) -> bool:
        """Whether the last bar has ended."""
        return self.now >= self.tape.last

    def _tick(self) -> None:
        while not self.stopping.wait(0.02):
            with self.lock:
                self.exchange.advance_to(self.clock.now())

    # --- the script, and what tests ask --------------------------------------------------------

    def fault(self, where: str, kind: str, **more: Any) -> Fault:
        """Add a fault; what is no field of `Fault` goes into its `args`."""
        fields = {k: more.pop(k) for k in list(more) if k in Fault.__dataclass_fields__}
        fields["args"] = {**fields.get("args", {}), **more}
        return self.add(Fault(where, kind, **fields))

    def add(self, fault: Fault) -> Fault:
        """Add a fault to the script."""
        with self.lock:
            self.script.add(fault)
            mischief.schedule(self, fault)
            return fault

    def orders(self, symbol: str | None = None) -> list[Order]:
        """Return every order, oldest first."""
        with self.lock:
            return [o for o in self.exchange.book.orders.values() if symbol in {None, o.symbol}]

    def order(self, client_order_id: str) -> Order:
        """Return an order by its client's id."""
        return self.exchange.book.get_client(client_order_id)

    def positions(self) -> dict[str, float]:
        """Return the signed shares by symbol."""
        with self.lock:
            return {p.symbol: p.qty for p in self.exchange.account.positions.values()}

    def tick(self, symbol: str, price: float) -> None:
        """Let the market trade at a price now, whatever its bars say; orders that it reaches fill."""
        with self.lock:
            mischief.tick(self, symbol, price)

    def trade_by_hand(self, symbol: str, qty: float, price: float | None = None) -> Order:
        """Trade as the account's owner would in the broker's app; qty is signed."""
        with self.lock:
            return mischief.by_hand(self, symbol, qty, price)

    def authorized(self, key: str | None, secret: str | None) -> bool:
        """Whether a pair of keys is good."""
        keys = self.settings.keys
        return bool(key and secret) if keys is None else keys.get(str(key)) == secret and bool(secret)

    # --- requests ------------------------------------------------------------------------------

    def _take(self, where: str, facts: Mapping[str, Any]) -> list[Fault]:
        with self.lock:
            if where.startswith("connect:"):
                self.log.connections[where.removeprefix("connect:")] += 1
            return self.script.take(where, facts, self.exchange.now)

    def _serve(self, sock: socket.socket) -> None:
        stream = Reader(sock)
        while not self.stopping.is_set() and (head := read(stream)) is not None:
            if head.headers.get("upgrade", "").lower() == "websocket":
                self.hub.serve(sock, head, self.stopping)
                return
            true, faults, call = self._handle(head)
            for fault in faults:
                if fault.kind == "refuse":
                    self.listener.away(self.listener.shut, fault.arg("seconds", 1.0))
                elif fault.kind == "black_hole":
                    self.listener.away(self.listener.swallow, fault.arg("seconds", 1.0))
            call.status = None if faults else true.status
            if not deliver(sock, faults, true, self.stopping):
                return

    def _handle(self, head: Head) -> tuple[Response, list[Fault], Call]:
        with self.lock:
            self.exchange.advance_to(self.clock.now())
            body = head.json()
            call = self.log.add(
                at=self.exchange.now,
                wall=time.monotonic(),
                method=head.method,
                path=head.path,
                query=head.query,
                body=body,
            )
            said = body if isinstance(body, dict) else {}
            facts = {**head.query, **said, "id": head.path.rpartition("/")[2]}
            faults = self.script.take(call.route, facts, self.exchange.now)
            call.faults = tuple(fault.kind for fault in faults)
            if not acts(faults):
                return Response.of(200, {}), faults, call
            if any(fault.kind == "fill_first" for fault in faults):
                mischief.fill_first(self, facts["id"])
            now = time.time() if self.clock.speed else self.exchange.now.timestamp()
            key = head.headers.get("apca-api-key-id", "")
            limits = self._limiter.take(key, now, self.settings.rate_limit)
            if isinstance(limits, Response):
                return limits, faults, call
            status, value = self._act(head, body)
            call.committed, call.reply = status < 400, value
            if call.committed and any(fault.kind == "repeat_page" for fault in faults):
                value = {**value, "next_page_token": head.query.get("page_token") or FIRST_PAGE}
            return Response.of(status, value, limits), faults, call

    def _act(self, head: Head, body: Any) -> tuple[int, Any]:
        """Let the broker act, and return status and JSON."""
        world = World(self.exchange, self.view, [], self.skew, self.day_trader)
        try:
            if not self._known(head.headers):
                raise Refused(401, 40110000, "request is not authorized")
            handler, part = find(head.method, head.path)
            answer = handler(world, Request(head.method, head.path, head.query, body, part))
        except Refused as refusal:
            return refusal.status, refusal.body
        for what in world.after:
            what()
        return answer

    def _known(self, headers: Mapping[str, str]) -> bool:
        how, _, rest = headers.get("authorization", "").partition(" ")
        if how == "Basic":
            key, _, secret = base64.b64decode(rest).decode().partition(":")
            return self.authorized(key, secret)
        return self.authorized(headers.get("apca-api-key-id"), headers.get("apca-api-secret-key"))

    # --- market data on the stream -------------------------------------------------------------

    def _bar(self, bar: Bar) -> None:
        kind = "d" if self.tape.daily else "b"
        faults = [f for f in self.script.faults if f.where == "data"]
        for row in self.view.seen(bar, spelled(bar), self.exchange.now, faults):
            self.hub.bar(kind, bar.symbol, row, _instant(row["t"]))
        for fault in faults:
            if fault.kind == "revise" and self.view.concerned(fault, bar, self.exchange.now):
                when = bar.end + timedelta(seconds=fault.arg("seconds", 60.0))
                self.exchange.later(when, lambda: self.hub.bar("u", bar.symbol, spelled(bar), bar.label))
