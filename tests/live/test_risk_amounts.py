"""Checks of amounts, each at its limit and one step to either side of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from live.risk import Blocked, Door
from live.risk_context import Purpose, Quote
from tests.live.risk_helpers import (
    ENTRY,
    EXIT,
    FLATTEN,
    HOLDING,
    NOW,
    PROTECT,
    RULES,
    SECOND,
    WORLD,
    D,
    blocked,
    resting,
)

WIDE = replace(
    RULES, order_quantity=D(10**6), order_notional=D(10**9), position_notional=D(10**9),
    position_share=D(10**6), gross_exposure=D(10**6), positions=99, open_orders=99, orders_per_minute=99,
    orders_per_day=99, allow_short=True,
)  # fmt: skip
STEP = timedelta(microseconds=1)


def text(rules, wanted=ENTRY, **changes):
    return str(Door(rules).check(wanted, replace(WORLD, **changes)))


def only(**rule):
    return replace(WIDE, **rule)


def order(quantity, **more):
    return replace(ENTRY, quantity=D(quantity), **more)


@pytest.mark.parametrize(("quantity", "ok"), [(99, True), (100, True), (101, False)])
def test_order_quantity(quantity, ok):
    assert blocked(order(quantity), rules=only(order_quantity=D(100))) == ("" if ok else "order quantity")


@pytest.mark.parametrize(("quantity", "limit", "ok"), [
    (49, None, True), (50, None, True), (51, None, False),
    (50, "99", True), (50, "100", True), (50, "100.01", False), (49, "102", True), (51, "95", False),
])  # fmt: skip
def test_order_notional_at_the_worse_price(quantity, limit, ok):
    wanted = order(quantity, limit=limit and D(limit))
    assert blocked(wanted, rules=only(order_notional=D(5000))) == ("" if ok else "order notional")


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("held", "open_", "quantity", "ok"), [
    (0, 0, 49, True), (0, 0, 50, True), (0, 0, 51, False), (20, 0, 30, True), (20, 0, 31, False),
    (20, 10, 19, True), (20, 10, 20, True), (20, 10, 21, False),
])  # fmt: skip
def test_position(side, held, open_, quantity, ok):
    changes = {
        "positions": {"IBM": D(side * held), "KO": D(999)},
        "resting": [
            resting(side=side, remaining=open_, purpose=Purpose.ENTER),
            resting("XX-8", "KO", side, 500), resting("XX-9", "IBM", side, 500, Purpose.EXIT),
        ],
    }  # fmt: skip
    wanted = order(quantity, side=side, replaces="XX-0")
    # What an order replaces still counts: the broker may have filled it meanwhile.
    assert blocked(wanted, rules=only(position_notional=D(5000)), **changes) == (
        "" if ok else "position notional"
    )
    assert blocked(wanted, rules=only(position_share=D("0.05")), **changes) == (
        "" if ok else "position share"
    )
    dear = replace(wanted, limit=D("100.01"))
    at_limit = ok and held + open_ + quantity == 50
    found = blocked(dear, rules=only(position_notional=D(5000)), **changes)
    assert found == ("" if ok and not at_limit else "position notional")


@pytest.mark.parametrize(("quantity", "ok"), [(199, True), (200, True), (201, False)])
def test_gross_exposure_adds_longs_shorts_and_open_entries(quantity, ok):
    changes = {
        "positions": {"KO": D(-100), "GE": D(200), "MO": D(0)},
        "resting": [resting(symbol="GE", remaining=100), resting("XX-9", "BA", 1, 200), resting("XX-7",
        "GE", -1, 50, Purpose.EXIT)],
    }  # fmt: skip
    # 100 + (200 + 100) + 200 = 600 shares of 100 USD; 20,000 USD are left of 80,000
    assert blocked(order(quantity), rules=only(gross_exposure=D("0.8")), **changes) == (
        "" if ok else "gross exposure"
    )


def test_open_entries_of_both_sides_count_at_their_worse():
    both = [resting("XX-8", "KO", 1, 300), resting("XX-9", "KO", -1, 500)]
    rules = only(gross_exposure=D("0.5"))
    assert (
        blocked(order(100), rules=rules, positions={"KO": D(100)}, resting=both) == ""
    )  # 400 by either side
    assert blocked(order(101), rules=rules, positions={"KO": D(100)}, resting=both) == "gross exposure"
    assert blocked(order(101), rules=rules, positions={"KO": D(101)}, resting=both) == "gross exposure"
    assert blocked(order(100), rules=rules, positions={"KO": D(99)}, resting=both) == "gross exposure"


def test_open_entries_of_one_symbol_add_up():
    two = [resting("XX-8", "KO", 1, 300), resting("XX-9", "KO", 1, 100)]
    assert blocked(order(100), rules=only(gross_exposure=D("0.5")), resting=two) == ""
    assert blocked(order(101), rules=only(gross_exposure=D("0.5")), resting=two) == "gross exposure"


def test_a_price_that_is_not_known_blocks():
    quotes = {"IBM": Quote(D(100), NOW)}
    assert blocked(rules=WIDE, positions={"KO": D(1)}, quotes=quotes) == "gross exposure"
    assert blocked(rules=WIDE, positions={"KO": D(0)}, quotes=quotes) == ""


@pytest.mark.parametrize("equity", [None, D("NaN"), D("-1")])
def test_equity_that_is_not_known_blocks(equity):
    assert blocked(rules=WIDE, equity=equity) == "position share"
    assert blocked(EXIT, HOLDING, equity=equity) == ""


@pytest.mark.parametrize(
    ("held", "wrong"), [(("KO",), ""), (("KO", "GE"), ""), (("KO", "GE", "MO"), "positions")]
)
def test_positions(held, wrong):
    rules = only(positions=3)
    assert blocked(rules=rules, positions={name: D(-1) for name in held}) == wrong
    assert blocked(rules=rules, resting=[resting(name, name) for name in held]) == wrong
    assert blocked(rules=rules, positions={**dict.fromkeys(held, D(1)), "IBM": D(1)}) == wrong
    assert blocked(rules=rules, positions=dict.fromkeys(held, D(0))) == ""
    assert blocked(rules=rules, resting=[resting(n, n, -1, 1, Purpose.EXIT) for n in held]) == ""


@pytest.mark.parametrize(("power", "reserved", "ok"), [
    ("1000.01", 0, True), ("1000", 0, True), ("999.99", 0, False),
    ("1100.01", 100, True), ("1100", 100, True), ("1099.99", 100, False),
])  # fmt: skip
def test_buying_power(power, reserved, ok):
    assert blocked(rules=WIDE, buying_power=D(power), reserved=D(reserved)) == ("" if ok else "buying power")


@pytest.mark.parametrize("power", [None, D("NaN")])
def test_buying_power_that_is_not_known_blocks(power):
    assert blocked(buying_power=power) == "buying power"


@pytest.mark.parametrize(("count", "ok"), [(3, True), (4, True), (5, False)])
def test_orders_per_minute(count, ok):
    rules = only(orders_per_minute=5)
    sent = [NOW - 61 * SECOND] + [NOW - k * SECOND for k in range(count, 0, -1)]
    for wanted, world in ((ENTRY, WORLD), (EXIT, HOLDING), (PROTECT, HOLDING)):
        assert blocked(wanted, world, rules, sent_at=sent) == ("" if ok else "orders per minute")
    assert blocked(FLATTEN, HOLDING, rules, sent_at=sent) == ""


@pytest.mark.parametrize(("span", "rule"), [
    (timedelta(minutes=1), "orders per minute"), (timedelta(days=1), "orders per day"),
])  # fmt: skip
def test_the_span_of_a_rate(span, rule):
    rules = only(**{rule.replace(" ", "_"): 1})
    assert blocked(rules=rules, sent_at=[NOW - span - STEP]) == ""
    assert blocked(rules=rules, sent_at=[NOW - span]) == ""
    assert blocked(rules=rules, sent_at=[NOW - span + STEP]) == rule


@pytest.mark.parametrize(("count", "ok"), [(6, True), (7, True), (8, False)])
def test_orders_per_day(count, ok):
    rules = only(orders_per_day=8)
    sent = [NOW - timedelta(hours=k) for k in range(count, 0, -1)]
    assert blocked(rules=rules, sent_at=sent) == ("" if ok else "orders per day")
    assert blocked(EXIT, HOLDING, rules, sent_at=sent) == ""


@pytest.mark.parametrize(("count", "ok"), [(2, True), (3, True), (4, False)])
def test_open_orders(count, ok):
    rules = only(open_orders=4)
    lying = [resting(f"XX-{k}", "KO", 1, 1, Purpose.PROTECT) for k in range(10, 10 + count)]
    assert blocked(rules=rules, resting=lying) == ("" if ok else "open orders")
    assert blocked(order(1, replaces="XX-10"), rules=rules, resting=lying) == ""
    assert blocked(EXIT, HOLDING, rules, resting=lying) == ""


@pytest.mark.parametrize(("equity", "ok"), [("98000.01", True), ("98000", True), ("97999.99", False)])
def test_daily_loss(equity, ok):
    assert blocked(equity=D(equity)) == ("" if ok else "daily loss")
    assert blocked(EXIT, HOLDING, equity=D(equity)) == ""
    said = Door(RULES).check(ENTRY, replace(WORLD, equity=D(97000)))
    assert isinstance(said, Blocked)
    assert said.latches


@pytest.mark.parametrize(("equity", "ok"), [("90000.01", True), ("90000", True), ("89999.99", False)])
def test_drawdown(equity, ok):
    assert blocked(equity=D(equity), day_equity=D(90000)) == ("" if ok else "drawdown")


@pytest.mark.parametrize("name", ["day_equity", "peak_equity"])
@pytest.mark.parametrize("value", [None, D(0), D(-1), D("NaN")])
def test_a_loss_that_is_not_known_blocks_and_does_not_latch(name, value):
    said = Door(WIDE).check(ENTRY, replace(WORLD, **{name: value}))
    assert isinstance(said, Blocked)
    assert said.check == {"day_equity": "daily loss", "peak_equity": "drawdown"}[name]
    assert not said.latches
    assert Door(WIDE).standing(replace(WORLD, **{name: value})) == ()


def test_standing_losses():
    door = Door(RULES)
    small = replace(WORLD, equity=D("0.4"), day_equity=D("0.5"), peak_equity=D("0.4"))
    assert [b.check for b in door.standing(small)] == ["daily loss"]
    assert door.standing(WORLD) == ()
    assert door.standing(replace(WORLD, equity=None)) == ()
    assert [b.check for b in door.standing(replace(WORLD, equity=D(97000)))] == ["daily loss"]
    assert [b.check for b in door.standing(replace(WORLD, equity=D(80000)))] == ["daily loss", "drawdown"]


def test_what_the_amounts_say():
    by = {
        "order quantity": (only(order_quantity=D(5)), {},
        "order must be ≤ 5 shares, was 10; split or lower it"),
        "order notional": (only(order_notional=D(5)), {},
        "order must be ≤ 5 USD, was 1000; lower weight or capital"),
        "position notional": (
            only(position_notional=D(5)), {}, "position must be ≤ 5 USD, was 1000; lower weight or capital"),
        "position share": (
            only(position_share=D("0.001")), {},
            "position must be ≤ 0.1% of equity, was 1000 of 100000; lower weight"),
        "gross exposure": (
            only(gross_exposure=D("0.005")), {},
            "gross exposure must be ≤ 0.5% of equity, was 1000 of 100000; wait for an exit"),
        "positions": (only(positions=0), {}, "positions must be ≤ 0, was 1; wait for an exit"),
        "buying power": (
            WIDE, {"buying_power": D(7), "reserved": D(1)},
            "order must be ≤ buying power 7 less 1 under way, was 1000; wait for cash"),
        "open orders": (only(open_orders=0), {}, "open orders must be ≤ 0, was 1; wait for one to end"),
        "orders per minute": (only(orders_per_minute=0), {}, "orders a minute must be ≤ 0, was 1; wait"),
        "orders per day": (only(orders_per_day=0), {}, "orders a day must be ≤ 0, was 1; wait"),
        "daily loss": (RULES, {"equity": D(97000)},
        "loss of the day must be ≤ 2%, was 3.0000%; reset it by hand"),
        "drawdown": (
            RULES, {"equity": D(87000), "day_equity": D(87000)},
            "drawdown must be ≤ 10%, was 13.0000%; reset it by hand"),
    }  # fmt: skip
    for name, (rules, changes, said) in by.items():
        assert text(rules, **changes) == f"blocked by {name}: {said}"
    unknown = text(WIDE, day_equity=None)
    assert unknown == (
        "blocked by daily loss: loss of the day must be known, was equity 100000, before None; "
        "ask the broker's account"
    )
