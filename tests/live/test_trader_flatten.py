"""Policy "flatten": what nobody here can explain is closed, however long its order has to wait."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from live.alpaca import AlpacaAccount
from live.findings import Act, Policy
from live.risk_context import Purpose
from live.transitions import State
from research.request import Request
from tests.live.trading import Floor, history, market

START = datetime(2010, 1, 4, 22, tzinfo=UTC)  # IBM is entered at the next open
CLOSED = "2010-01-06T01:00"  # the auction takes orders, the market does not


@pytest.fixture(scope="module")
def bars():
    return history(["IBM"])


@pytest.fixture
def fake(bars):
    with market(bars, START) as made:
        yield made


@pytest.fixture
def floor(fake, tmp_path):
    made = Floor(fake, tmp_path, Request("adaptive_momentum", ["IBM"]), policy=Policy(drift=Act.FLATTEN))
    made.sessions(1)
    assert fake.positions()["IBM"] > 0  # and its stop rests
    yield made
    made.close()


def wishes(floor):
    return floor.rows("SELECT state FROM tracked WHERE purpose = 'flatten' AND fields = '{}'")


def closing(floor):
    return [t for t in floor.tracks.orders.values() if t.purpose is Purpose.FLATTEN and t.fields]


def test_a_drift_while_the_market_is_closed_is_flattened_at_the_next_open(floor, fake):
    fake.advance_to(CLOSED)
    fake.trade_by_hand("IBM", 7.0)
    floor.tick()
    assert wishes(floor) == [("new",)]
    floor.reopen()  # whoever goes on knows of it
    floor.tick(times=3)  # protection is cancelled, then the order waits for the auction
    (order,) = [o for o in fake.orders() if o.open]
    assert (order.side, order.type, order.time_in_force) == ("sell", "market", "opg")
    assert order.qty == fake.positions()["IBM"]
    floor.tick("2010-01-06T14:30:20", times=2)
    assert fake.positions() == {}
    assert [o for o in fake.orders() if o.open] == []
    assert wishes(floor) == [("cancelled",)]
    floor.tick("2010-01-06T21:01:00")
    assert floor.rows("SELECT position FROM decisions ORDER BY bar DESC LIMIT 1") == [(0.0,)]
    assert len(floor.rows("SELECT 1 FROM events WHERE kind = 'flat'")) == 1


def test_an_order_that_the_broker_refuses_is_sent_again_at_the_next_bar(floor, fake):
    fake.advance_to("2010-01-06T15:00")
    fake.fault("POST /v2/orders", "422")
    fake.trade_by_hand("IBM", 7.0)
    floor.tick(times=4)
    (refused,) = closing(floor)
    assert refused.order.state is State.REFUSED
    held = fake.positions()["IBM"]
    resting = [o for o in fake.orders() if o.open]
    assert [(o.type, o.qty) for o in resting] == [("stop", held)]  # protected until it goes
    floor.tick("2010-01-06T21:01:00")
    floor.tick("2010-01-07T00:30:00", times=3)
    floor.tick("2010-01-07T14:30:20", times=2)
    assert fake.positions() == {}
    assert [t.order.state for t in closing(floor)] == [State.REFUSED, State.FILLED]
    assert wishes(floor) == [("cancelled",)]


def test_two_drifts_are_one_wish_and_shares_that_went_by_themselves_end_it(floor, fake):
    fake.advance_to("2010-01-05T22:00")  # no order can be sent at all
    for shares in (7.0, -3.0):
        fake.trade_by_hand("IBM", shares)
        floor.tick(times=2)
    assert wishes(floor) == [("new",)]
    fake.trade_by_hand("IBM", -fake.positions()["IBM"])
    floor.tick(times=2)
    assert wishes(floor) == [("cancelled",)]
    assert closing(floor) == []


def test_a_wish_is_no_order_that_was_sent(floor, fake):
    fake.advance_to("2010-01-05T22:00")
    before = floor.tracks.sent_since(START)
    fake.trade_by_hand("IBM", 7.0)
    floor.tick()
    assert floor.tracks.to_close("IBM") is not None
    assert floor.tracks.sent_since(START) == before
    assert floor.tracks.open("IBM")  # the stop's
    assert all(t.purpose is Purpose.PROTECT for t in floor.tracks.open("IBM"))


def test_shares_that_nobody_can_price_are_not_taken_over(floor, fake, monkeypatch):
    fake.advance_to("2010-01-06T15:00")
    own = floor.tracks.held("IBM")
    floor.tick()
    floor.tracks.holdings.clear()  # a lost journal: nothing here tells what was paid
    positions = AlpacaAccount.positions
    with monkeypatch.context() as patch:
        patch.setattr(
            AlpacaAccount, "positions", lambda self: [replace(p, average=None) for p in positions(self)]
        )
        floor.tick()
    assert floor.tracks.held("IBM") == 0
    (text,) = floor.rows("SELECT text FROM events WHERE kind = 'unreachable'")[-1]
    assert f"does not say what {own} shares of IBM cost" in text
    floor.tick()
    assert floor.tracks.held("IBM") == own > Decimal(0)


def test_a_second_drift_within_a_bar_is_closed_as_soon(floor, fake):
    fake.advance_to("2010-01-06T15:00")
    for _ in range(2):
        fake.trade_by_hand("IBM", 7.0)
        floor.tick(times=4)
        assert fake.positions() == {}
    assert [t.order.state for t in closing(floor)] == [State.FILLED, State.FILLED]
    assert wishes(floor) == [("cancelled",)] * 2


@pytest.mark.parametrize("part", [1, 2])
def test_an_order_that_waits_for_the_auction_goes_with_the_shares_it_was_for(floor, fake, part):
    fake.advance_to(CLOSED)
    fake.trade_by_hand("IBM", 7.0)
    floor.tick(times=3)
    (order,) = [o for o in fake.orders() if o.open]
    assert order.time_in_force == "opg"
    fake.advance_to("2010-01-06T02:00")
    fake.trade_by_hand("IBM", -(fake.positions()["IBM"] // part))
    floor.tick(times=3)
    assert order.status == "canceled"
    floor.tick("2010-01-06T14:30:20", times=3)
    assert fake.positions() == {}  # never short


def test_a_wish_ends_with_the_policy_that_made_it(floor, fake):
    fake.advance_to("2010-01-05T22:00")
    fake.trade_by_hand("IBM", 7.0)
    floor.tick()
    held = fake.positions()["IBM"]
    floor.habits = {"policy": Policy(drift=Act.ADOPT)}
    floor.reopen()
    floor.tick(CLOSED, times=3)
    floor.tick("2010-01-06T14:30:20", times=2)
    assert wishes(floor) == [("cancelled",)]
    assert fake.positions() == {"IBM": held}
    assert floor.rows("SELECT symbol, text FROM events WHERE kind = 'withdrawn'") == [
        ("IBM", "what was to be closed is kept: drift adopt")
    ]
