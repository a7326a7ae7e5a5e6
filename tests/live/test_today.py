"""What is not known of a day, or of its bars, ends the entering: protection and exits go on."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from live.coming import Coming
from live.findings import Act, Policy
from live.home import KILL_FILE
from research.errors import Unreachable
from tests.live.crossing import PARAMS, REQUEST, story

ACTIONS, BARS = "GET /v1/corporate-actions", "GET /v2/stocks/bars"
STOP = ("sell", 173.0, 109.25)  # the entry fills at 115, the stop is 5 % below
# After the entry two closes at 104: the averages cross downwards, a stop of 30 % stays away.
FALLING = {1: (115.0, 115.3, 103.7, 104.0), 2: (104.0, 104.3, 103.7, 104.0)}
FAR = replace(REQUEST, params=PARAMS | {"stop": 0.3})


def deny(it, route):
    """Let a route refuse from now on: no answer, at once."""
    return it.fake.fault(route, "403", times=0)


def pulse(it):
    return it.floor.rows("SELECT phase, text FROM pulse")[0]


def bare(it):
    """End by the broker all that rests."""
    with it.fake.lock:
        for order in list(it.fake.orders()):
            if order.open:
                it.fake.exchange.finish(order, "canceled")


@pytest.mark.parametrize("route", [ACTIONS, "GET /v2/assets/AAA", "GET /v2/calendar"])
def test_what_is_not_known_of_a_day_leaves_no_fill_unprotected(tmp_path, route):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        deny(it, route)
        it.open(times=3)
        assert it.fake.positions() == {"AAA": 173.0}
        assert it.protection == [STOP]
        phase, text = pulse(it)
        where = route.split("/", 2)[2].removeprefix("stocks")
        assert (phase, where in text, text.endswith("; nothing is entered")) == ("unreachable", True, True)
        assert len(it.told("unreachable")) == 1
        it.fake.script.clear()
        it.floor.tick()
        assert pulse(it) == ("trading", "")
        assert it.kinds()[-1] == "reachable"


@pytest.mark.parametrize("route", [ACTIONS, "GET /v2/assets/AAA", "GET /v2/calendar"])
def test_what_is_not_known_of_a_day_lets_nothing_be_entered(tmp_path, route):
    with story(tmp_path) as it:
        it.decide()
        deny(it, route)
        morning = it.entry.open - timedelta(hours=2)
        it.floor.tick(morning, times=2)
        assert it.sent == []
        it.fake.script.clear()
        it.floor.tick()
        assert [body["qty"] for body in it.entries] == ["173"]


@pytest.mark.parametrize("route", [ACTIONS, "GET /v2/assets/AAA", "GET /v2/calendar"])
def test_what_is_not_known_of_a_day_keeps_no_exit_back(tmp_path, route):
    with story(tmp_path, request=FAR, after=FALLING) as it:
        it.enter()
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        it.floor.tick(it.later[0].close + timedelta(minutes=1))
        assert it.floor.rows("SELECT status FROM orders WHERE leg = 'exit'") == [("new",)]
        deny(it, route)
        it.floor.tick(it.later[1].open - timedelta(hours=2), times=3)
        assert (it.sent[-1]["side"], it.sent[-1]["time_in_force"]) == ("sell", "opg")
        it.floor.tick(it.later[1].open + timedelta(seconds=20))
        assert it.fake.positions() == {}


def test_without_bars_protection_that_ended_is_put_back_and_nothing_is_entered(tmp_path):
    with story(tmp_path) as it:
        it.enter()
        it.floor.tick()
        deny(it, BARS)
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        it.fake.advance_to(it.later[0].open + timedelta(minutes=5))
        bare(it)
        it.floor.tick(times=2)
        assert it.protection == [STOP]
        phase, text = pulse(it)
        assert (phase, "/stocks/bars" in text) == ("unreachable", True)
        assert len(it.told("unreachable")) == 1
        assert len(it.entries) == 1


def test_what_is_lacking_is_told_of_each_host(tmp_path):
    with story(tmp_path) as it:
        it.enter()
        deny(it, BARS)
        deny(it, ACTIONS)
        it.floor.tick(it.later[0].open + timedelta(minutes=5), times=3)
        assert len(it.told("unreachable")) == 2
        assert all(route in pulse(it)[1] for route in ("/corporate-actions", "/stocks/bars"))


def test_orders_wait_behind_one_silence_of_a_look_and_each_part_has_its_turn(tmp_path):
    routes = (ACTIONS, "GET /v2/assets/AAA", "GET /v2/calendar")
    paths = {"/v2/calendar": 0, "/v2/assets/AAA": 0, "/v1/corporate-actions": 0}
    with story(tmp_path) as it:
        it.enter()
        for route in routes:
            deny(it, route)
        it.fake.log.calls.clear()
        it.fake.advance_to(it.later[0].open + timedelta(minutes=5))
        for look in range(1, 7):
            it.floor.tick()
            asked = {path: sum(call.path == path for call in it.fake.log.calls) for path in paths}
            assert sum(asked.values()) == look
        assert set(asked.values()) == {2}
        assert it.protection == [STOP]


def test_under_the_kill_switch_what_is_lacking_is_said_as_well(tmp_path):
    with story(tmp_path) as it:
        it.enter()
        deny(it, BARS)
        (it.folder / KILL_FILE).write_text("by hand")
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        phase, text = pulse(it)
        assert (phase, "/stocks/bars" in text) == ("killed", True)


# --- while today's splits are unknown ----------------------------------------------------------


@pytest.mark.parametrize("act", [Act.ADOPT, Act.FLATTEN])
def test_a_drift_halts_until_the_days_splits_are_known(tmp_path, act):
    with story(tmp_path, policy=Policy(drift=act)) as it:
        it.enter()
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        sent = len(it.sent)
        deny(it, ACTIONS)
        it.floor.tick(it.later[0].open + timedelta(minutes=1))
        it.fake.trade_by_hand("AAA", 7.0)
        bare(it)
        it.floor.tick(times=3)
        assert it.floor.tracks.held("AAA") == 173
        assert len(it.sent) == sent  # no order for shares that may not be what they were
        assert it.told("quantity") == ["AAA: 173 shares were held, the broker has 180 (halt)"]
        it.fake.script.clear()
        it.floor.tick(times=3)
        assert it.floor.tracks.held("AAA") == (180 if act is Act.ADOPT else 0)


def test_a_split_that_positions_show_is_taken_though_nobody_announces_it(tmp_path):
    with story(tmp_path) as it:
        it.enter()
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        deny(it, ACTIONS)
        it.floor.tick(it.later[0].open + timedelta(minutes=1))
        with it.fake.lock:
            held = it.fake.exchange.account.positions["AAA"]
            held.qty, held.average = 2 * held.qty, held.average / 2
        bare(it)
        it.fake.tick("AAA", 57.5)
        it.floor.tick(times=2)
        assert it.told("split") == ["AAA: 173 shares were held, the broker has 346, by a split of 2"]
        assert it.protection == [("sell", 346.0, 54.62)]  # 109.25 / 2, outwards to the cent


def test_the_evenings_word_on_splits_holds_while_the_morning_says_nothing():
    said = {date(2026, 3, 18): {"AAA": Decimal(2)}}

    def ask(day):
        if day not in said:
            raise Unreachable("no answer")
        return said[day]

    coming = Coming(ask)
    coming.begin(date(2026, 3, 18))
    with pytest.raises(Unreachable):
        coming.begin(date(2026, 3, 19))
    assert (coming.of(date(2026, 3, 18)), coming.of(date(2026, 3, 19))) == ({"AAA": Decimal(2)}, {})


# --- a symbol of which the broker takes no order -----------------------------------------------


def asked(it):
    return len(it.fake.log.of("GET /v2/assets/AAA"))


def test_a_word_of_midnight_against_a_symbol_leaves_no_fill_unprotected(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        it.fake.settings.assets["AAA"] = {"tradable": False}
        midnight = (it.cross.close + timedelta(days=1)).replace(hour=4, minute=5)
        it.floor.tick(midnight, times=2)
        assert len(it.told("not tradable")) == 1
        del it.fake.settings.assets["AAA"]
        it.open(times=3)
        assert it.protection == [STOP]


@pytest.mark.parametrize("wrong", [{"tradable": False}, {"status": "inactive"}])
def test_such_a_symbol_is_asked_for_every_five_minutes_and_no_more(tmp_path, wrong):
    with story(tmp_path) as it:
        it.enter()
        before = asked(it)
        it.fake.settings.assets["AAA"] = wrong
        begun = it.later[0].open
        counts = []
        for seconds in (0, 30, 299, 300, 330, 599, 600):
            it.floor.tick(begun + timedelta(seconds=seconds))
            counts.append(asked(it) - before)
        assert counts == [1, 1, 1, 2, 2, 2, 3]
        assert it.protection == [STOP]  # what rests is not given up for an order that might be refused
        del it.fake.settings.assets["AAA"]
        it.floor.tick(begun + timedelta(seconds=900))
        it.floor.tick(begun + timedelta(seconds=1800))
        assert asked(it) - before == 4
        assert pulse(it) == ("trading", "")


def test_no_answer_about_such_a_symbol_changes_nothing_and_is_not_asked_for_at_each_look(tmp_path):
    with story(tmp_path) as it:
        it.fake.settings.assets["AAA"] = {"tradable": False}
        it.floor.tick(it.cross.open + timedelta(minutes=1))
        before = asked(it)
        deny(it, "GET /v2/assets/AAA")
        it.floor.tick(it.cross.open + timedelta(minutes=7), times=3)
        assert asked(it) - before == 1
        assert it.floor.trader._today.untradable == ["AAA"]
        assert pulse(it) == ("trading", "")


def test_after_a_restart_without_an_answer_about_assets_a_fill_is_protected(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        deny(it, "GET /v2/assets/AAA")
        it.floor.reopen()
        it.open(times=3)
        assert it.protection == [STOP]
        assert pulse(it)[0] == "unreachable"
