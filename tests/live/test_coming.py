"""An entry that fills on a split's morning: the money that was decided, in the shares of that day.

The cross closes at 115, 39 shares are decided of 9 % of equity less what the stop risks, about 4,485 USD.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from live.coming import Coming, quotes_now, restated
from live.risk_context import Quote
from live.schedule import Schedule
from live.splits import Split, Splits
from tests.live.crossing import BEFORE
from tests.live.splitting import account, at_a_split
from tests.live.trading import FREE

KEPT = {"settings": {"cancel_on_split": False}, "weight": 0.09, "first": BEFORE + 1}


def in_the_morning(it):
    """End in the afternoon, and begin again on the morning of the split."""
    it.floor.close()
    it.fake.advance_to(it.entry.open - timedelta(minutes=50))
    it.floor.trader = it.floor.open()
    it.floor.tick(times=2)


@pytest.mark.parametrize("when", ["evening", "morning"])
@pytest.mark.parametrize(("ratio", "shares", "fill", "stop", "short"), [
    (0.1, 3, 1150.0, 1092.5, False), (2.0, 78, 57.5, 54.62, False), (0.1, 3, 1150.0, 1207.5, True),
])  # fmt: skip
def test_an_entry_is_restated_for_the_split_of_its_open(tmp_path, when, ratio, shares, fill, stop, short):
    with at_a_split(tmp_path, ratio, short=short, **KEPT) as it:
        it.decide()
        if when == "evening":
            it.evening(times=2)
        else:
            in_the_morning(it)
        (sent,) = it.sent
        assert sent["qty"] == str(shares)
        (told,) = it.told("restated")
        assert told.endswith(f": 39 shares are {shares} after the split of its open")
        it.open(times=4)
        sign = -1 if short else 1
        assert it.fake.positions() == {"AAA": sign * shares}
        assert it.protection == [("buy" if short else "sell", shares, stop)]
        it.floor.tick(it.entry.close + timedelta(minutes=1), times=3)
        assert account(it)[:2] == (sign * shares, pytest.approx(stop, abs=0.01))
        assert it.protection == [("buy" if short else "sell", shares, stop)]
        assert it.floor.rows("SELECT quantity, price FROM fills") == [(shares, fill)]
        assert it.floor.rows("SELECT * FROM splits") == []  # nothing was held to be split
        assert it.told("quantity") == []


def test_an_entry_of_which_a_split_leaves_less_than_a_share_is_not_sent(tmp_path):
    with at_a_split(tmp_path, 0.02, **KEPT) as it:
        it.decide()
        it.evening(times=3)
        it.open()
        assert it.sent == []
        assert it.fake.positions() == {}
        (told,) = it.told("restated")
        assert told.endswith(": 39 shares are 0 after the split of its open, nothing is sent")
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        assert account(it)[0] == 0


def test_the_door_sees_the_money_after_the_split(tmp_path):
    """Three shares at 1,150 are 3,450 USD: more than may be, though three at the last close would be 345."""
    rules = replace(FREE, order_notional=Decimal(3449))
    with at_a_split(tmp_path, 0.1, rules=rules, **KEPT) as it:
        it.decide()
        it.evening(times=2)
        in_the_morning(it)
        assert it.sent == []
        assert it.told("blocked")
    rules = replace(FREE, order_notional=Decimal(3450))
    with at_a_split(tmp_path / "more", 0.1, rules=rules, **KEPT) as it:
        it.decide()
        it.evening(times=2)
        assert [body["qty"] for body in it.sent] == ["3"]


def test_an_entry_that_was_sent_before_a_split_was_announced_is_taken_back(tmp_path):
    with at_a_split(tmp_path, 0.1, **KEPT) as it:
        it.decide()
        nothing: dict = {"corporate_actions": {}, "next_page_token": None}
        it.fake.fault("GET /v1/corporate-actions", "200", body=nothing, times=2)  # by the day that ends too
        it.evening()
        assert [body["qty"] for body in it.sent] == ["39"]
        it.fake.script.clear()
        it.fake.advance_to(it.entry.open - timedelta(minutes=50))
        it.floor.tick(times=3)
        (told,) = it.told("restated")
        assert told.endswith(", 39 shares, is cancelled: a split comes first")
        assert [order.status for order in it.fake.orders()] == ["canceled"]
        it.open(times=2)
        it.floor.tick(it.entry.close + timedelta(minutes=1), times=2)
        assert it.fake.positions() == {}
        assert (account(it)[0], len(it.sent)) == (0, 1)


def test_while_nobody_says_what_is_split_nothing_is_entered(tmp_path):
    with at_a_split(tmp_path, 0.1, **KEPT) as it:
        it.decide()
        it.fake.advance_to((it.cross.close + timedelta(days=1)).replace(hour=0, minute=30))
        it.fake.fault("GET /v1/corporate-actions", "200", body={"corporate_actions": {"forward_splits": [7]}})
        it.floor.tick()
        assert it.sent == []
        assert [text for text in it.told("splits") if text.endswith("; nothing is entered")]
        assert it.floor.rows("SELECT phase FROM pulse") == [("trading",)]
        it.fake.script.clear()
        it.floor.tick()
        assert [body["qty"] for body in it.sent] == ["3"]


def row(day):
    return {"date": day, "open": "09:30", "close": "16:00"}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_days_are_asked_for_once_and_only_ahead():
    asked = []

    def ask(day):
        asked.append(day)
        return {"AAA": Decimal(day.day)}

    coming = Coming(ask)
    friday, monday = date(2026, 3, 20), date(2026, 3, 23)
    days = Schedule.of([row("2026-03-20"), row("2026-03-23")], None)
    closed = at("2026-03-20T20:00")
    assert coming.after(days, closed) == {}
    assert coming.begin(friday) == {"AAA": 20}
    coming.look_ahead(days, at("2026-03-20T20:01"), closed)  # no auction takes orders yet
    assert asked == [friday]
    assert coming.after(days, closed) == {}
    for _ in range(2):
        coming.look_ahead(days, at("2026-03-20T23:01"), closed)
        assert asked == [friday, monday]
        assert coming.after(days, closed) == {"AAA": 23}
    coming.begin(monday)
    coming.look_ahead(days, at("2026-03-23T12:00"), closed)
    assert asked == [friday, monday, monday]
    assert coming.after(days, closed) == {"AAA": 23}
    assert coming.after(days, at("2026-03-23T20:00")) == {}  # the bar that brought it is taken
    coming.look_ahead(days, at("2026-03-23T23:30"), at("2026-03-23T20:00"))  # beyond what is known
    assert coming.after(days, None) == {}


def test_within_a_session_nothing_comes():
    days = Schedule.of([row("2026-03-20"), row("2026-03-23")], timedelta(minutes=1))
    coming = Coming(lambda day: {"AAA": Decimal(2)})
    coming.begin(date(2026, 3, 20))
    assert coming.after(days, at("2026-03-19T20:00")) == {"AAA": 2}
    assert coming.after(days, at("2026-03-20T13:31")) == {}


@pytest.mark.parametrize(("shares", "ratio", "fractional", "after"), [
    ("39", "0.1", False, "3"), ("40", "0.1", False, "4"), ("9", "0.1", False, "0"), ("7", "1.5", False, "10"),
    ("300", str(Decimal(1) / Decimal(3)), False, "100"), ("1", "0.5", True, "0.5"),
])  # fmt: skip
def test_shares_are_restated_as_the_kernel_does(shares, ratio, fractional, after):
    assert restated(Decimal(shares), Decimal(ratio), fractional=fractional) == Decimal(after)


def test_prices_are_of_the_shares_that_the_broker_counts():
    now = at("2026-03-20T13:00")
    last = {s: Quote(Decimal(100), now, Decimal(90)) for s in ("AAA", "BBB", "CCC", "DDD")}
    splits = Splits([Split(now, "CCC", Decimal(4))])
    coming = {"AAA": Decimal(2), "BBB": Decimal(2), "CCC": Decimal(4)}
    found = quotes_now(last, splits, coming, held=["BBB", "CCC"])
    assert [(s, float(q.price), float(q.before or 0)) for s, q in found.items()] == [
        ("AAA", 50, 45), ("BBB", 100, 90), ("CCC", 25, 22.5), ("DDD", 100, 90),
    ]  # fmt: skip
    assert quotes_now(last, splits, coming)["BBB"].price == 50  # the session has begun
    assert quotes_now({"AAA": Quote(Decimal(7), now)}, splits, coming)["AAA"] == Quote(Decimal("3.5"), now)
