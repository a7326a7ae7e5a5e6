"""Checks of the world, each on both sides of its limit."""

from dataclasses import replace
from datetime import timedelta

import pytest

from live.risk import Door
from live.risk_context import Purpose, Quote, Session
from tests.live.risk_helpers import (
    ENTRY,
    EXIT,
    FLATTEN,
    GOOD,
    HOLDING,
    NOW,
    PROTECT,
    RULES,
    SECOND,
    WORLD,
    D,
    blocked,
)  # fmt: skip

STEP = timedelta(microseconds=1)
ALL = [ENTRY, EXIT, PROTECT, FLATTEN]


def text(wanted=ENTRY, world=WORLD, **changes):
    return str(Door(RULES).check(wanted, replace(world, **changes)))


def world_of(wanted):
    return WORLD if wanted is ENTRY else HOLDING


@pytest.mark.parametrize("wanted", ALL)
def test_the_kill_switch_stops_all_but_what_it_does_itself(wanted):
    assert blocked(wanted, world_of(wanted), killed=True) == ("" if wanted is FLATTEN else "kill switch")
    assert blocked(wanted, world_of(wanted)) == ""


@pytest.mark.parametrize("wanted", ALL)
def test_under_the_kill_switch_protection_may_be_put_back(wanted):
    said = blocked(wanted, world_of(wanted), killed=True, guarding=True)
    assert said == ("" if wanted in {PROTECT, FLATTEN} else "kill switch")
    over = replace(PROTECT, quantity=D(11))
    assert blocked(over, HOLDING, killed=True, guarding=True) == "reduces only"


def test_the_kill_switch_in_words():
    assert (
        text(killed=True)
        == "blocked by kill switch: kill switch must be off, was on; python -m live.kill --reset"
    )


@pytest.mark.parametrize("wanted", ALL)
@pytest.mark.parametrize(("mode", "host", "ok"), [
    ("paper", "paper-api.alpaca.markets", True), ("live", "api.alpaca.markets", True),
    ("paper", "api.alpaca.markets", False), ("live", "paper-api.alpaca.markets", False),
    ("replay", "api.alpaca.markets", False), ("paper", "", False),
    ("paper", "api.alpaca.markets.evil.org", False),
])  # fmt: skip
def test_host_and_mode_agree(wanted, mode, host, ok):
    assert blocked(wanted, world_of(wanted), mode=mode, host=host) == ("" if ok else "host and mode")


def test_the_hosts_in_words():
    assert (
        text(host="h")
        == "blocked by host and mode: host must be on the list for 'paper', was h; take the mode's own host"
    )


@pytest.mark.parametrize("wanted", ALL)
def test_an_account_that_may_not_trade(wanted):
    found = blocked(wanted, world_of(wanted), account_faults=("trading_blocked",))
    assert found == ("" if wanted is FLATTEN else "account state")
    said = text(account_faults=("a", "b"))
    assert said == "blocked by account state: account must be free to trade, was a; b; see the broker's site"


@pytest.mark.parametrize("wanted", ALL)
def test_a_latched_limit_stops_entries_alone(wanted):
    found = blocked(wanted, world_of(wanted), latched={"daily loss": "2.1 %"})
    assert found == ("latched limit" if wanted is ENTRY else "")
    said = text(latched={"daily loss": "2.1 %"})
    assert said == (
        "blocked by latched limit: limit `daily loss` must not be latched, was 2.1 %; "
        "reset it by hand when the cause is known"
    )


@pytest.mark.parametrize("wanted", ALL)
@pytest.mark.parametrize("change", [{"active": False}, {"tradable": False}])
def test_a_symbol_that_cannot_be_traded(wanted, change):
    assets = {"IBM": replace(GOOD, **change)}
    assert blocked(wanted, world_of(wanted), assets=assets) == ("" if wanted is FLATTEN else "tradable")


@pytest.mark.parametrize("wanted", ALL)
def test_a_symbol_that_nobody_could_be_asked_about_is_not_entered_and_may_be_left(wanted):
    assert blocked(wanted, world_of(wanted), assets={}) == ("tradable" if wanted is ENTRY else "")


