"""The index answers as a walk over every order does, whatever became of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from live.order_states import ENDED, Tracked
from live.risk_context import Purpose
from live.track_index import TrackIndex
from live.tracks import Track
from live.transitions import State

START = datetime(2026, 11, 20, 15, tzinfo=UTC)
BODIES: tuple[dict[str, str], ...] = ({}, {"type": "market"}, {"type": "stop", "parent": "PP-0"})


@st.composite
def one(draw):
    name = f"PP-{draw(st.integers(0, 5))}"
    order = Tracked(name, "AAA", 1, Decimal(10), draw(st.sampled_from(list(State))))
    return Track(
        order,
        draw(st.sampled_from(("", "BT-1", "BT-2"))),
        Purpose.ENTER,
        draw(st.sampled_from(BODIES)),
        START + timedelta(seconds=draw(st.integers(0, 4))),
    )


@given(st.lists(one(), max_size=40), st.integers(0, 8))
def test_as_a_walk_over_all_of_them(tracks, begun):
    orders = {track.order.client_id: track for track in tracks[:begun]}
    index = TrackIndex(orders.values())
    for track in tracks[begun:]:
        index.stand(orders.get(track.order.client_id), track)
        orders[track.order.client_id] = track
    states = {name: track.order.state for name, track in orders.items()}
    assert index.open == {name for name, s in states.items() if s not in ENDED and s is not State.NEW}
    assert index.used == {name for name, s in states.items() if s is not State.NEW}
    assert index.wishes == {n for n, s in states.items() if s is State.NEW and not orders[n].fields}
    for order_id in ("", "BT-1", "BT-2", "BT-3"):
        assert index.of_order(order_id) == {n for n, t in orders.items() if t.order_id == order_id}
    for second in range(6):
        instant = START + timedelta(seconds=second)
        asked = [t for t in orders.values() if "type" in t.fields and "parent" not in t.fields]
        sent = [t.sent_at for t in asked if t.order.state is not State.REFUSED]
        assert index.sent_since(instant) == sorted(at for at in sent if at >= instant)
