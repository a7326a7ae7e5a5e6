"""Tolerant reading: nothing that a broker may say breaks it, and nothing is guessed."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.payloads import (
    BrokerOrder,
    amount_of,
    flattened,
    instant_of,
    order_of,
    orders_of,
    position_of,
    positions_of,
    update_of,
)  # fmt: skip

# As the broker sends it: amounts are text, what is not so is null.
ORDER = {
    "id": "904837e3", "client_order_id": "XX-1", "created_at": "2026-11-20T14:30:00.1Z",
    "updated_at": "2026-11-20T14:30:01.123456789Z", "submitted_at": "2026-11-20T14:30:00.1Z",
    "filled_at": None, "expired_at": None, "canceled_at": None, "failed_at": None, "replaced_at": None,
    "replaced_by": None,
    "replaces": None, "asset_id": "b0b6dd9d", "symbol": "AAPL", "asset_class": "us_equity", "notional": None,
    "qty": "10", "filled_qty": "4", "filled_avg_price": "187.25", "order_class": "oco", "order_type": "limit",
    "type": "limit", "side": "sell", "time_in_force": "gtc", "limit_price": "200.00", "stop_price": None,
    "status": "partially_filled", "extended_hours": False, "legs": None, "trail_percent": None, "hwm": None,
}  # fmt: skip
READ = BrokerOrder(
    id="904837e3", client_id="XX-1", symbol="AAPL", side=-1, quantity=Decimal(10), filled=Decimal(4),
    average=Decimal("187.25"), status="partially_filled", kind="limit", order_class="oco",
    time_in_force="gtc", limit=Decimal(200), updated_at=datetime(2026, 11, 20, 14, 30, 1, 123456, UTC),
)  # fmt: skip
# The record's field that holds a field of the answer, and what it is without it.
HOLDS = {
    "id": ("id", ""), "client_order_id": ("client_id", ""), "updated_at": ("updated_at", None),
    "symbol": ("symbol", ""), "qty": ("quantity", None), "filled_qty": ("filled", None),
    "filled_avg_price": ("average", None), "order_class": ("order_class", ""), "side": ("side", 0),
    "time_in_force": ("time_in_force", ""), "limit_price": ("limit", None), "status": ("status", ""),
}  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def test_a_whole_order():
    assert order_of(ORDER) == READ


@pytest.mark.parametrize("name", ORDER)
def test_a_field_removed_is_that_field_unknown_and_no_other(name):
    read = order_of({k: v for k, v in ORDER.items() if k != name})
    if name in HOLDS:
        field, without = HOLDS[name]
        assert getattr(read, field) == without
    assert read.faults == ()  # what is not there was not said wrongly
    same = [f for f in READ.__slots__ if name not in HOLDS or f != HOLDS[name][0]]
    assert [getattr(read, f) for f in same] == [getattr(READ, f) for f in same]


@pytest.mark.parametrize("name", HOLDS)
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_field_emptied_is_a_field_removed(name, value):
    read = order_of({**ORDER, name: value})
    field, without = HOLDS[name]
    assert getattr(read, field) == without
    assert bool(read.faults) == (name == "updated_at" and value is not None)


@pytest.mark.parametrize("name", HOLDS)
def test_a_field_of_another_kind_is_told(name):
    read = order_of({**ORDER, name: {"new": "form"}})
    field, without = HOLDS[name]
    assert getattr(read, field) == without
    assert read.faults == (f"{name} was {{'new': 'form'}}",)


def test_new_fields_change_nothing():
    assert order_of({**ORDER, "moon": {"phase": 1}, "ratio_qty": "1"}) == READ


@pytest.mark.parametrize(("name", "field"), [
    ("status", "status"), ("type", "kind"), ("order_class", "order_class"),
    ("time_in_force", "time_in_force"),
])  # fmt: skip
def test_a_new_word_is_carried(name, field):
    assert getattr(order_of({**ORDER, name: "Moonlit"}), field) == "moonlit"


def test_the_kind_has_two_names():
    old = {k: v for k, v in ORDER.items() if k != "type"}
    assert order_of({**old, "order_type": "stop"}).kind == "stop"


@pytest.mark.parametrize(("word", "side", "faults"), [
    ("BUY", 1, ()), ("buy_to_cover", 1, ()), ("sell_short", -1, ()), ("hold", 0, ("side was 'hold'",)),
])  # fmt: skip
def test_sides(word, side, faults):
    read = order_of({**ORDER, "side": word})
    assert (read.side, read.faults) == (side, faults)


@pytest.mark.parametrize(("value", "amount"), [
    ("12.50", "12.5"), (" 7 ", "7"), (3, "3"), (0.1, "0.1"), (Decimal("1.25"), "1.25"), ("-2", "-2"),
    ("1e2", "100"),
])  # fmt: skip
def test_amounts(value, amount):
    assert amount_of(value) == Decimal(amount)


@pytest.mark.parametrize("value", [
    None, True, False, "", "abc", "1,5", "NaN", "-Infinity", float("nan"), float("inf"), [], {}, b"1",
])  # fmt: skip
def test_no_amounts(value):
    assert amount_of(value) is None


@pytest.mark.parametrize("name", ["qty", "filled_qty", "filled_avg_price", "limit_price", "stop_price"])
@pytest.mark.parametrize("value", ["-1", "NaN", "x", True])
def test_an_amount_that_cannot_be_is_told(name, value):
    read = order_of({**ORDER, name: value})
    assert read.faults == (f"{name} was {value!r}",)
    assert order_of({**ORDER, "filled_qty": 0}).filled == 0


def test_instants():
    half_past = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert instant_of("2026-11-20T09:30:00-05:00") == instant_of("2026-11-20T14:30:00") == half_past
    assert instant_of(" 2026-11-20T14:30:00Z") == half_past
    for value in ("soon", 5, None, "0001-01-01T00:00:00+14:00"):
        assert instant_of(value) is None


@pytest.mark.parametrize("value", [None, 3, "no", [], True])
def test_what_is_no_order_is_told(value):
    assert order_of(value) == BrokerOrder(faults=(f"an order was {value!r}",))


def test_legs():
    tree = {**ORDER, "legs": [{**ORDER, "client_order_id": "b", "legs": ({"client_order_id": "c"},)}, 7]}
    read = order_of(tree)
    assert [o.client_id for o in flattened([read])] == ["XX-1", "b", "c", ""]
    broken = order_of({**ORDER, "legs": "none"})
    assert broken.legs == ()
    assert broken.faults == ("legs was 'none'",)


POSITION = {"symbol": "IBM", "qty": "5", "side": "long", "avg_entry_price": "100.5", "qty_available": "3"}


@pytest.mark.parametrize(("change", "quantity"), [
    ({}, 5), ({"side": "short"}, -5), ({"qty": "-5", "side": "short"}, -5), ({"qty": "-5", "side": None}, -5),
    ({"side": ""}, 5), ({"qty": "-5"}, None), ({"side": "both"}, None), ({"qty": None}, None),
    ({"qty": None, "side": "short"}, None), ({"qty": "0"}, 0),
])  # fmt: skip
def test_a_positions_sign(change, quantity):
    assert position_of({**POSITION, **change}).quantity == quantity


def test_a_whole_position():
    read = position_of(POSITION)
    assert (read.symbol, read.average, read.available) == ("IBM", Decimal("100.5"), Decimal(3))
    assert read.faults == ()
    assert position_of({**POSITION, "qty_available": "-3"}).available == 3
    assert position_of({**POSITION, "qty_available": None}).available is None
    assert position_of({**POSITION, "qty": "-5"}).faults == ("qty was -5 of a long position",)
    assert position_of({**POSITION, "side": "both"}).faults == ("side was 'both'",)
    assert position_of("x").faults == ("a position was 'x'",)


def test_lists():
    assert [o.client_id for o in orders_of([ORDER, {"client_order_id": "z"}])] == ["XX-1", "z"]
    assert [p.symbol for p in positions_of((POSITION,))] == ["IBM"]
    assert orders_of([]) == ()
    assert positions_of([]) == ()
    # An answer that is no list must not pass for "nothing there".
    assert orders_of({"message": "try later"}) == (BrokerOrder(),)
    assert orders_of(None)[0].faults == ("an order was None",)
    assert positions_of(None)[0].faults == ("a position was None",)


def test_updates():
    inner = {"event": "FILL", "execution_id": "e1", "order": ORDER}
    for payload in (inner, {"stream": "trade_updates", "data": inner}):
        read = update_of(payload)
        assert (read.event, read.execution_id, read.order) == ("fill", "e1", READ)
    assert update_of({"event": "fill"}).order.faults == ("an order was None",)
    assert update_of({"data": 3}).order.faults == ("an update was {'data': 3}",)
    assert update_of(None).order.faults == ("an update was None",)


def test_a_long_value_is_cut():
    assert len(order_of("x" * 999).faults[0]) < 90


@given(ANYTHING)
def test_nothing_breaks_it(payload):
    read = [*flattened(orders_of(payload)), update_of(payload).order]
    held = positions_of(payload)
    for amount in [a for o in read for a in (o.quantity, o.filled, o.average, o.limit, o.stop)]:
        assert amount is None or amount >= 0
    assert all(p.quantity is None or p.quantity.is_finite() for p in held)


@given(st.sampled_from(sorted(ORDER)), ANYTHING)
def test_one_field_of_any_make_leaves_the_others(name, value):
    read = order_of({**ORDER, name: value})
    field = HOLDS.get(name, (name,))[0]
    others = set(READ.__slots__) - {field, "faults", "kind", "legs"}
    if name in {"stop_price", "replaces", "replaced_by"}:
        others -= {"stop", name}
    assert {f: getattr(read, f) for f in others} == {f: getattr(READ, f) for f in others}


def test_json_text_round():
    assert order_of(json.loads(json.dumps(ORDER))) == READ
