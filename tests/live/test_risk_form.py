"""Checks of the order itself, each on both sides of its limit."""

from dataclasses import replace
from decimal import Decimal

import pytest

from live.risk import Door
from live.risk_context import Purpose
from live.risk_form import tick_of
from tests.live.risk_helpers import (
    ENTRY,
    EXIT,
    FLATTEN,
    GOOD,
    HOLDING,
    PROTECT,
    RULES,
    WORLD,
    D,
    blocked,
    resting,
)

NAN = Decimal("NaN")


def text(wanted=ENTRY, world=WORLD, **changes):
    return str(Door(RULES).check(wanted, replace(world, **changes)))


@pytest.mark.parametrize(("change", "wrong"), [
    ({}, ""), ({"symbol": ""}, "well formed"), ({"side": 0}, "well formed"), ({"side": 2}, "well formed"),
    ({"quantity": D(0)}, "well formed"), ({"quantity": D(-1)}, "well formed"),
    ({"quantity": NAN}, "well formed"),
    ({"quantity": D("Infinity")}, "well formed"), ({"quantity": D(10**12)}, "well formed"),
    ({"quantity": D(10**12 - 1)}, "order quantity"), ({"quantity": D(1)}, ""),
    ({"limit": D(0)}, "well formed"), ({"limit": NAN}, "well formed"), ({"limit": D("100.01")}, ""),
    ({"limit": D("100.005")}, "well formed"), ({"stop": D("-1")}, "well formed"), ({"stop": D("99.99")}, ""),
    ({"stop": D("99.999")}, "well formed"), ({"limit": D(10**12)}, "well formed"),
])  # fmt: skip
def test_well_formed(change, wrong):
    assert blocked(replace(ENTRY, **change)) == wrong


def test_ticks():
    assert [tick_of(D(p)) for p in ("0.9999", "1", "1.0001")] == [D("0.0001"), D("0.01"), D("0.01")]


def test_what_the_form_says():
    said = "blocked by well formed: quantity must be > 0 and < 10^12, was 0; mend the caller"
    assert text(replace(ENTRY, quantity=D(0))) == said
    assert (
        text(replace(ENTRY, side=3))
        == "blocked by well formed: must name a symbol and a side of ±1, was 'IBM', 3; mend the caller"
    )
    assert (
        text(replace(ENTRY, stop=NAN))
        == "blocked by well formed: stop must be > 0 and < 10^12, was NaN; mend the caller"
    )
    assert (
        text(replace(ENTRY, limit=D("9.999")))
        == "blocked by well formed: limit must be a multiple of 0.01, was 9.999; round it to the tick"
    )


@pytest.mark.parametrize("bad", [NAN, D("Infinity"), D("-Infinity")])
@pytest.mark.parametrize("wanted", [ENTRY, EXIT, PROTECT, FLATTEN])
def test_a_world_that_is_no_number_is_blocked(wanted, bad):
    assert blocked(wanted, positions={"IBM": D(10), "KO": bad}) == "known world"
    assert blocked(wanted, HOLDING, resting=[resting(symbol="KO", remaining=bad)]) == "known world"
    assert blocked(wanted, HOLDING, reserved=bad) == "known world"


def test_an_open_order_must_have_a_side_and_a_size():
    assert blocked(resting=[resting(symbol="KO", side=0)]) == "known world"
    assert blocked(resting=[resting(symbol="KO", remaining=-1)]) == "known world"
    assert blocked(resting=[resting(symbol="KO", remaining=0)]) == ""
    assert "open order XX-0 must be known, was side 0, 10 shares; ask" in text(resting=[resting(side=0)])
    assert "position of KO must be a number, was NaN; ask" in text(positions={"KO": NAN})
    assert "amount under way must be a number, was NaN; ask" in text(reserved=NAN)


@pytest.mark.parametrize(("purpose", "fractionable", "force", "ok"), [
    (Purpose.ENTER, True, "day", False), (Purpose.ENTER, True, "gtc", False),
    (Purpose.PROTECT, True, "day", False), (Purpose.PROTECT, True, "gtc", False),
    (Purpose.FLATTEN, True, "day", True), (Purpose.FLATTEN, False, "day", False),
    (Purpose.FLATTEN, True, "gtc", False), (Purpose.EXIT, True, "day", True),
    (Purpose.EXIT, False, "day", False), (Purpose.EXIT, True, "gtc", False),
])  # fmt: skip
def test_fractions(purpose, fractionable, force, ok):
    side = 1 if purpose is Purpose.ENTER else -1
    world = WORLD if purpose is Purpose.ENTER else HOLDING
    wanted = replace(ENTRY, quantity=D("9.5"), purpose=purpose, time_in_force=force, side=side)
    assets = {"IBM": replace(GOOD, fractionable=fractionable)}
    assert blocked(wanted, world, assets=assets) == ("" if ok else "whole shares")
    assert blocked(wanted, world, assets={}) == "whole shares"
    assert blocked(replace(wanted, quantity=D(9)), world, assets=assets) == ""


def test_the_whole_share_rule_in_words():
    said = text(replace(ENTRY, quantity=D("9.5")))
    assert said == "blocked by whole shares: quantity must be whole shares, was 9.5; round it down"


