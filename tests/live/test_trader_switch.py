"""A kill switch thrown while something leaves or protects a position: nothing is left bare, nothing opens."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from live.findings import Act, Policy
from live.leaving import bare
from live.limits import KILL
from live.order_states import Tracked
from live.risk_context import Purpose
from live.switch import killed_text
from live.tracks import Track, Tracks
from live.transitions import State
from tests.live.crossing import PARAMS, story
from tests.live.killing_helpers import open_ids, wound

# The averages cross down at the sixth close after the entry; neither stop (109.25) nor target is touched.
FALLS = {
    1: (115, 116, 114.5, 115.5), 2: (115.5, 116, 115, 115.2), 3: (115, 115.2, 113, 113.2),
    4: (113, 113.2, 111, 111.2), 5: (111.2, 111.5, 110, 110.2), 6: (110.2, 110.4, 109.6, 110),
}  # fmt: skip
SHARES, WITHOUT_STOP = 173, 348  # of 100,000 USD: risk a share, or the cap of a weight, counts
OCO = ("sell", "limit", "gtc", SHARES)


def by_file(it):
    (it.folder / "KILL").write_text("prices look wrong")


def by_signal(it):
    it.floor.trader._kill.said.append("signal SIGUSR1")


def by_nobody(it):
    pass


def after(session):
    """The evening of a session's day, when the next auction takes orders."""
    return (session.close + timedelta(days=1)).replace(hour=0, minute=30)


def until_the_exit(it, looks=3):
    """Enter and live to the evening before the exit; return the session whose open executes it."""
    it.enter()
    it.floor.tick(it.entry.close + timedelta(minutes=1), times=2)
    for before, session in zip([it.entry, *it.later], it.later[:5], strict=False):
        it.floor.tick(max(after(before), it.fake.now))
        it.floor.tick(session.close + timedelta(minutes=1), times=2)
        leaving = it.floor.rows("SELECT id FROM orders WHERE leg = 'exit' AND status = 'new'")
        if leaving:
            it.floor.tick(after(session), times=looks)
            return it.later[it.later.index(session) + 1]
    raise AssertionError("no exit was decided")


def resting(it):
    return [(o.side, o.type, o.time_in_force, o.qty) for o in it.fake.orders() if o.open and o.parent is None]


def pulse(it):
    return it.floor.rows("SELECT phase, text FROM pulse")[0]


@pytest.mark.parametrize("thrown", [by_file, by_signal, by_nobody])
def test_an_exit_that_waits_for_the_auction_is_left_to_it(tmp_path, thrown):
    with story(tmp_path, after=FALLS) as it:
        tomorrow = until_the_exit(it)
        assert resting(it) == [("sell", "market", "opg", SHARES)]
        thrown(it)
        it.floor.tick(times=3)
        assert resting(it) == [("sell", "market", "opg", SHARES)]
        assert it.told("unprotected") == []
        if thrown is not by_nobody:
            assert pulse(it) == ("killed", killed_text([]))
        it.floor.tick(tomorrow.open + timedelta(minutes=5), times=2)
        assert (it.fake.positions(), resting(it)) == ({}, [])


@pytest.mark.parametrize("thrown", [by_file, by_signal])
def test_protection_that_went_for_an_exit_comes_back(tmp_path, thrown):
    with story(tmp_path, after=FALLS) as it:
        tomorrow = until_the_exit(it, looks=1)  # its protection has gone, and the exit is not sent yet
        assert resting(it) == []
        thrown(it)
        it.floor.tick(times=3)
        assert (resting(it), it.protection[0][2]) == ([OCO], 109.25)
        assert pulse(it) == ("killed", killed_text([]))
        it.floor.tick(tomorrow.open + timedelta(minutes=5), times=2)
        assert (it.fake.positions(), resting(it)) == ({"AAA": SHARES}, [OCO])
        sent = len(it.sent)
        it.floor.tick(times=3)
        assert len(it.sent) == sent


def test_protection_comes_back_when_the_broker_ends_the_exit(tmp_path):
    with story(tmp_path, after=FALLS) as it:
        until_the_exit(it)
        by_file(it)
        it.floor.tick()
        (leaves,) = [o for o in it.fake.orders() if o.open]
        with it.fake.lock:
            it.fake.exchange.finish(leaves, "canceled")
        it.floor.tick(times=2)
        assert resting(it) == [OCO]


