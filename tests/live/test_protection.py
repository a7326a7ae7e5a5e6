"""Protective orders: rounding on the tick, ratchet, whole shares; against the kernel's own comparisons."""

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.protection import Protection, Step, next_step, order_fields, wanted
from research.errors import BadValue
from tests.live.risk_helpers import D

NAN = math.nan


def guard(quantity=10, stop="97", target="110", side=-1):
    return Protection("IBM", side, D(quantity), stop and D(stop), target and D(target))


@pytest.mark.parametrize(("held", "stop", "target", "found"), [
    (10.0, 97.0, 110.0, guard()), (10.0, 97.009, 110.001, guard(10, "97.00", "110.01")),
    (10.0, 97.1, 110.1, guard(10, "97.10", "110.10")),  # 97.1 is a little less as a float
    (-10.0, 110.001, 97.009, guard(10, "110.01", "97.00", 1)),
    (-10.0, 110.1, 97.1, guard(10, "110.10", "97.10", 1)),
    (10.0, 97.0, NAN, guard(target=None)), (10.0, NAN, 110.0, guard(stop=None)),
    (10.0, 0.51234, 0.61231, guard(10, "0.5123", "0.6124")), (10.0, 1.009, 1.001, guard(10, "1.00", "1.01")),
    (10.0, 0.99999, 1.0, guard(10, "0.9999", "1.00")), (1.0, 97.0, 110.0, guard(1)),
])  # fmt: skip
def test_what_is_wanted(held, stop, target, found):
    order, left = wanted("IBM", held, stop, target)
    assert order == found
    assert left == 0


@pytest.mark.parametrize(("held", "stop", "target", "left"), [
    (0.0, 97.0, 110.0, 0), (10.0, NAN, NAN, 0), (0.5, 97.0, NAN, "0.5"), (-0.25, 97.0, NAN, "0.25"),
    (0.5, NAN, NAN, 0),
])  # fmt: skip
def test_nothing_is_wanted(held, stop, target, left):
    assert wanted("IBM", held, stop, target) == (None, D(left))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_fraction_is_left_over_and_said(sign):
    order, left = wanted("IBM", sign * 10.5, 97.0, NAN)
    assert order is not None
    assert (order.quantity, order.side, left) == (D(10), -sign, D("0.5"))


@pytest.mark.parametrize("level", [0.0, -0.0, -37.0, 0.00009999, 1e-300])
def test_a_level_that_no_price_can_fall_to_is_none(level):
    """A short's target as wide as its price, or a long's stop: the kernel never reaches it."""
    assert wanted("IBM", -10.0, 110.0, level)[0] == guard(stop="110", target=None, side=1)
    assert wanted("IBM", 10.0, level, 110.0)[0] == guard(stop=None)
    for held in (10.0, 0.5):
        assert wanted("IBM", -held, NAN, level) == wanted("IBM", held, level, NAN) == (None, D(0))


def test_the_lowest_price_there_is_can_be_reached():
    assert wanted("IBM", -10.0, NAN, 0.0001)[0] == guard(stop=None, target="0.0001", side=1)
    assert wanted("IBM", 10.0, 0.0001, NAN)[0] == guard(stop="0.0001", target=None)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, -math.inf, 1e12])
def test_a_level_that_is_no_price_is_refused(bad):
    said = re.escape(f"must be a price > 0, was {bad:g}; look at")
    with pytest.raises(BadValue, match=f"stop of IBM {said}"):
        wanted("IBM", -10.0, bad, NAN)
    with pytest.raises(BadValue, match=f"target of IBM {said}"):
        wanted("IBM", 10.0, NAN, bad)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e12])
def test_nor_is_one_that_is_beyond_all_prices_taken_for_none(bad):
    with pytest.raises(BadValue, match="stop of IBM must be a price > 0"):
        wanted("IBM", 10.0, bad, NAN)
    with pytest.raises(BadValue, match="target of IBM must be a price > 0"):
        wanted("IBM", -10.0, NAN, bad)


@pytest.mark.parametrize("bad", [NAN, math.inf])
def test_a_position_that_is_no_number_is_refused(bad):
    with pytest.raises(BadValue, match=f"position of IBM must be a number, was {bad:g}; look at"):
        wanted("IBM", bad, 97.0, NAN)


