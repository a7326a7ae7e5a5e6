"""Protection that the broker refuses: what follows at once, what only later, and what it may cost others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from live.findings import Act, Policy
from live.order_states import Tracked
from live.protection import Protection
from live.refusals import at_once, next_try, says_beyond
from live.risk_context import Purpose
from live.tracks import Track
from live.transitions import State
from tests.live.crossing import story
from tests.live.trading import FREE

PAIR = Protection("AAA", -1, Decimal(10), Decimal(97), Decimal(110))
STOP = replace(PAIR, target=None)
TARGET = replace(PAIR, stop=None)
BAR = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)


def seconds(number):
    return BAR + timedelta(seconds=number)


def refused(kind, at):
    body = {"type": "limit", "order_class": "oco"} if kind == "oco" else {"type": kind}
    return Track(Tracked(f"PP-{kind}-{at}", "AAA", -1, Decimal(10), State.REFUSED), "PP-1", Purpose.PROTECT,
                 body, seconds(at))  # fmt: skip


NOW = 100
TRIES = [
    # what was refused when, after the bar; whether the broker or the last close says it is beyond the stop
    ([], "", PAIR, PAIR),
    ([("oco", 100)], "", PAIR, STOP),
    ([("oco", 5)], "", PAIR, STOP),  # within the bar the pair is not tried again
    ([("oco", -29)], "", PAIR, PAIR),
    ([("oco", 100), ("stop", 100)], "", PAIR, None),
    ([("oco", 5), ("stop", 71)], "", PAIR, None),
    ([("oco", 5), ("stop", 70)], "", PAIR, STOP),  # after half a minute
    ([("stop", 5), ("stop", 41)], "", STOP, None),
    ([("stop", 5), ("stop", 40)], "", STOP, STOP),  # then after a whole one
    ([("oco", -60), ("oco", 39)], "", PAIR, STOP),
    ([("oco", -60), ("oco", -10)], "", PAIR, PAIR),
    ([("oco", -500), ("oco", -260), ("oco", -20)], "", PAIR, PAIR),
    ([("oco", -500), ("oco", -260), ("oco", -19)], "", PAIR, STOP),
    ([], "beyond", PAIR, STOP),
    ([("stop", 100)], "beyond", PAIR, at_once(PAIR)),
    ([("stop", 100), ("market", 100)], "beyond", PAIR, None),
    ([("oco", 100)], "gone", PAIR, at_once(PAIR)),
    ([("oco", 100), ("market", 71)], "gone", PAIR, None),
    ([("oco", 100), ("market", 70)], "gone", PAIR, at_once(PAIR)),
    ([("limit", 100)], "", TARGET, None),
    ([("limit", 100)], "gone", TARGET, None),  # there is no stop to be beyond of
    ([("limit", 70)], "", TARGET, TARGET),
]  # fmt: skip


@pytest.mark.parametrize(("before", "told", "want", "found"), TRIES)
def test_what_is_tried(before, told, want, found):
    tracks = [refused(kind, at) for kind, at in before]
    told = {"gone": told == "gone", "beyond": told == "beyond"}
    assert next_try(want, tracks, **told, last_bar=BAR, now=seconds(NOW)) == found


def test_it_waits_an_hour_at_most():
    tracks = [refused("stop", -k) for k in range(4000, 4040)]
    assert next_try(STOP, tracks, gone=False, beyond=False, last_bar=BAR, now=seconds(-401)) is None
    assert next_try(STOP, tracks, gone=False, beyond=False, last_bar=BAR, now=seconds(-400)) == STOP


@pytest.mark.parametrize(("text", "beyond"), [
    ("POST /orders: 422, stop_loss.stop_price must be <= base_price - 0.01", True),
    ("POST /orders: 422, stop_loss.stop_price must be >= base_price + 0.01", True),
    ("POST /orders: 422, Stop price must be less than current price", True),
    ("POST /orders: 422, stop price must not be greater than last price", True),
    ("POST /orders: 422, take_profit.limit_price must be >= base_price + 0.01", False),
    ("POST /orders: 422, take_profit.limit_price must be > stop_loss.stop_price", False),
    ("POST /orders: 422, invalid stop_price 97.123. sub-penny increment", False),
    ("POST /orders: 403, insufficient qty available for order (requested: 10, available: 0)", False),
])  # fmt: skip
def test_what_a_refusal_says(text, beyond):
    assert says_beyond(text) is beyond


# --- at the fake ---------------------------------------------------------------------------------


def protections(it):
    """What was sent to protect, or as a stop would: kind, and stop."""
    bodies = [body for body in it.sent if body["side"] == "sell"]
    return [(b.get("order_class", b["type"]), b["client_order_id"]) for b in bodies]


def kinds(it):
    return [kind for kind, _ in protections(it)]


def entered(it):
    """Decide, send and fill; the trader has not looked yet."""
    it.decide()
    it.evening()
    it.fake.advance_to(it.entry.open + timedelta(seconds=3))


def test_shares_beyond_their_stop_are_sold_at_once(tmp_path):
    with story(tmp_path) as it:
        entered(it)
        it.fake.tick("AAA", 105.0)  # bought at 115, the stop is 109.25
        it.floor.tick()
        assert kinds(it) == ["oco", "market"]
        assert it.fake.positions() == {}
        assert it.told("stopped") == ["the price is beyond the stop 109.25: 173 shares go at the market"]
        for _ in range(20):
            it.fake.advance(seconds=5)
            it.floor.tick()
        assert len(protections(it)) == 2
        it.floor.tick(it.entry.close + timedelta(minutes=1), times=2)
        booked = it.floor.rows("SELECT reason, price FROM fills ORDER BY seq")
        assert booked == [("entry", 115.0), ("stop", 105.0)]
        assert it.told("unprotected") == it.told("failed") == []


def test_shares_above_their_stop_are_protected_by_a_pair(tmp_path):
    with story(tmp_path) as it:
        entered(it)
        it.fake.tick("AAA", 110.0)
        it.floor.tick(times=3)
        assert kinds(it) == ["oco"]
        assert it.protection == [("sell", 173.0, 109.25)]
        assert it.told("stopped") == it.told("rejected") == []


def test_a_pair_that_is_refused_once_is_followed_by_its_stop(tmp_path):
    with story(tmp_path) as it:
        entered(it)
        it.fake.fault("POST /v2/orders", "422", match={"order_class": "oco"})
        it.floor.tick()
        assert it.protection == [("sell", 173.0, 109.25)]
        for _ in range(20):
            it.fake.advance(minutes=5)
            it.floor.tick()
        assert kinds(it) == ["oco", "stop"]  # it is not laid bare again within the bar
        it.floor.tick(it.entry.close + timedelta(minutes=1), times=3)
        assert kinds(it) == ["oco", "stop", "oco"]
        (pair,) = [order for order in it.fake.orders() if order.open and order.parent is None]
        assert (pair.order_class, pair.limit_price) == ("oco", 172.5)
        assert it.told("unprotected") == []


def test_protection_that_is_refused_all_day_is_tried_ever_more_rarely(tmp_path):
    with story(tmp_path) as it:
        entered(it)
        it.fake.fault("POST /v2/orders", "403", times=0, match={"side": "sell"})
        for _ in range(240):  # twenty minutes
            it.floor.tick()
            it.fake.advance(seconds=5)
        # The pair, and its stop after 0, 30, 90, 210, 450 and 930 seconds.
        assert kinds(it) == ["oco"] + 6 * ["stop"]
        assert len(set(protections(it))) == 7
        assert len(it.told("unprotected")) == 1
        it.fake.script.clear()
        it.fake.advance(hours=1)
        it.floor.tick()
        assert it.protection == [("sell", 173.0, 109.25)]


def test_what_is_refused_counts_for_nobody_elses_orders(tmp_path):
    with story(tmp_path, rules=replace(FREE, orders_per_minute=1)) as it:
        entered(it)
        it.fake.fault("POST /v2/orders", "422", match={"order_class": "oco"})
        it.floor.tick()
        assert it.protection == [("sell", 173.0, 109.25)]
        assert it.told("blocked") == []


def test_a_restart_tries_no_sooner(tmp_path):
    with story(tmp_path) as it:
        entered(it)
        it.fake.fault("POST /v2/orders", "403", times=0, match={"side": "sell"})
        it.floor.tick()
        it.floor.reopen()
        it.floor.tick(times=2)
        assert kinds(it) == ["oco", "stop"]


def test_shares_at_the_market_that_cannot_trade_are_sized_anew(tmp_path):
    with story(tmp_path, policy=Policy(drift=Act.ADOPT)) as it:
        entered(it)
        it.fake.tick("AAA", 105.0)
        resumes = it.fake.now + timedelta(minutes=10)
        it.fake.fault("market", "halt", symbol="AAA", until=resumes)
        for _ in range(12):
            it.floor.tick()
            it.fake.advance(seconds=5)
        assert kinds(it) == ["oco", "market"]
        assert it.fake.positions() == {"AAA": 173.0}
        it.fake.trade_by_hand("AAA", -73.0)
        it.floor.tick(times=4)
        assert it.protection == [("sell", 100.0, 109.25)]  # never of more shares than are held
        it.fake.advance_to(resumes)
        it.fake.tick("AAA", 105.0)
        assert it.fake.positions() == {}
