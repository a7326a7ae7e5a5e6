"""The order machine: reports late, twice, lost, in the wrong order and out of their shape."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from live.order_states import (
    _EVENT_OF_STATUS,
    ENDED,
    IN_DOUBT,
    Execution,
    Step,
    Tracked,
    Trouble,
    act,
    event_of,
    report,
)  # fmt: skip
from live.payloads import order_of
from live.transitions import Event, State
from research.errors import BadValue
from tests.live.order_reports import NOON, D, said, sent, told

# --- acts -----------------------------------------------------------------------------------------


def test_an_order_is_in_doubt_before_it_is_sent():
    order = act(Tracked("XX-1", "IBM", 1, D(10)), Event.SENDING).order
    assert order.state is State.UNKNOWN
    assert order.state in IN_DOUBT
    with pytest.raises(BadValue, match=r"order XX-1: sending must not happen in the state unknown; ask"):
        act(order, Event.SENDING)


def test_an_order_in_doubt_is_sent_again_only_when_it_is_known_to_be_absent():
    order = act(sent(), Event.DOUBTED).order
    order = act(order, Event.DUPLICATE).order
    assert order.state is State.UNKNOWN
    order = act(order, Event.ABSENT).order
    assert act(order, Event.SENDING).order.state is State.UNKNOWN


def test_an_act_that_contradicts_what_is_known_is_told():
    live = report(sent(), said("new")).order
    step = act(live, Event.ABSENT)
    assert step == Step(
        live, None, ((Trouble.CONTRADICTION, "order XX-1 was live, now absent; taken as live"),)
    )


def test_what_may_still_be_executed():
    live = report(sent(), said("partially_filled", "4", "100")).order
    assert live.remaining == 6
    assert act(live, Event.CANCEL_SENT).order.remaining == 6
    assert report(live, said("canceled", "4", "100")).order.remaining == 0
    assert replace(live, filled=D(12)).remaining == 0
    assert {s for s in State if replace(live, state=s).remaining == 0} == ENDED
    assert len(ENDED) == 6


# --- words ----------------------------------------------------------------------------------------


def test_every_status_of_the_library_has_its_event():
    """The values of `alpaca.trading.enums.OrderStatus`, alpaca-py 0.44.0."""
    words = """new partially_filled filled done_for_day canceled expired replaced pending_cancel
        pending_replace pending_review
        accepted pending_new accepted_for_bidding stopped rejected suspended calculated held"""
    assert set(_EVENT_OF_STATUS) == set(words.split())


@pytest.mark.parametrize(("status", "filled", "average", "event"), [
    ("new", "0", None, Event.SEEN_LIVE), ("new", None, None, Event.SEEN_LIVE),
    ("new", "2", "9", Event.SEEN_PARTIAL),
    ("accepted", "0", "0", Event.SEEN_LIVE), ("pending_new", "0", None, Event.SEEN_LIVE),
    ("accepted_for_bidding", "0", None, Event.SEEN_LIVE), ("pending_review", "0", None, Event.SEEN_LIVE),
    ("done_for_day", "0", None, Event.SEEN_LIVE), ("done_for_day", "2", "9", Event.SEEN_PARTIAL),
    ("stopped", "0", None, Event.SEEN_LIVE), ("calculated", "0", None, Event.SEEN_LIVE),
    ("held", "0", None, Event.SEEN_HELD), ("held", None, None, Event.SEEN_HELD),
    ("suspended", "0", None, Event.SEEN_HELD),
    ("held", "2", "9", Event.SEEN_PARTIAL),
    ("partially_filled", "2", "9", Event.SEEN_PARTIAL), ("partially_filled", None, None, Event.SEEN_UNCLEAR),
    ("partially_filled", "0", None, Event.SEEN_UNCLEAR), ("partially_filled", "2", None, Event.SEEN_UNCLEAR),
    ("partially_filled", "2", "0", Event.SEEN_UNCLEAR),
    ("filled", "10", "9", Event.SEEN_FILLED), ("filled", "9", "9", Event.SEEN_UNCLEAR),
    ("filled", "11", "9", Event.SEEN_FILLED), ("filled", None, "9", Event.SEEN_UNCLEAR),
    ("filled", "10", None, Event.SEEN_UNCLEAR), ("filled", "0", None, Event.SEEN_UNCLEAR),
    ("canceled", "0", None, Event.SEEN_CANCELLED), ("canceled", "3", "9", Event.SEEN_CANCELLED),
    ("canceled", None, None, Event.SEEN_UNCLEAR), ("canceled", "3", None, Event.SEEN_UNCLEAR),
    ("expired", "0", None, Event.SEEN_EXPIRED), ("expired", None, None, Event.SEEN_UNCLEAR),
    ("replaced", "0", None, Event.SEEN_REPLACED), ("replaced", None, None, Event.SEEN_UNCLEAR),
    ("rejected", None, None, Event.SEEN_REJECTED), ("rejected", "0", None, Event.SEEN_REJECTED),
    ("pending_cancel", "0", None, Event.SEEN_CANCELLING), ("pending_cancel", None, None, Event.SEEN_UNCLEAR),
    ("pending_replace", "0", None, Event.SEEN_REPLACING),
    ("moonlit", "0", None, Event.SEEN_UNCLEAR), ("moonlit", "10", "9", Event.SEEN_UNCLEAR),
    (None, "0", None, Event.SEEN_UNCLEAR),
])  # fmt: skip
def test_a_word_and_what_it_needs(status, filled, average, event):
    assert event_of(said(status, filled, average), D(10)) is event


# --- executions -----------------------------------------------------------------------------------


def test_executions_are_the_difference_of_two_reports():
    order, executed, troubles = told(
        sent(), said("partially_filled", "4", "100"), said("partially_filled", "5", "100.2"),
        said("filled", "10", "100.6")
    )  # fmt: skip
    # 4 at 100; 5 × 100.2 − 400 = 101; 10 × 100.6 − 501 = 505 for five
    assert executed == [Execution(D(4), D(100)), Execution(D(1), D(101)), Execution(D(5), D(101))]
    assert (order.state, order.filled, order.average) == (State.FILLED, 10, D("100.6"))
    assert troubles == []


def test_twice_is_once():
    once = told(sent(), said("partially_filled", "4", "100", at=1))
    assert told(once[0], said("partially_filled", "4", "100", at=1)) == (once[0], [], [])


def test_a_late_report_changes_nothing():
    order, *_ = told(sent(), said("partially_filled", "4", "100", at=5))
    for late in (
        said("new", at=1),
        said("partially_filled", "2", "99", at=2),
        said("held", at=0),
        said("moonlit", at=4),
    ):
        assert told(order, late) == (order, [], [])


def test_a_late_report_may_complete_what_a_later_one_left_unclear():
    order, executed, _ = told(sent(), said("moonlit", at=9), said("filled", "10", "100", at=5))
    assert order.state is State.FILLED
    assert order.seen_at == NOON + timedelta(seconds=9)
    assert executed == [Execution(D(10), D(100))]


def test_a_late_report_of_more_shares_brings_the_shares_alone():
    order, *_ = told(sent(), said("pending_cancel", at=5))
    order, executed, troubles = told(order, said("partially_filled", "4", "100", at=3))
    assert order.state is State.CANCELLING
    assert executed == [Execution(D(4), D(100))]
    assert troubles == []


def test_all_shares_executed_is_filled_whatever_the_word_for_it():
    for word in ("partially_filled", "pending_cancel", "moonlit", "new"):
        order, executed, _ = told(sent(), said(word, "10", "100"))
        assert (order.state, len(executed)) == (State.FILLED, 1), word
    assert told(sent(), said("partially_filled", "9.5", "100"))[0].state is State.PARTIAL
    assert told(sent(), said("canceled", "10", "100"))[0].state is State.CANCELLED


def test_a_cancel_that_was_refused_needs_a_later_report():
    cancelling = act(told(sent(), said("new", at=1))[0], Event.CANCEL_SENT).order
    for old in (said("new"), said("new", at=1), said("new", at=0)):
        assert report(cancelling, old).order.state is State.CANCELLING
    assert report(cancelling, said("new", at=2)).order.state is State.LIVE
    undated = act(told(sent(), said("new"))[0], Event.CANCEL_SENT).order
    assert report(undated, said("new", at=2)).order.state is State.CANCELLING
    assert report(report(undated, said("new", at=2)).order, said("new", at=3)).order.state is State.LIVE


def test_shares_after_the_end_are_taken_and_told():
    order, *_ = told(sent(), said("canceled", "0", at=1))
    order, executed, troubles = told(order, said("partially_filled", "3", "100", at=2))
    assert order.state is State.CANCELLED
    assert executed == [Execution(D(3), D(100))]
    assert troubles == [Trouble.CONTRADICTION]
    order, executed, troubles = told(order, said("filled", "10", "100", at=3))
    assert (order.state, order.filled) == (State.FILLED, 10)
    assert troubles == [Trouble.CONTRADICTION]  # once


def test_the_text_of_shares_after_the_end():
    order, *_ = told(sent(), said("expired"))
    ((_, text),) = report(order, said("expired", "3", "100")).troubles
    assert text == "order XX-1 had ended (expired) and executed 3 shares"


def test_more_shares_than_asked_for():
    step = report(sent(), said("filled", "11", "100"))
    assert step.order.filled == 11
    assert step.troubles == ((Trouble.OVERFILLED, "order XX-1: 11 of 10 shares executed"),)


def test_what_was_refused_and_is_there_all_the_same():
    refused = act(sent(), Event.REFUSED).order
    order, executed, troubles = told(refused, said("partially_filled", "4", "100"))
    assert order.state is State.PARTIAL
    assert executed == [Execution(D(4), D(100))]
    assert troubles == [Trouble.CONTRADICTION]


def test_an_unclear_report_still_brings_its_shares_and_clears():
    order, executed, troubles = told(
        sent(), said("moonlit", "4", "100"), said("partially_filled", "4", "100")
    )
    assert (order.state, order.filled) == (State.PARTIAL, 4)
    assert len(executed) == 1
    assert troubles == []


def test_names_are_kept_from_the_first_that_told_them():
    order = report(sent(), said("new", replaced_by="b2")).order
    assert (order.broker_id, order.replaced_by) == ("b1", "b2")
    order = report(order, said("replaced", id="b9", replaced_by="b3")).order
    assert (order.broker_id, order.replaced_by, order.state) == ("b1", "b2", State.REPLACED)


# --- other orders, unreadable ones ----------------------------------------------------------------


@pytest.mark.parametrize(("change", "text"), [
    ({"client_order_id": "XX-2"}, "order XX-1: the report is of XX-2"),
    ({"symbol": "AAPL"}, "order XX-1: sent for IBM, the broker has it for AAPL"),
    ({"side": "sell"}, "order XX-1: sent with side +1, the broker has it with -1"),
    ({"qty": "11"}, "order XX-1: sent for 10 shares, the broker has it for 11"),
])  # fmt: skip
def test_another_order_under_the_same_id_changes_nothing_and_is_told(change, text):
    order = sent()
    assert report(order, said("filled", "10", "100", **change)) == Step(
        order, None, ((Trouble.OTHER_ORDER, text),)
    )


@pytest.mark.parametrize("name", ["client_order_id", "symbol", "side", "qty", "id", "updated_at"])
def test_a_name_left_out_differs_in_nothing(name):
    order, executed, troubles = told(sent(), said("filled", "10", "100", at=1, **{name: None}))
    assert (order.state, len(executed), troubles) == (State.FILLED, 1, [])


def test_what_could_not_be_read_is_told():
    order, _, troubles = told(sent(), said("new", limit_price="x"))
    assert order.state is State.LIVE
    assert troubles == [Trouble.UNREADABLE]
    ((_, text),) = report(sent(), said("new", limit_price="x", stop_price="y")).troubles
    assert text == "order XX-1: limit_price was 'x'; stop_price was 'y'; read without it"


FULL = {
    "id": "b1", "client_order_id": "XX-1", "symbol": "IBM", "side": "buy", "qty": "10", "status": "filled",
    "filled_qty": "10", "filled_avg_price": "100", "updated_at": "2026-11-20T17:00:00Z", "type": "market",
}  # fmt: skip


@pytest.mark.parametrize("name", FULL)
def test_drift_of_the_contract_never_makes_an_order_sendable(name):
    """A field removed, of another make, or a word that is new: no crash, nothing lost, nothing to send."""
    statuses = ("filled", "canceled", "new", "partially_filled", "moonlit")
    values: tuple[object, ...] = (None, "moonlit", -1, [], {"x": 1}, float("nan"))
    for state, status, value in itertools.product(State, statuses, values):
        order = Tracked("XX-1", "IBM", 1, D(10), state)
        payload = {**FULL, "status": status, name: value, "field": "new"}
        now = report(order, order_of(payload)).order
        assert now.state is not State.NEW or state is State.NEW
        assert now.filled >= order.filled
        if name == "client_order_id" and value == "moonlit":
            assert now == order


# --- parts of a share, and instants that are the same ---------------------------------------------


def test_half_a_share_is_executed_all_the_same():
    assert event_of(said("partially_filled", "0.5"), D(10)) is Event.SEEN_UNCLEAR  # at no price
    assert event_of(said("new", "0.5", "100"), D(10)) is Event.SEEN_PARTIAL


def test_of_two_reports_of_one_instant_the_second_counts():
    order, executed, troubles = told(
        sent(),
        said("new", at=5),
        said("partially_filled", "4", "100", at=5),
        said("pending_cancel", "4", "100", at=5),
    )
    assert (order.state, order.filled) == (State.CANCELLING, 4)
    assert (len(executed), troubles) == (1, [])
