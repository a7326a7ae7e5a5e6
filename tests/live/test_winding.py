"""From the thrown switch to what the broker confirms: every fault it may meet, and who comes after it."""

import threading
import time

import pytest

from research.errors import KeysRefused
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.worlds import at, daily, placed, week
from tests.live.killing_helpers import SINCE, held, open_ids, ours, protected, wound


@pytest.fixture
def fake():
    """Monday, half an hour into the session."""
    with FakeAlpaca(daily(), start=at(0, "10:00"), calendar=week()) as server:
        yield server


def words(told):
    return [word for word, _ in told]


def test_nothing_to_do_is_seen_twice(fake):
    left, told, _ = wound(fake)
    assert (left, told) == ([], [])
    assert fake.log.count("GET /v2/orders") == 2


def test_orders_are_cancelled_and_what_is_held_is_told(fake):
    held(fake)
    protected(fake)
    ours(fake)
    left, told, holding = wound(fake)
    assert left == []
    assert words(told) == ["asked", "asked", "gone", "gone"]
    assert "PP-1 (buy 10 BBB, limit)" in told[0][1]
    assert "PP-oco (sell 10 AAA, oco)" in told[1][1]
    assert (open_ids(fake), holding) == ([], {"AAA": 10})


def test_somebody_elses_order_is_told_once_and_stays(fake):
    ours(fake, client_order_id="me-1")
    left, told, _ = wound(fake)
    assert left == []
    assert told == [("foreign", "me-1 (buy 10 BBB, limit): left alone, --all cancels it too")]
    assert wound(fake, others=True)[0] == []
    assert open_ids(fake) == []


@pytest.mark.parametrize(
    ("where", "kind", "times"),
    [
        *(("DELETE /v2/orders/*", kind, 1) for kind in ("429", "mute", "reset", "close", "empty", "html")),
        ("DELETE /v2/orders/*", "500", 3),
        ("GET /v2/orders", "503", 4),  # more than one question is asked again by itself
        ("GET /v2/orders", "mute", 1),
        ("GET /v2/positions", "500", 4),
    ],
)
def test_it_keeps_trying_until_the_broker_answers(fake, where, kind, times):
    ours(fake)
    fake.fault(where, kind, times=times, args={"headers": {"Retry-After": "0"}} if kind == "429" else {})
    left, told, _ = wound(fake, deadline=0.4)
    assert left == []
    assert "gone" in words(told)
    assert open_ids(fake) == []
    assert fake.log.count(where) > times


def test_kill_switch_while_the_broker_answers_500(fake):
    ours(fake)
    fake.fault("DELETE /v2/*", "500", times=0)
    left, told, _ = wound(fake, patience=0.8)
    assert fake.log.count("DELETE /v2/orders/*") >= 3
    assert any("DELETE" in line and "500" in line for line in left)
    assert "open: PP-1 (buy 10 BBB, limit)" in left
    assert [line for word, line in told if word == "waits"]
    fake.script.clear()
    assert wound(fake)[0] == []  # a second one continues
    assert open_ids(fake) == []


def test_a_cancel_that_was_done_though_its_answer_was_lost(fake):
    ours(fake)
    fake.fault("DELETE /v2/orders/*", "504", commit="after")
    assert wound(fake)[0] == []
    assert fake.log.count("DELETE /v2/orders/*") == 1


def test_without_patience_there_is_one_look(fake):
    ours(fake)
    left, _, _ = wound(fake, patience=0.0)
    assert left == ["open: PP-1 (buy 10 BBB, limit)"]  # asked for and not confirmed
    assert wound(fake, patience=0.0)[0] == []


def test_a_dead_network_ends_with_patience(fake):
    fake.stop()
    began = time.monotonic()
    left, _, _ = wound(fake, patience=0.5, deadline=0.4)
    assert "no answer from the broker" in left[0]
    assert time.monotonic() - began < 8.0


def test_keys_that_are_refused_end_it_at_once(fake):
    fake.settings.keys = {"another": "pair"}
    with pytest.raises(KeysRefused):
        wound(fake)
    assert len(fake.log.calls) == 1


def test_an_order_that_was_under_way_at_the_first_look_is_found_at_the_second(fake):
    threading.Timer(0.15, lambda: ours(fake, "late")).start()
    left, told, _ = wound(fake, settle=0.4)
    assert left == []
    assert words(told) == ["asked", "gone"]
    assert open_ids(fake) == []