def test_tradable_in_words():
    assert (
        text(assets={})
        == "blocked by tradable: symbol must be tradable at the broker, was IBM; trade another"
    )
    said = str(Door(replace(RULES, restricted=frozenset({"IBM"}))).check(ENTRY, WORLD))
    assert said == "blocked by tradable: symbol must not be restricted, was IBM; take it off the list"
    said = str(Door(RULES).check(replace(ENTRY, side=-1), WORLD))
    assert (
        said
        == "blocked by tradable: a short sale must be allowed by rules, account and asset, was IBM; go long"
    )


def test_a_restricted_symbol_can_be_left():
    rules = replace(RULES, restricted=frozenset({"IBM"}))
    assert blocked(ENTRY, rules=rules) == "tradable"
    assert blocked(replace(ENTRY, symbol="KO"), rules=rules) == ""
    assert blocked(EXIT, HOLDING, rules) == ""


@pytest.mark.parametrize(("allowed", "account", "asset", "ok"), [
    (True, True, True, True), (False, True, True, False), (True, False, True, False),
    (True, True, False, False),
])  # fmt: skip
def test_a_short_sale_needs_three_yeses(allowed, account, asset, ok):
    changes = {"shorting": account, "assets": {"IBM": replace(GOOD, shortable=asset)}}
    rules = replace(RULES, allow_short=allowed)
    assert blocked(replace(ENTRY, side=-1), rules=rules, **changes) == ("" if ok else "tradable")
    assert blocked(ENTRY, rules=rules, **changes) == ""
    assert blocked(EXIT, HOLDING, rules, **changes) == ""


@pytest.mark.parametrize("force", ["opg", "cls"])
@pytest.mark.parametrize(("ahead", "ok"), [(STEP, True), (timedelta(0), False), (-STEP, False)])
def test_an_auction_takes_orders_up_to_its_end(force, ahead, ok):
    until = {"opg_until": NOW + ahead, "cls_until": NOW - SECOND}
    if force == "cls":
        until = {"cls_until": NOW + ahead, "opg_until": NOW - SECOND}
    for is_open in (True, False):
        found = blocked(replace(ENTRY, time_in_force=force), session=Session(is_open, **until))
        assert found == ("" if ok else "session")
    assert blocked(replace(ENTRY, time_in_force=force), session=Session(True)) == "session"


def test_a_closed_market_takes_what_rests():
    shut = Session(False)
    assert [blocked(w, world_of(w), session=shut) for w in ALL] == ["session", "session", "", ""]
    assert blocked(replace(PROTECT, time_in_force="day"), HOLDING, session=shut) == "session"
    assert blocked(replace(EXIT, time_in_force="gtc"), HOLDING, session=shut) == "session"
    assert [blocked(w, world_of(w), session=None) for w in ALL] == ["session", "session", "session", ""]


def test_the_session_in_words():
    opg = replace(ENTRY, time_in_force="opg")
    assert (
        text(session=None)
        == "blocked by session: session must be known, was not known; ask the broker's clock"
    )
    assert text(session=Session(False)) == (
        "blocked by session: market must be open, was closed; wait for the next bar"
    )
    assert text(session=Session(True, agrees=False)) == (
        "blocked by session: broker's clock and calendar must agree, was no; entries wait until they do"
    )
    late = text(opg, session=Session(True, opg_until=NOW))
    assert late == (
        "blocked by session: opg order must come before its auction closes, was it closed at 15:00 UTC; "
        "wait for the next bar"
    )
    assert "was no such auction;" in text(opg, session=Session(True))


def test_clocks_that_differ_stop_entries_alone():
    differ = Session(True, agrees=False)
    assert [blocked(w, world_of(w), session=differ) for w in ALL] == ["session", "", "", ""]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("skew", "ok"), [(2 * SECOND - STEP, True), (2 * SECOND, True), (2 * SECOND + STEP, False)]
)
def test_clock_skew(sign, skew, ok):
    assert blocked(clock_skew=sign * skew) == ("" if ok else "clock skew")
    assert blocked(EXIT, HOLDING, clock_skew=sign * skew) == ""