@pytest.mark.parametrize(("name", "wrong"), [
    ("XX-1", ""), ("XX-", ""), ("YY-1", "new id"), ("", "new id"), ("1XX-", "new id"),
    ("XX-" + "a" * 45, ""), ("XX-" + "a" * 46, "new id"), ("XX-used", "new id"),
])  # fmt: skip
def test_ids(name, wrong):
    assert blocked(replace(ENTRY, client_id=name), used_ids={"XX-used"}) == wrong


def test_ids_in_words():
    assert blocked(prefix="") == "new id"
    assert (
        text(replace(ENTRY, client_id="Q"))
        == "blocked by new id: id must begin with 'XX-' and have ≤ 48 characters, was Q; mint it anew"
    )
    assert (
        text(used_ids={"XX-1"})
        == "blocked by new id: id must be new, was XX-1; ask the broker for the order by this id"
    )


@pytest.mark.parametrize("wanted", [ENTRY, EXIT, PROTECT])
def test_one_order_for_one_thing(wanted):
    world = WORLD if wanted is ENTRY else replace(WORLD, positions={"IBM": D(99)})
    same = resting(side=wanted.side, purpose=wanted.purpose)
    assert blocked(wanted, world, resting=[same]) == "duplicate"
    assert blocked(replace(wanted, replaces="XX-0"), world, resting=[same]) == ""
    assert blocked(wanted, world, resting=[replace(same, symbol="KO")]) == ""
    assert blocked(wanted, world, resting=[replace(same, side=-wanted.side)]) == "opposite order"
    other = Purpose.EXIT if wanted.purpose is not Purpose.EXIT else Purpose.PROTECT
    assert blocked(wanted, world, resting=[replace(same, purpose=other)]) == ""
    assert (
        text(wanted, world, resting=[same])
        == f"blocked by duplicate: IBM must have one order to {wanted.purpose}, was XX-0; wait for it"
    )


@pytest.mark.parametrize("wanted", [ENTRY, EXIT, PROTECT])
def test_a_symbol_in_doubt_is_locked(wanted):
    world = replace(WORLD, positions={} if wanted is ENTRY else {"IBM": D(99)})
    lost = resting(side=wanted.side, purpose=Purpose.FLATTEN, in_doubt=True)
    assert blocked(wanted, world, resting=[lost]) == "order in doubt"
    assert blocked(wanted, world, resting=[replace(lost, symbol="KO")]) == ""
    assert blocked(wanted, world, resting=[replace(lost, in_doubt=False)]) == ""
    assert (
        text(wanted, world, resting=[lost])
        == "blocked by order in doubt: IBM must have no order in doubt, was XX-0; ask the broker for it"
    )


def test_no_opposite_order():
    against = resting(side=-1, purpose=Purpose.PROTECT)
    assert blocked(resting=[against]) == "opposite order"
    assert blocked(replace(ENTRY, replaces="XX-0"), resting=[against]) == ""
    assert blocked(resting=[replace(against, symbol="KO")]) == ""
    assert (
        text(resting=[against])
        == "blocked by opposite order: IBM must have no opposite order open, was XX-0; cancel it first"
    )


@pytest.mark.parametrize(("held", "side", "wrong"), [
    (0, 1, ""), (10, 1, ""), (-1, 1, "enters only"), (-10, -1, ""), (1, -1, "enters only"), (0, -1, ""),
])  # fmt: skip
def test_an_entry_adds(held, side, wrong):
    rules = replace(RULES, allow_short=True)
    assert blocked(replace(ENTRY, side=side), rules=rules, positions={"IBM": D(held)}) == wrong


def test_an_entry_adds_in_words():
    said = text(positions={"IBM": D(-3)})
    assert said == "blocked by enters only: an entry must not reduce a position, was held -3; exit it instead"


@pytest.mark.parametrize("wanted", [EXIT, PROTECT, FLATTEN])
@pytest.mark.parametrize(("held", "leaving", "quantity", "ok"), [
    (10, 0, 9, True), (10, 0, 10, True), (10, 0, 11, False), (0, 0, 1, False), (-10, 0, 1, False),
    (10, 3, 6, True), (10, 3, 7, True), (10, 3, 8, False), (10, 10, 1, False),
])  # fmt: skip
def test_a_reduction_reduces(wanted, held, leaving, quantity, ok):
    other = Purpose.EXIT if wanted.purpose is not Purpose.EXIT else Purpose.PROTECT
    out = [resting(side=-1, remaining=leaving, purpose=other), resting("XX-9", "KO", -1, 99, other)]
    order = replace(wanted, quantity=D(quantity))
    assert blocked(order, positions={"IBM": D(held)}, resting=out) == ("" if ok else "reduces only")
    short = replace(order, side=1)
    out = [replace(o, side=1) for o in out]
    assert blocked(short, positions={"IBM": D(-held)}, resting=out) == ("" if ok else "reduces only")


def test_what_it_replaces_does_not_bind_its_shares():
    guard = resting(side=-1, purpose=Purpose.PROTECT)
    assert blocked(EXIT, HOLDING, resting=[guard]) == "reduces only"
    assert blocked(replace(EXIT, replaces="XX-0"), HOLDING, resting=[guard]) == ""
    said = text(EXIT, HOLDING, resting=[guard])
    assert said == "blocked by reduces only: order to exit must be ≤ the 0 shares free, was 10; size it anew"
    # An order of the other side sets no shares of this position aside.
    assert blocked(FLATTEN, HOLDING, resting=[resting(side=1)]) == ""