def test_a_position_that_cannot_be_read_is_left(fake):
    held(fake)
    fake.fault("GET /v2/positions", "edit", times=0, set={"0.qty": "moon"})
    assert wound(fake, patience=0.0)[0] == ["position of AAA cannot be read"]
    assert "cannot be read (qty was 'moon')" in wound(fake, patience=0.0, flatten=True)[0][0]


# --- flattening --------------------------------------------------------------------------------


def closing_ids(fake):
    return [o.client_order_id for o in fake.orders() if o.side == "sell" and o.type == "market"]


def test_a_protected_position_is_closed_once_its_shares_are_free(fake):
    held(fake)
    protected(fake)
    held(fake, 7, "BBB")
    left, told, holding = wound(fake, flatten=True)
    assert (left, holding, fake.positions(), open_ids(fake)) == ([], {}, {}, [])
    assert words(told).count("sent") == words(told).count("closed") == 2
    assert len(closing_ids(fake)) == 2
    assert all(fake.log.posts[name] == 1 for name in closing_ids(fake))


def test_an_order_filled_in_part_is_cancelled_and_what_filled_is_closed(fake):
    fake.fault("fill", "partial_then_stick", portion=0.3)
    order = placed(fake, qty=10, client_order_id="PP-part")
    assert order.filled_qty == 3
    left, told, _ = wound(fake, flatten=True)
    assert left == []
    assert ("asked", "to cancel PP-part (buy 10 AAA, market, 3 filled)") in told
    assert any(word == "sent" and "sell 3 AAA" in line for word, line in told)
    assert (fake.positions(), order.status, order.filled_qty) == ({}, "canceled", 3)


def test_a_cancel_that_comes_too_late_is_closed_as_well(fake):
    ours(fake)
    fake.fault("DELETE /v2/orders/*", "fill_first")
    assert wound(fake, flatten=True)[0] == []
    assert (fake.positions(), open_ids(fake)) == ({}, [])


def test_a_slow_cancel_is_waited_for():
    settings = Settings(cancel_delay=0.6)
    with FakeAlpaca(daily(), start=at(0, "10:00"), calendar=week(), settings=settings, speed=1.0) as fake:
        held(fake)
        protected(fake)
        left, told, _ = wound(fake, flatten=True)
        assert (left, fake.positions()) == ([], {})
        waits = [line for word, line in told if word == "waits"]
        assert "AAA: 10 shares wait for the end of PP-oco" in waits
        assert fake.log.count("DELETE /v2/orders/*") == 1


def test_a_short_position_is_bought_back():
    settings = Settings(multiplier=2.0)
    with FakeAlpaca(daily(), start=at(0, "10:00"), calendar=week(), settings=settings) as fake:
        placed(fake, side="sell", client_order_id="PP-short")
        assert fake.positions() == {"AAA": -10}
        left, told, _ = wound(fake, flatten=True)
        assert (left, fake.positions()) == ([], {})
        assert any("buy 10 AAA" in line for word, line in told if word == "sent")


def test_a_fraction_of_a_share_is_closed_where_the_broker_deals_in_them(fake):
    fake.trade_by_hand("AAA", 10.5)
    assert wound(fake, flatten=True)[0] == []
    assert fake.positions() == {}
    fake.trade_by_hand("BBB", 0.5)
    fake.settings.assets["BBB"] = {"fractionable": False}
    left, _, _ = wound(fake, flatten=True, patience=0.0, since=SINCE.replace(minute=31))
    assert "BBB: blocked by whole shares: quantity must be whole shares, was 0.5" in left[0]
    fake.fault("GET /v2/assets/*", "500", times=0)
    left, _, _ = wound(fake, flatten=True, patience=0.0, deadline=0.4)
    assert "BBB: no answer from the broker" in left[0]


def test_shares_that_somebody_elses_order_holds_need_all(fake):
    held(fake)
    protected(fake, 4, client_order_id="me-oco")
    left, told, _ = wound(fake, flatten=True, patience=1.0)
    assert fake.positions() == {"AAA": 4}  # what is free is closed
    assert left == ["AAA: 4 shares are set aside by me-oco, which --all would cancel"]
    assert "foreign" in words(told)
    assert wound(fake, flatten=True, others=True)[0] == []
    assert (fake.positions(), open_ids(fake)) == ({}, [])