def test_clock_skew_in_words():
    assert blocked(clock_skew=None) == "clock skew"
    assert (
        text(clock_skew=None)
        == "blocked by clock skew: clocks must agree within 2 s, was not known; set this machine's clock"
    )
    assert (
        text(clock_skew=-3 * SECOND)
        == "blocked by clock skew: clocks must agree within 2 s, was -3 s; set this machine's clock"
    )


@pytest.mark.parametrize(("age", "ok"), [
    (timedelta(hours=1) - STEP, True), (timedelta(hours=1), True), (timedelta(hours=1) + STEP, False),
    (-2 * SECOND, True), (-2 * SECOND - STEP, False),
])  # fmt: skip
def test_stale_bar(age, ok):
    quotes = {"IBM": Quote(D(100), NOW - age)}
    assert blocked(quotes=quotes) == ("" if ok else "stale bar")
    assert blocked(EXIT, HOLDING, quotes=quotes) == ""
    assert blocked(quotes={}) == "stale bar"


def test_stale_bar_in_words():
    assert text(quotes={}) == "blocked by stale bar: IBM must have a bar, was none; wait for the next bar"
    assert text(quotes={"IBM": Quote(D(100), NOW - timedelta(hours=2))}) == (
        "blocked by stale bar: bar must be no older than 1:00:00, was 2:00:00; wait for the next bar"
    )


@pytest.mark.parametrize(("price", "ok"), [
    ("104.99", True), ("105", True), ("105.01", False), ("95.01", True), ("95", True), ("94.99", False),
])  # fmt: skip
def test_a_price_that_jumps(price, ok):
    assert blocked(quotes={"IBM": Quote(D(price), NOW, D(100))}) == ("" if ok else "sane price")
    assert blocked(quotes={"IBM": Quote(D(price), NOW)}) == ""
    assert blocked(EXIT, HOLDING, quotes={"IBM": Quote(D(price), NOW, D(100))}) == ""


def test_a_price_below_a_dollar_is_a_price():
    assert blocked(quotes={"IBM": Quote(D("0.51"), NOW, D("0.5"))}) == ""
    assert blocked(quotes={"IBM": Quote(D("0.53"), NOW, D("0.5"))}) == "sane price"


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_price_that_is_none(price):
    assert blocked(quotes={"IBM": Quote(D(price), NOW)}) == "sane price"
    assert blocked(quotes={"IBM": Quote(D(100), NOW, D(price))}) == "sane price"
    for wanted in (EXIT, PROTECT, FLATTEN):
        assert blocked(wanted, HOLDING, quotes={"IBM": Quote(D(price), NOW)}) == ""


def test_sane_price_in_words():
    assert text(quotes={"IBM": Quote(D(0), NOW)}) == (
        "blocked by sane price: IBM must have a price > 0, was 0; wait for the next bar"
    )
    assert text(quotes={"IBM": Quote(D(200), NOW, D(100))}) == (
        "blocked by sane price: price must be within 5% of 100, was 200; wait for the next bar"
    )


@pytest.mark.parametrize("wanted", [ENTRY, EXIT])
@pytest.mark.parametrize(("limit", "ok"), [
    ("104.99", True), ("105", True), ("105.01", False), ("95.01", True), ("95", True), ("94.99", False),
])  # fmt: skip
def test_price_collar(wanted, limit, ok):
    order = replace(wanted, limit=D(limit))
    assert blocked(order, world_of(wanted)) == ("" if ok else "price collar")


def test_price_collar_in_words():
    order = replace(EXIT, limit=D(100))
    assert blocked(order, HOLDING, quotes={}) == "price collar"
    assert blocked(EXIT, HOLDING, quotes={}) == ""
    assert text(replace(ENTRY, limit=D(200))) == (
        "blocked by price collar: limit must be within 5% of 100, was 200; wait for the next bar"
    )
    assert blocked(replace(PROTECT, limit=D(200)), HOLDING) == ""  # a target may be far
    assert {w.purpose for w in ALL} == set(Purpose)
