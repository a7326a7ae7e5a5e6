"""Orders that are ours and were not in the journal: what each is for."""

from datetime import UTC, datetime

import pytest

from live.book import Book
from live.drifts import stray
from live.order_states import Tracked
from live.payloads import BrokerOrder
from live.risk_context import Purpose
from live.tracks import Track
from live.transitions import State
from tests.live.risk_helpers import D

NOW = datetime(2026, 3, 18, 14, 30, tzinfo=UTC)
BOOK = Book("XX-", "any")


def found(kind, held, side=-1, above=None, **levels):
    order = Tracked("XX-1", "IBM", side, D(10), State.LIVE)
    said = BrokerOrder(client_id="XX-1", symbol="IBM", kind=kind, **levels)
    return stray(BOOK, order, said, above, D(held), NOW)


@pytest.mark.parametrize(("kind", "side", "held", "purpose"), [
    ("market", -1, 10, "exit"), ("market", 1, -10, "exit"),
    ("market", 1, 0, "enter"), ("market", -1, 0, "enter"), ("market", 1, 4, "enter"),  # executed in part
    ("stop", -1, 10, "protect"), ("limit", -1, 10, "protect"), ("stop_limit", 1, -10, "protect"),
    ("limit", -1, 0, "protect"),  # of shares that are gone
])  # fmt: skip
def test_what_an_order_is_for_is_told_by_its_type_and_by_what_is_held(kind, side, held, purpose):
    assert str(found(kind, held, side).purpose) == purpose


def test_its_levels_are_kept():
    assert found("stop", 10, stop=D("97.12")).fields == {"type": "stop", "stop_price": "97.12"}


def test_a_leg_is_what_its_parent_is():
    above = Track(Tracked("XX-0", "IBM", -1, D(10)), "XX-why", Purpose.PROTECT, {"type": "limit"}, NOW)
    leg = found("stop", 10, above=above, stop=D("97.12"))
    assert (leg.purpose, leg.order_id, leg.sent_at) == (Purpose.PROTECT, "XX-why", NOW)
    assert leg.fields == {"type": "stop", "stop_price": "97.12", "parent": "XX-0"}
