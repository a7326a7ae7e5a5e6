"""When and at what price orders fill: each expected number is computed by hand from the bars in `worlds`."""

from functools import partial

import polars as pl
import pytest

from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.desk import replace
from tests.fake_alpaca.settings import Refused
from tests.fake_alpaca.worlds import AAA, MONDAY, at, daily, minutes, placed, week


@pytest.fixture
def place(fake):
    """Return a function that places an order and lets it trade."""
    return partial(placed, fake)


def average(order):
    return order.filled_value / order.filled_qty


def test_market_order_before_the_open_fills_at_the_open(fake, place):
    order = place()
    assert order.status == "accepted"
    fake.advance_to(at(0, "09:29"))
    assert order.status == "accepted"
    fake.advance_to(at(0, "09:30"))
    assert (order.status, average(order), fake.exchange.account.cash) == ("filled", 100.0, 99_000.0)


def test_market_order_in_the_session_fills_at_once_at_the_last_price(fake, place):
    fake.advance_to(at(1, "11:00"))
    assert average(place()) == 102.0


def test_market_order_after_the_close_waits_for_the_next_open(fake, place):
    fake.advance_to(at(0, "16:00"))
    order = place()
    fake.advance_to(at(1, "16:00"))
    assert average(order) == 102.0


def test_slippage_and_commission_are_paid(place, fake):
    fake.settings.slippage, fake.settings.commission = 0.001, 0.002
    order = place()
    fake.advance_to(at(0, "09:30"))
    assert average(order) == pytest.approx(100.1)
    assert fake.exchange.account.cash == pytest.approx(100_000 - 1001 - 2.002)


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        ("buy", 99.0, 99.0),  # Monday's low is 99
        ("buy", 98.99, None),
        ("buy", 103.0, 100.0),  # the open is better
        ("buy", 100.0, 100.0),
    ],
)
def test_limit(fake, place, side, limit, expected):
    order = place(type="limit", limit_price=limit, side=side)
    fake.advance_to(at(0))
    assert (average(order) if order.filled_qty else None) == expected
    assert order.status == ("filled" if expected else "expired")


@pytest.mark.parametrize(
    ("stop", "day", "expected"),
    [
        (101.5, 1, 101.5),  # bought Monday; Tuesday's low is 101, its open 102
        (103.0, 1, 102.0),  # Tuesday opens beyond it
        (96.0, 2, 96.0),  # Wednesday's low
        (95.0, 3, 90.0),  # Thursday opens below: the gap's price
    ],
)
def test_sell_stop(fake, place, stop, day, expected):
    place()
    fake.advance_to(at(0, "20:00"))
    order = place(side="sell", type="stop", stop_price=stop, time_in_force="gtc")
    fake.advance_to(at(day - 1, "20:00"))
    assert not order.filled_qty
    fake.advance_to(at(day, "20:00"))
    assert average(order) == expected
    assert fake.positions() == {}


def test_stop_limit_triggers_and_then_waits_for_its_limit(fake, place):
    place()
    fake.advance_to(at(2, "20:00"))
    order = place(side="sell", type="stop_limit", stop_price=95, limit_price=93, time_in_force="gtc")
    fake.advance_to(at(3, "20:00"))  # opens at 90, high 92: triggered, not filled
    assert (order.triggered, order.filled_qty) == (True, 0.0)
    fake.advance_to(at(4, "20:00"))  # high 95
    assert average(order) == 93.0


def test_trailing_stop_follows_the_high_from_the_next_bar_on(fake, place):
    place()
    fake.advance_to(at(0, "15:00"))
    order = place(side="sell", type="trailing_stop", trail_price=4, time_in_force="gtc")
    assert order.hwm == 100.0
    fake.advance_to(at(0))
    assert order.stop_level() == 98.0  # high 102
    fake.advance_to(at(1))  # low 101; high 106 protects from Wednesday
    assert order.stop_level() == 102.0
    fake.advance_to(at(2, "09:30"))  # opens at 104
    assert order.open
    fake.advance_to(at(2))
    assert average(order) == 102.0


def test_opg_fills_at_the_official_open_only(fake, place):
    order = place(time_in_force="opg")
    late = place(symbol="BBB", time_in_force="opg", type="limit", limit_price=49)
    fake.advance_to(at(0, "09:30"))
    assert average(order) == 100.0
    assert late.status == "canceled"


@pytest.mark.parametrize(
    ("tif", "when", "good"),
    [("opg", "09:27", True), ("opg", "09:28", False), ("opg", "18:59", False), ("opg", "19:00", True),
     ("cls", "15:49", True), ("cls", "15:50", False)],
)  # fmt: skip
def test_auction_cut_offs(fake, place, tif, when, good):
    fake.advance_to(at(1, when))
    if good:
        assert place(time_in_force=tif).open
    else:
        with pytest.raises(Refused, match="not accepted"):
            place(time_in_force=tif)


def test_cls_fills_at_the_close(fake, place):
    fake.advance_to(at(0, "12:00"))
    order = place(time_in_force="cls")
    fake.advance_to(at(0))
    assert average(order) == 101.0


