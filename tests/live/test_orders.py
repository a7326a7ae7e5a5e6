"""Ids of orders: who mints them, and that the same decision has the same one everywhere."""

import ast
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import live
from live.broker import SimulatedBroker
from live.orders import Leg, Order, Outcome, Status, mint
from research.errors import BadValue

LIVE = Path(live.__file__).parent
CLOSE = np.datetime64("2012-01-03T21:00:00", "us")  # 1325624400 seconds after 1970


def an_order(**more):
    return Order("BT-1", "IBM", Leg.ENTRY, 7, CLOSE, 1, 10.0, "entry", **more)


def test_an_id_is_the_prefix_and_a_hash_of_strategy_symbol_bar_and_leg():
    told = b"ma_crossover\x1fIBM\x1f1325624400000000\x1fentry"
    assert (
        mint("BT-", "ma_crossover", "IBM", CLOSE, Leg.ENTRY) == "BT-" + hashlib.sha256(told).hexdigest()[:32]
    )


@given(st.text(max_size=200), st.text(max_size=200), st.integers(0, 2**55), st.sampled_from(Leg))
def test_an_id_fits_a_broker_whatever_it_is_made_of(strategy, symbol, microseconds, leg):
    made = mint("BT-", strategy, symbol, np.datetime64(microseconds, "us"), leg)
    assert len(made) == 35  # brokers take 48
    assert made.isascii()
    assert made == mint("BT-", strategy, symbol, np.datetime64(microseconds, "us"), leg)


def test_any_difference_makes_another_id():
    day = np.timedelta64(1, "D")
    made = {
        mint(prefix, strategy, symbol, close, leg)
        for prefix in ("BT-", "PP-", "LV-")
        for strategy in ("a", "ab")
        for symbol in ("b", "bc", "c")
        for close in (CLOSE, CLOSE + day)
        for leg in Leg
    }
    assert len(made) == 3 * 2 * 3 * 2 * len(Leg)


def test_the_unit_of_an_instant_does_not_change_an_id():
    assert mint("BT-", "s", "IBM", CLOSE, Leg.EXIT) == mint(
        "BT-", "s", "IBM", CLOSE.astype("M8[s]"), Leg.EXIT
    )


@pytest.mark.parametrize("prefix", ["", "BT", "bt-", "B-", "BT--", "BTX-", "BT- "])
def test_a_prefix_of_another_form_is_refused(prefix):
    with pytest.raises(BadValue, match="two capitals and a hyphen"):
        mint(prefix, "s", "IBM", CLOSE, Leg.ENTRY)


def test_the_prefix_is_the_brokers_own_and_stands_nowhere_else():
    assert SimulatedBroker().prefix == "BT-"
    for path in sorted(LIVE.glob("*.py")):
        texts = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        found = {text for text in texts if text in {"BT-", "PP-", "LV-"}}
        own = {"broker.py": {"BT-"}, "keys.py": {"PP-", "LV-"}}
        assert found == own.get(path.name, set()), path.name


def test_nothing_else_mints():
    """Books and the kill switch's closing orders mint, and nobody else makes an `Order` with its own id."""
    for path in sorted(LIVE.glob("*.py")):
        called = {
            n.func.id for n in ast.walk(ast.parse(path.read_text()))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }  # fmt: skip
        assert ("mint" in called) == (path.name in {"book.py", "flattening.py"}), path.name
        assert ("Order" in called) <= (path.name in {"book.py", "rows.py"}), path.name


def test_what_a_broker_says():
    assert an_order().told(Outcome.ACCEPTED).status is Status.ACCEPTED
    assert an_order().told(Outcome.ACCEPTED).sent
    assert an_order().told(Outcome.REJECTED).status is Status.REJECTED
    assert an_order().told(Outcome.UNKNOWN) == an_order()
    working = an_order(status=Status.WORKING)
    assert working.told(Outcome.ACCEPTED).status is Status.WORKING
    assert working.told(Outcome.ACCEPTED).sent
