"""How executions change a holding, by hand and against a plain ledger of cost."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.holdings import FLAT, Holding, booked, open_symbols, same_average
from live.order_states import Execution
from tests.live.risk_helpers import D


@pytest.mark.parametrize(("before", "side", "shares", "price", "after"), [
    (FLAT, 1, 5, 100, Holding(D(5), D(100))), (FLAT, -1, 5, 100, Holding(D(-5), D(100))),
    (Holding(D(5), D(100)), 1, 5, 110, Holding(D(10), D(105))),
    (Holding(D(-5), D(100)), -1, 15, 108, Holding(D(-20), D(106))),
    (Holding(D("0.5"), D(100)), 1, "0.5", 110, Holding(D("1.0"), D(105))),
    (Holding(D(5), D(100)), -1, 2, 110, Holding(D(3), D(100))),
    (Holding(D(-5), D(100)), 1, 2, 110, Holding(D(-3), D(100))),
    (Holding(D(5), D(100)), -1, 5, 110, FLAT), (Holding(D(-5), D(100)), 1, 5, 110, FLAT),
    (Holding(D(5), D(100)), -1, 7, 110, Holding(D(-2), D(110))),
    (Holding(D(-5), D(100)), 1, 7, 110, Holding(D(2), D(110))),
    (Holding(D(5)), 1, 5, 110, Holding(D(10))), (Holding(D(5)), -1, 2, 110, Holding(D(3))),
    (Holding(D(5)), -1, 7, 110, Holding(D(-2), D(110))),
])  # fmt: skip
def test_booked(before, side, shares, price, after):
    assert booked(before, side, Execution(D(shares), D(price))) == after


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 9), st.integers(1, 500)), max_size=20))
def test_against_fractions(deals):
    held, quantity, cost = FLAT, 0, Fraction(0)
    for side, shares, price in deals:
        held = booked(held, side, Execution(D(shares), D(price)))
        for _ in range(shares):  # one share at a time: its cost joins, or the average share leaves
            cost = cost + price if quantity * side >= 0 else cost - cost / abs(quantity)
            quantity += side
        assert held.quantity == quantity
        if quantity:
            assert abs(Fraction(held.average or 0) - cost / abs(quantity)) < Fraction(1, 10**20)


@pytest.mark.parametrize(("ours", "theirs", "same"), [
    ("100.0099", "100", True), ("100.01", "100", True), ("100.0101", "100", False),
    ("99.9901", "100", True), ("99.99", "100", True), ("99.9899", "100", False),
    (None, "100", True), ("100", None, True), (None, None, True),
])  # fmt: skip
def test_averages_to_a_hundredth_of_a_percent(ours, theirs, same):
    assert same_average(ours and D(ours), theirs and D(theirs)) is same


def test_open_symbols():
    assert open_symbols(
        {"A": FLAT, "B": Holding(D(-1)), "C": Holding(D(0), D(5)), "D": Holding(D("0.5"))}
    ) == {"B", "D"}
