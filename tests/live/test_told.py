"""Executions as booking reads them: whose they are, what they close, and what is nobody's."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from live import booking as bk
from live.order_states import Tracked
from live.risk_context import Purpose
from live.told import ToldBroker
from live.tracks import Done, Track, Tracks
from live.transitions import State
from research.kernels import account as ac
from research.kernels.account import new_account

D = Decimal
NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
NOBODYS: Any = None  # a journal is neither read nor written here


def track(purpose, kind="market", side=-1):
    order = Tracked("PP-1", "AAA", side, D(10), State.FILLED)
    return Track(order, "BT-1", purpose, {"type": kind}, NOON)


def done(symbol="AAA", side=-1, quantity="10", price="101.5", name="PP-1"):
    return Done(NOON, name, symbol, side, D(quantity), D(price))


def told(*executed, orders=(), held=10.0, exiting=0.0, entering=0.0, stop=np.nan, target=np.nan):
    """Return the row of AAA, for an account with these shares, wishes and levels."""
    account = new_account(2, 1e5)
    account.positions[0, [ac.P_QTY, ac.P_PROTECT, ac.P_TARGET]] = held, stop, target
    account.pending[0, [ac.Q_QTY, ac.Q_EXIT]] = entering, exiting
    tracks = Tracks(NOBODYS, {order.order.client_id: order for order in orders}, {}, list(executed))
    broker = ToldBroker("PP-", tracks)
    broker._until = NOON
    rows = broker._told(("AAA", "BBB"), account)
    assert not rows[1].any()
    return {
        name: rows[0, getattr(bk, name)]
        for name in dir(bk)
        if name.startswith("T_") and rows[0, getattr(bk, name)]
    }


def closed(reason):
    return {"T_CLOSED": 10.0, "T_CLOSED_PRICE": 101.5, "T_CLOSED_REASON": reason}


ADOPTED = {"T_ADOPTED": -10.0, "T_ADOPTED_PRICE": 101.5}
EXIT, STOP, TARGET = track(Purpose.EXIT), track(Purpose.PROTECT, "stop"), track(Purpose.PROTECT, "limit")


def test_an_exit_that_is_waited_for_closes():
    assert told(done(), orders=[EXIT], exiting=ac.SIGNAL) == closed(ac.SIGNAL)


def test_an_exit_that_nobody_waits_for_any_more_is_taken_over():
    assert told(done(), orders=[EXIT]) == ADOPTED


@pytest.mark.parametrize(("order", "level", "reason"), [
    (STOP, {"stop": 101.0}, ac.STOP), (TARGET, {"target": 101.5}, ac.TARGET),
])  # fmt: skip
def test_protection_closes_what_it_protects(order, level, reason):
    assert told(done(), orders=[order], **level) == closed(reason)
    # In the entry's own bar there is no position yet, and so no level of one.
    assert told(done(), orders=[order], held=0.0, entering=10.0) == closed(reason)


@pytest.mark.parametrize("order", [STOP, TARGET])
def test_protection_of_which_the_account_has_no_level_is_taken_over(order):
    other = {"target": 101.5} if order is STOP else {"stop": 101.0}
    assert told(done(), orders=[order], **other) == ADOPTED


@pytest.mark.parametrize("order", [EXIT, STOP, TARGET])
def test_what_closes_nothing_that_the_account_has_is_taken_over(order):
    assert told(done(), orders=[order], held=0.0, exiting=ac.SIGNAL, stop=101.0, target=101.5) == ADOPTED
    assert told(done(), orders=[order], held=-10.0, exiting=ac.SIGNAL, stop=101.0, target=101.5) == ADOPTED


def test_orders_that_flatten_and_of_nobody_are_taken_over():
    assert told(done(), orders=[track(Purpose.FLATTEN)], exiting=ac.SIGNAL) == ADOPTED
    assert told(done(name=""), exiting=ac.SIGNAL) == ADOPTED


def test_an_entry_in_parts_has_the_average_of_its_parts():
    parts = [done(side=1, quantity="4", price="100"), done(side=1, quantity="6", price="101")]
    enters = replace(track(Purpose.ENTER), order=Tracked("PP-1", "AAA", 1, D(10), State.FILLED))
    assert told(*parts, orders=[enters], held=0.0) == {"T_ENTERED": 10.0, "T_ENTERED_PRICE": 100.6}


def test_shares_of_a_symbol_that_is_none_of_ours_are_not_booked():
    assert told(done(symbol="ZZZ")) == {}
