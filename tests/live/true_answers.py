"""What the fake truly answers on every route that is read, and a network that answers what it is given."""

from collections import Counter
from datetime import date
from functools import cache
from types import SimpleNamespace

import requests

from live.alpaca import AlpacaAccount
from live.line import Line
from live.pace import Pace
from live.talk import Reply
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.desk import submit
from tests.fake_alpaca.tape import Action
from tests.fake_alpaca.worlds import at, daily, placed, week

BUY = {
    "client_order_id": "PP-new", "symbol": "BBB", "side": "buy", "qty": "3", "type": "limit",
    "limit_price": "40", "time_in_force": "day",
}  # fmt: skip
FIRST = date(2026, 3, 1)
SPLIT = date(2026, 3, 3)  # of AAA two for one, of BBB one for ten


def world():
    """Hold 10 AAA under an OCO order, and a buy of 10 BBB of which 5 are filled."""
    fake = FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week())
    fake.settings.multiplier = 2.0
    fake.fault("fill", "partial", match={"client_order_id": "PP-part"}, portions=[0.5, 0, 0, 0, 0])
    placed(fake, client_order_id="PP-buy")
    placed(fake, "BBB", client_order_id="PP-part", type="limit", limit_price=60)
    fake.advance_to(at(0, "09:30"))
    legs = {"take_profit": {"limit_price": 120}, "stop_loss": {"stop_price": 80}}
    oco = {"symbol": "AAA", "qty": 10, "side": "sell", "type": "limit", "time_in_force": "gtc"}
    order = submit(fake.exchange, {**oco, "order_class": "oco", "client_order_id": "PP-oco", **legs})
    fake.exchange.activate(order)
    return fake


@cache
def truth():
    """Return the true answers of every route that is read, as the fake gives them."""
    with world() as fake, requests.Session() as session:
        session.headers.update({"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"})

        def get(path):
            return session.get(fake.url + path, timeout=5).json()

        def by_name(name):
            return get(f"/v2/orders:by_client_order_id?client_order_id={name}")

        oco = by_name("PP-oco")
        bars = (
            "/v2/stocks/bars?symbols=AAA,BBB&timeframe=1Day&start=2026-03-01T00:00:00Z&limit=10000&feed=iex"
        )
        answers = SimpleNamespace(
            account=get("/v2/account"),
            clock=get("/v2/clock"),
            calendar=get("/v2/calendar?start=2026-03-05&end=2026-03-06"),
            asset=get("/v2/assets/AAA"),
            orders=get("/v2/orders?status=open&nested=true"),
            positions=get("/v2/positions"),
            filled=by_name("PP-buy"),
            part=by_name("PP-part"),
            oco=oco,
            submitted=session.post(fake.url + "/v2/orders", json=BUY, timeout=5).json(),
        )
        fake.advance_to(at(1))
        answers.bars = get(bars)
        fake.exchange.tape.actions += [Action("AAA", SPLIT, split=2.0), Action("BBB", SPLIT, split=0.1)]
        day = SPLIT.isoformat()
        answers.actions = get(f"/v1/corporate-actions?symbols=AAA,BBB&start={day}&end={day}")
        answers.update = {
            "stream": "trade_updates",
            "data": {
                "event": "partial_fill", "execution_id": "e-1", "order": answers.part, "price": "50",
                "qty": "5", "position_qty": "5", "timestamp": "2026-03-02T14:30:00Z",
            },
        }  # fmt: skip
        return answers


class Stub:
    """A network whose nth answer is the nth body, and the last one from then on."""

    def __init__(self, *bodies):
        self.bodies = bodies
        self.asked: Counter[str] = Counter()

    def ask(self, method, path, data=None, *, seconds=None):
        self.asked[method] += 1
        return Reply(200, self.bodies[min(self.asked[method], len(self.bodies)) - 1])


def line_with(*bodies):
    """Return a line to a stub."""
    return Line(Stub(*bodies), Pace(per_minute=10**6))  # type: ignore[arg-type]


def account_with(body):
    """Return an account whose broker has one answer."""
    return AlpacaAccount(line_with(body))