def test_the_shares_of_somebody_elses_bracket_count_once(fake):
    legs = {"take_profit": {"limit_price": "150"}, "stop_loss": {"stop_price": "50"}}
    placed(fake, qty=4, client_order_id="me-b", order_class="bracket", **legs)
    fake.trade_by_hand("AAA", 6)
    # Six of ten are free; a broker that sets them aside twice would leave two.
    left, told, _ = wound(fake, flatten=True, patience=1.0)
    assert any("sell 6 AAA" in line for word, line in told if word == "sent")
    assert left == ["AAA: 4 shares are set aside by me-b, which --all would cancel"]


def test_an_order_of_somebody_else_that_cannot_be_read_holds_all_its_shares(fake):
    held(fake)
    protected(fake, 4, client_order_id="me-oco")
    fake.fault("GET /v2/orders", "edit", times=0, set={"0.qty": "moon"})
    left, _, _ = wound(fake, flatten=True, patience=0.0)
    assert left == ["AAA: orders of somebody else rest there and cannot be read; --all cancels them"]


def test_shares_that_are_not_free_yet_are_waited_for(fake):
    held(fake)
    fake.fault("GET /v2/positions", "edit", set={"0.qty_available": "0"})
    left, told, _ = wound(fake, flatten=True)
    assert left == []
    assert "sent" in words(told)


def test_a_position_without_available_shares_said_is_closed(fake):
    held(fake)
    fake.fault("GET /v2/positions", "edit", times=0, drop=["0.qty_available"])
    assert wound(fake, flatten=True)[0] == []
    assert fake.positions() == {}


def test_a_position_of_no_shares_is_none(fake):
    held(fake)
    fake.fault("GET /v2/positions", "edit", times=0, set={"0.qty": "0"})
    assert wound(fake, flatten=True)[0] == []
    assert closing_ids(fake) == []


def test_what_has_ended_rests_nowhere(fake):
    held(fake)
    over = {
        "id": "x",
        "client_order_id": "me",
        "symbol": "AAA",
        "status": "filled",
        "side": "sell",
        "qty": "10",
    }
    fake.fault("GET /v2/orders", "200", times=0, body=[over])
    assert wound(fake, flatten=True)[0] == []
    assert fake.positions() == {}


# --- what became of the closing order ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["504", "reset", "mute"])
@pytest.mark.parametrize("commit", ["before", "after"])
def test_a_closing_order_whose_answer_is_lost_is_sent_once(fake, kind, commit):
    held(fake)
    fake.fault("POST /v2/orders", kind, commit=commit)
    left, told, _ = wound(fake, flatten=True, deadline=0.5, under_way=0.5)
    assert (left, fake.positions()) == ([], {})
    (name,) = closing_ids(fake)
    # Sent again only where the broker, asked by its id, had not got it: then as itself.
    assert (fake.log.posts[name], fake.log.accepted[name]) == (1 + (commit == "before"), 1)
    assert words(told).count("doubt") == 1


def test_a_closing_order_in_doubt_is_not_sent_again_while_it_may_be_under_way(fake):
    held(fake)
    fake.fault("POST /v2/orders", "504", times=0)
    left, _, _ = wound(fake, flatten=True, patience=1.0, under_way=60.0)
    assert sum(fake.log.posts.values()) == 1
    assert left[0].endswith("was sent without an answer, and the broker has not got it")


def test_one_that_cannot_be_asked_for_is_not_sent(fake):
    held(fake)
    fake.fault("GET /v2/orders:by_client_order_id", "500", times=0)
    left, _, _ = wound(fake, flatten=True, patience=0.0, deadline=0.4)
    assert left[0].startswith("AAA: no answer from the broker")
    assert fake.log.count("POST /v2/orders") == 0


def test_refusals_are_repeated_thrice_and_no_more(fake):
    held(fake)
    fake.fault("POST /v2/orders", "403", times=0, body={"message": "not today"})
    left, _, _ = wound(fake, flatten=True, patience=1.0)
    assert fake.log.count("POST /v2/orders") == 3
    assert left == ["AAA: the broker has refused 3 times to sell 10 AAA; close it by hand"]


