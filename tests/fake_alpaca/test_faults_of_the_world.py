"""What the script does to orders, to the market, and to the bars that clients see."""

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest

from tests.fake_alpaca.talk import get, post
from tests.fake_alpaca.worlds import at, placed

# --- what happens to orders --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"), [("reject", "rejected"), ("cancel", "canceled"), ("expire", "expired")]
)
def test_the_broker_ends_an_accepted_order(fake, kind, status):
    fake.fault("order", kind, match={"symbol": "AAA"})
    assert post(fake, "mine").json()["status"] == "accepted"
    assert fake.order("mine").status == status


def test_an_order_sticks_or_is_suspended(fake):
    fake.fault("order", "stick", status="pending_review")
    fake.fault("order", "suspend", nth=2, seconds=60)
    post(fake, "stuck", limit_price=101)
    post(fake, "waits", limit_price=101)
    fake.advance_to(at(0, "08:00:30"))
    assert [o.status for o in fake.orders()] == ["pending_review", "suspended"]
    fake.advance_to(at(0, "10:00"))
    assert [o.status for o in fake.orders()] == ["pending_review", "filled"]


def test_partial_fills(fake):
    fake.fault("fill", "partial", portions=[0.3, 0.0, 0.3])
    order = placed(fake, time_in_force="gtc")
    found = []
    for day, hhmm in ((0, "09:30"), (0, "16:00"), (1, "09:30"), (1, "16:00")):
        fake.advance_to(at(day, hhmm))
        found.append((order.status, order.filled_qty))
    assert found == [("partially_filled", 3.0)] * 2 + [("partially_filled", 6.0), ("filled", 10.0)]
    assert fake.positions() == {"AAA": 10.0}


@pytest.mark.parametrize(("kind", "status"), [("cancel", "canceled"), ("stick", "partially_filled")])
def test_partial_then_the_end(fake, kind, status):
    fake.fault("fill", f"partial_then_{kind}", portion=0.4)
    order = placed(fake)
    fake.advance_to(at(0))
    assert (order.status, order.filled_qty, fake.positions()) == (status, 4.0, {"AAA": 4.0})


def test_legs_come_to_life_only_after_a_whole_fill(fake):
    fake.fault("fill", "partial_then_cancel", portion=0.5)
    levels = {"take_profit": {"limit_price": 120}, "stop_loss": {"stop_price": 80}}
    order = placed(fake, order_class="bracket", **levels)
    fake.advance_to(at(0, "10:00"))
    assert [leg.status for leg in order.legs] == ["canceled", "canceled"]
    assert fake.positions() == {"AAA": 5.0}  # and nothing protects it


def test_a_cancel_that_comes_too_late(fake, clients):
    fake.advance_to(at(0, "10:00"))
    order = clients.trading.submit_order(
        LimitOrderRequest(
            symbol="AAA", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=50
        )
    )
    fake.fault("DELETE /v2/orders/*", "fill_first", match={"id": str(order.id)})
    with pytest.raises(APIError, match="filled"):
        clients.trading.cancel_order_by_id(order.id)
    assert fake.positions() == {"AAA": 1.0}


def test_a_trade_by_hand_and_a_cancel_by_hand(fake):
    resting = placed(fake, symbol="BBB", type="limit", limit_price=40, time_in_force="gtc")
    fake.fault("account", "trade", at=at(0, "12:00"), symbol="AAA", qty=-0.0 + 7)
    fake.fault("account", "cancel", at=at(0, "12:00"), symbol="BBB")
    fake.advance_to(at(0, "12:00"))
    assert fake.positions() == {"AAA": 7.0}
    assert resting.status == "canceled"


# --- the market --------------------------------------------------------------------------------


def test_unscheduled_close_halt_and_holiday(fake, clients):
    fake.fault("market", "close", at=at(0, "11:00"), until=at(0, "16:00"))
    fake.fault("market", "halt", at=at(1, "09:00"), until=at(2, "08:00"), symbol="AAA")
    fake.fault("market", "holiday", date="2026-03-05")
    fake.advance_to(at(0, "12:00"))
    assert clients.trading.get_clock().is_open is False
    resting = placed(fake, type="limit", limit_price=99.5)
    fake.advance_to(at(0))
    assert resting.status == "expired"  # Monday's low of 99 came after the close
    halted = placed(fake)
    fake.advance_to(at(1))
    assert halted.status == "expired"
    fake.advance_to(at(2, "20:00"))
    assert clients.trading.get_clock().next_open == at(4, "09:30")
    assert len(clients.raw.get_calendar()) == 14


def test_the_broker_has_other_hours_and_another_clock(fake, clients):
    fake.fault("market", "hours", date="2026-03-02", open="09:30", close="12:00")
    fake.fault("market", "skew", seconds=3)
    clock = clients.trading.get_clock()
    assert (clock.next_close, (clock.timestamp - fake.now).total_seconds()) == (at(0, "12:00"), 3.0)


# --- the bars that clients see -----------------------------------------------------------------


def closes(fake):
    path = "/v2/stocks/bars?symbols=AAA&timeframe=1Day&start=2026-02-01T00:00:00Z"
    return [row["c"] for row in get(fake, path).json()["bars"].get("AAA", [])]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("missing", {}, [101, 97]),
        ("repeat", {}, [101, 105, 105, 97]),
        ("scale", {"factor": 10}, [101, 1050, 97]),
        ("set", {"set": {"c": -1}}, [101, -1, 97]),
        ("set", {"set": {"c": 0}}, [101, 0, 97]),
    ],
)
def test_one_bar_is_wrong(fake, kind, more, expected):
    fake.fault("data", kind, at=at(1), match={"symbol": "AAA"}, **more)
    fake.advance_to(at(2))
    assert closes(fake) == expected


def test_stale_bars(fake):
    fake.fault("data", "stale", at=at(1), until=at(3))
    fake.advance_to(at(2))
    assert closes(fake) == [101]
    fake.advance_to(at(3))
    assert closes(fake) == [101, 105, 97, 91]


def test_revised_bar(fake):
    fake.fault("data", "revise", at=at(0), seconds=600, set={"c": 100.5})
    fake.advance_to(at(0, "16:05"))
    assert closes(fake) == [100.5]
    fake.advance_to(at(0, "16:10"))
    assert closes(fake) == [101]


def test_times_that_are_off(fake):
    fake.advance_to(at(1))
    path = "/v2/stocks/bars?symbols=AAA&timeframe=1Day&start=2026-02-01T00:00:00Z"
    fake.fault("data", "shift", at=at(0), hours=-5)
    fake.fault("data", "naive", at=at(1))
    assert [row["t"] for row in get(fake, path).json()["bars"]["AAA"]] == [
        "2026-03-02T00:00:00Z", "2026-03-03T05:00:00",
    ]  # fmt: skip