def test_day_order_expires_at_a_half_day_close_and_gtc_does_not(fake, place):
    fake.advance_to(at(4, "09:00"))
    day = place(type="limit", limit_price=50)
    gtc = place(type="limit", limit_price=50, time_in_force="gtc")
    fake.advance_to(at(4, "13:00"))
    assert (day.status, gtc.status) == ("expired", "new")
    assert day.expired_at == at(4, "13:00")


def test_bracket_protects_in_the_entry_bar_and_the_stop_comes_first(fake, place):
    fake.advance_to(at(1, "20:00"))
    levels = {"take_profit": {"limit_price": 104.5}, "stop_loss": {"stop_price": 97}}
    order = place(order_class="bracket", time_in_force="gtc", type="limit", limit_price=104, **levels)
    target, stop = order.legs
    assert (target.status, stop.status) == ("held", "held")
    fake.advance_to(at(2, "09:30"))
    assert (order.status, target.status, stop.status) == ("filled", "new", "held")
    fake.advance_to(at(2))  # high 105 and low 96: both in one bar
    assert (target.status, stop.status, average(stop)) == ("canceled", "filled", 97.0)


def test_oco_holds_the_shares_once_and_one_cancels_the_other(fake, place):
    place()
    fake.advance_to(at(0, "20:00"))
    levels = {"take_profit": {"limit_price": 105}, "stop_loss": {"stop_price": 98}}
    order = place(side="sell", type="limit", order_class="oco", time_in_force="gtc", **levels)
    (stop,) = order.legs
    assert fake.exchange.book.available("AAA") == 0.0
    with pytest.raises(Refused, match="insufficient qty"):
        place(side="sell")
    fake.advance_to(at(1))  # high 106
    assert (order.status, average(order), stop.status) == ("filled", 105.0, "canceled")
    assert fake.positions() == {}


def test_replacing_the_stop_of_an_oco_keeps_the_pair(fake, place):
    place()
    fake.advance_to(at(0, "20:00"))
    levels = {"take_profit": {"limit_price": 120}, "stop_loss": {"stop_price": 90}}
    order = place(side="sell", type="limit", order_class="oco", time_in_force="gtc", **levels)
    old = order.legs[0]
    new = replace(fake.exchange, old, {"stop_price": 99})
    assert (old.status, old.replaced_by, new.replaces) == ("replaced", new.id, old.id)
    assert (order.legs, order.siblings, new.siblings) == ([new], [new], [order])
    fake.advance_to(at(2, "20:00"))  # Wednesday's low is 96
    assert (average(new), order.status) == (99.0, "canceled")


def test_exits_fill_before_entries_at_one_open(fake, place):
    place(symbol="BBB")
    fake.advance_to(at(0, "20:00"))
    place()
    place(symbol="BBB", side="sell")
    fake.advance_to(at(1, "09:30"))
    assert [e.order.side for e in fake.exchange.account.executions] == ["buy", "sell", "buy"]


def test_split_multiplies_the_position_and_dividend_pays():
    rows = daily(AAA=[*AAA[:2], (52, 53, 48, 48.5), (45, 46, 44, 45.5)])
    factor = [0.5, 0.5, 1.0, 1.0]  # two for one before Wednesday
    bars = rows.with_columns(adj_factor=pl.Series(factor))
    with FakeAlpaca(bars, start=at(0, "08:00"), calendar=week()) as fake:
        placed(fake)
        fake.advance_to(at(1, "20:00"))
        resting = placed(fake, side="sell", type="stop", stop_price=80, time_in_force="gtc")
        fake.advance_to(at(2, "10:00"))
        held = fake.exchange.account.positions["AAA"]
        assert (held.qty, held.average, resting.status) == (20.0, 50.0, "canceled")


def test_minutes_fill_at_the_next_open():
    with FakeAlpaca(minutes(), start=at(0, "09:00"), calendar=week()) as fake:
        fake.advance_to(at(0, "09:35"))  # five bars are complete, the sixth opens at 100.5
        order = placed(fake, qty=1, side="buy")
        assert average(order) == 100.5


def test_a_symbol_without_a_bar_waits(place, fake):
    fake.advance_to(at(4, "20:00"))  # the tape is over
    order = place()
    fake.advance(days=5)
    assert (order.status, order.filled_qty) == ("expired", 0.0)


def test_short_sale_needs_margin_and_mirrors():
    settings = Settings(multiplier=2.0)
    with FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week(), settings=settings) as fake:
        placed(fake, side="sell")
        fake.advance_to(at(0))
        assert (fake.positions(), fake.exchange.account.equity) == ({"AAA": -10.0}, 99_990.0)


def test_ids_are_the_same_for_the_same_seed():
    found = []
    for seed in (1, 1, 2):
        with FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week(), seed=seed) as fake:
            found.append(placed(fake).id)
    assert found[0] == found[1] != found[2]
    assert week().on(MONDAY) is not None