def test_one_that_the_broker_took_and_rejected_is_followed_by_another(fake):
    held(fake)
    fake.fault("order", "reject", times=2)
    left, _, _ = wound(fake, flatten=True)
    assert (left, fake.positions()) == ([], {})
    assert len(set(closing_ids(fake))) == 3


def test_one_that_is_always_rejected_ends(fake):
    held(fake)
    fake.fault("order", "reject", times=0)
    left, _, _ = wound(fake, flatten=True, patience=2.0, pause=0.01)
    assert len(closing_ids(fake)) == 8
    assert left == ["AAA: 8 closing orders have ended, and it is still held; close it by hand"]


def test_in_a_closed_market_it_waits_at_the_broker_and_is_known_to_the_next(fake):
    held(fake)
    fake.advance_to(at(0, "17:00"))
    began = time.monotonic()
    left, _, _ = wound(fake, flatten=True, patience=60.0)
    assert time.monotonic() - began < 10.0
    assert left[-1] == "the market is closed until 2026-03-03 14:30 UTC; run this again then"
    (name,) = closing_ids(fake)
    left, told, _ = wound(fake, flatten=True, patience=60.0)
    assert left[0] == f"AAA: 10 shares are being closed by {name}"
    assert "asked" not in words(told)
    fake.advance_to(at(1, "10:00"))
    assert wound(fake, flatten=True)[0] == []
    assert (fake.positions(), fake.log.posts[name], closing_ids(fake)) == ({}, 1, [name])


def test_one_that_waits_goes_with_the_others_where_nothing_is_to_be_closed(fake):
    held(fake)
    fake.advance_to(at(0, "17:00"))
    wound(fake, flatten=True, patience=0.0)
    assert wound(fake)[0] == []
    assert open_ids(fake) == []
    assert fake.positions() == {"AAA": 10}


def test_one_that_would_do_more_than_close_is_replaced(fake):
    held(fake)
    fake.advance_to(at(0, "17:00"))
    wound(fake, flatten=True, patience=0.0)
    fake.trade_by_hand("AAA", -4)
    left, told, _ = wound(fake, flatten=True, patience=60.0)
    assert any("larger than what is held" in line for _, line in told)
    assert left[-1].startswith("the market is closed")
    assert [o.qty for o in fake.orders("AAA") if o.open] == [6]
    fake.advance_to(at(1, "10:00"))
    assert wound(fake, flatten=True)[0] == []
    assert fake.positions() == {}


def test_a_clock_that_does_not_answer_or_an_open_market_means_waiting(fake):
    held(fake)
    fake.fault("order", "stick", status="accepted")
    left, _, _ = wound(fake, flatten=True, patience=0.6)
    assert fake.log.count("GET /v2/clock") == 1
    assert "are being closed by" in left[0]
    fake.fault("GET /v2/clock", "500", times=0)
    assert "are being closed by" in wound(fake, flatten=True, patience=0.0, deadline=0.4)[0][0]


def test_another_order_under_our_id_is_told_and_passed_over(fake):
    held(fake)
    wound(fake, flatten=True)
    placed(fake, qty=9, client_order_id="PP-more")
    fake.fault("GET /v2/orders:by_client_order_id", "404", body={"message": "later"})
    left, _, _ = wound(fake, flatten=True)
    assert (left, fake.positions()) == ([], {})
    first, second = closing_ids(fake)
    # Sent a second time since it seemed absent, and then found to be another one: of ten shares, not nine.
    assert (fake.log.posts[first], fake.log.accepted[first], fake.log.posts[second]) == (2, 1, 1)


def test_a_found_order_that_is_open_is_waited_for(fake):
    held(fake)
    fake.fault("order", "stick", status="accepted")
    wound(fake, flatten=True, patience=0.0)
    (name,) = closing_ids(fake)
    # The list does not show it yet, its id is known.
    fake.fault("GET /v2/orders", "200", times=0, body=[])
    fake.fault("GET /v2/positions", "edit", times=0, drop=["0.qty_available"])
    left, _, _ = wound(fake, flatten=True, patience=0.0)
    assert left == [f"AAA: {name} is accepted"]
    assert fake.log.posts[name] == 1