@given(st.floats(0.01, 5000), st.integers(-3, 3), st.sampled_from([10.0, -10.0]))
def test_it_executes_where_the_kernel_does(level, off, held):
    """At every price of the tick near a level, the broker's order and the kernel's level say the same."""
    order, _ = wanted("IBM", held, level, level)
    assert order is not None
    tick = D("0.01") if level >= 1 else D("0.0001")
    price = (Decimal(level) / tick).to_integral_value() * tick + off * tick
    if price <= 0 or order.stop is None or order.target is None:
        return
    if held > 0:
        assert (price <= order.stop) == (float(price) <= level)
        assert (price >= order.target) == (float(price) >= level)
    else:
        assert (price >= order.stop) == (float(price) >= level)
        assert (price <= order.target) == (float(price) <= level)
    assert order.stop % tick == order.target % tick == 0


HUNDRED = D(100)


@pytest.mark.parametrize(("resting", "want", "step"), [
    (None, None, Step.KEEP), (None, guard(), Step.PLACE), (guard(), None, Step.CANCEL),
    (guard(), guard(), Step.KEEP),
    (guard(), guard(stop="97.01"), Step.REPLACE), (guard(), guard(stop="96.99"), Step.KEEP),
    (guard(), guard(11), Step.REPLACE), (guard(), guard(9), Step.REPLACE),
    (guard(), guard(9, "90"), Step.REPLACE),
    (guard(), guard(side=1, stop="110", target="97"), Step.REPLACE),
    (guard(), guard(target="120"), Step.KEEP), (guard(), guard(target=None), Step.KEEP),
    (guard(target=None), guard(), Step.REPLACE), (guard(stop=None), guard(), Step.REPLACE),
    (guard(), guard(stop=None), Step.KEEP), (guard(stop=None), guard(stop=None), Step.KEEP),
    (guard(target=None), guard(target=None), Step.KEEP),
    (guard(side=1, stop="110", target="97"), guard(side=1, stop="109.99", target="97"), Step.REPLACE),
    (guard(side=1, stop="110", target="97"), guard(side=1, stop="110.01", target="97"), Step.KEEP),
])  # fmt: skip
def test_the_step(resting, want, step):
    assert next_step(resting, want, HUNDRED) is step
    assert next_step(resting, want, None) is step


@pytest.mark.parametrize("want", [
    guard(stop="54", target="59"), guard(target="59"), guard(target=None), guard(stop="96.99"),
])  # fmt: skip
def test_what_is_older_than_a_split_is_replaced_whichever_way_it_moves(want):
    assert next_step(guard(), want, None, outdated=True) is Step.REPLACE
    assert next_step(want, want, None, outdated=True) is Step.KEEP


@pytest.mark.parametrize("resting", [None, guard(), guard(stop="90")])
@pytest.mark.parametrize(("side", "stop", "last", "out"), [
    (-1, "97", "97.01", False), (-1, "97", "97", True), (-1, "97", "96.99", True),
    (1, "97", "96.99", False), (1, "97", "97", True), (1, "97", "97.01", True),
])  # fmt: skip
def test_beyond_the_stop_is_out(resting, side, stop, last, out):
    want = guard(side=side, stop=stop, target=None)
    assert (next_step(resting, want, D(last)) is Step.EXIT) == out
    assert next_step(resting, guard(stop=None), D(last)) is not Step.EXIT


@given(st.lists(st.floats(90, 99), min_size=1, max_size=30))
def test_a_stop_that_rests_never_loosens_and_follows_within_a_tick(levels):
    resting = None
    best = 0.0
    for level in levels:
        want, _ = wanted("IBM", 10.0, level, NAN)
        assert want is not None
        step = next_step(resting, want, HUNDRED)
        if step in {Step.PLACE, Step.REPLACE}:
            assert resting is None or want.stop >= resting.stop + D("0.01")  # type: ignore[operator]
            resting = want
        best = max(best, level)
        assert resting is not None
        assert resting.stop is not None
        assert 0 <= Decimal(best) - resting.stop < D("0.01")


def test_the_request():
    assert order_fields(guard(), "XX-1") == {
        "symbol": "IBM", "qty": "10", "side": "sell", "type": "limit", "time_in_force": "gtc",
        "order_class": "oco",
        "client_order_id": "XX-1", "take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "97"},
    }  # fmt: skip
    assert order_fields(guard(target=None), "XX-1") == {
        "symbol": "IBM", "qty": "10", "side": "sell", "type": "stop", "time_in_force": "gtc",
        "client_order_id": "XX-1", "stop_price": "97",
    }  # fmt: skip
    assert order_fields(guard(stop=None, side=1), "XX-1") == {
        "symbol": "IBM", "qty": "10", "side": "buy", "type": "limit", "time_in_force": "gtc",
        "client_order_id": "XX-1", "limit_price": "110",
    }  # fmt: skip