def test_an_entry_that_fills_as_the_switch_is_thrown_is_protected(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        it.fake.advance_to(it.entry.open + timedelta(seconds=20))
        by_file(it)
        it.floor.tick()
        assert (it.fake.positions(), resting(it)) == ({"AAA": SHARES}, [OCO])


def test_an_entry_that_waits_is_cancelled(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        assert len(resting(it)) == 1
        by_file(it)
        it.floor.tick(times=2)
        it.open()
        assert (it.fake.positions(), resting(it)) == ({}, [])


@pytest.mark.parametrize("thrown", [by_file, by_nobody])
def test_a_target_alone_stays(tmp_path, monkeypatch, thrown):
    monkeypatch.setitem(PARAMS, "stop", 0.0)
    with story(tmp_path) as it:
        it.enter()
        before = open_ids(it.fake)
        (target,) = [o for o in it.fake.orders() if o.open]  # no leg, so no pair
        assert (target.side, target.type, target.qty) == ("sell", "limit", WITHOUT_STOP)
        thrown(it)
        it.floor.tick(times=3)
        assert open_ids(it.fake) == before


def test_what_would_trade_more_than_is_held_goes_under_the_switch_too(tmp_path):
    with story(tmp_path, policy=Policy(drift=Act.ADOPT)) as it:
        it.enter()
        by_file(it)
        it.floor.tick()
        it.fake.trade_by_hand("AAA", -100.0)
        it.floor.tick(times=3)
        assert it.fake.positions() == {"AAA": SHARES - 100}
        assert resting(it) == [("sell", "limit", "gtc", SHARES - 100)]
        it.fake.trade_by_hand("AAA", 100.0 - SHARES)
        it.floor.tick(times=3)
        assert (it.fake.positions(), resting(it)) == ({}, [])


@pytest.mark.parametrize("policy", [Act.HALT, Act.ADOPT])
def test_an_exit_that_waits_goes_when_its_shares_are_sold_by_hand(tmp_path, policy):
    with story(tmp_path, after=FALLS, policy=Policy(drift=policy)) as it:
        tomorrow = until_the_exit(it)
        by_file(it)
        it.floor.tick()
        it.fake.trade_by_hand("AAA", -float(SHARES))
        it.floor.tick(times=2)
        assert resting(it) == []
        it.floor.tick(tomorrow.open + timedelta(minutes=5), times=2)
        assert (it.fake.positions(), resting(it)) == ({}, [])


def test_what_the_command_took_away_is_not_put_back_but_told(tmp_path):
    with story(tmp_path, after=FALLS) as it:
        tomorrow = until_the_exit(it)
        now = datetime.now(UTC)
        it.floor.limits.latch(KILL, "by hand, jane", now)
        it.floor.limits.wind("jane", now)
        wound(it.fake, since=now)
        it.floor.tick(times=3)
        assert resting(it) == []
        bare_now = "173 AAA held, nothing rests for them"
        assert (it.told("unprotected"), pulse(it)) == ([bare_now], ("killed", killed_text([bare_now])))
        left, *_ = wound(it.fake, flatten=True, since=now)
        assert "the market is closed until" in left[-1]
        it.floor.tick(times=3)
        it.floor.tick(tomorrow.open + timedelta(minutes=5), times=2)
        assert (it.fake.positions(), resting(it)) == ({}, [])
        assert pulse(it) == ("killed", killed_text([]))


def test_a_position_nobody_has_levels_for_is_told_as_bare(tmp_path, monkeypatch):
    for name in ("stop", "target"):
        monkeypatch.setitem(PARAMS, name, 0.0)
    with story(tmp_path) as it:
        it.enter()
        by_file(it)
        it.floor.tick(times=2)
        assert it.told("unprotected") == [f"{WITHOUT_STOP} AAA held, nothing rests for them"]


def test_the_broker_of_500s_is_asked_again_and_nothing_is_taken_for_bare(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        by_file(it)
        it.fake.fault("DELETE /v2/orders/*", "500", times=2)
        it.floor.tick(times=2)
        assert len(resting(it)) == 1
        it.floor.tick()
        assert resting(it) == []


@pytest.mark.parametrize(("held", "orders", "left"), [
    (10, [], 10), (10, [(-1, 10)], 0), (10, [(-1, 4)], 6), (10, [(-1, 15)], -5), (-10, [(1, 10)], 0),
    (10, [(1, 3)], -3), (0, [(-1, 3)], -3), (0, [], 0),
])  # fmt: skip
def test_bare_shares(held, orders, left):
    tracks = Tracks(cast(Any, None), {
        str(k): Track(
            Tracked(str(k), "AAA", side, Decimal(n), State.LIVE), "", Purpose.PROTECT, {}, datetime.now(UTC)
        )
        for k, (side, n) in enumerate(orders)
    })  # fmt: skip
    assert bare(tracks, "AAA", Decimal(held)) == left


@pytest.mark.parametrize(
    "silent", ["GET /v2/clock", "GET /v2/calendar", "GET /v2/account", "GET /v2/positions"]
)
def test_what_may_open_a_position_is_cancelled_though_another_question_gets_500s(tmp_path, silent):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        assert resting(it) == [("buy", "market", "opg", SHARES)]
        by_file(it)
        it.floor.reopen()  # which asks for the calendar anew
        it.floor.lines[0]._patience = 0.1
        fault = it.fake.fault(silent, "500", times=0)
        it.floor.tick()
        assert fault.fired > 0
        assert resting(it) == []
        assert pulse(it)[0] == "unreachable"
