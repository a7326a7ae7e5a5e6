"""An account over real sockets with the real alpaca-py: what is known after each fault, and what was sent."""

import time

import pytest
from alpaca.trading.client import TradingClient

from live.alpaca import AlpacaAccount, OrderConflict
from live.line import Line
from live.orders import Outcome
from live.pace import Pace
from live.talk import Talk
from research.errors import KeysRefused, Unreachable
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.worlds import at, daily, week
from tests.live.canary import KEY, SECRET

ID = "PP-0123"
ORDER = {
    "client_order_id": ID,
    "symbol": "AAA",
    "side": "buy",
    "qty": "10",
    "type": "market",
    "time_in_force": "day",
}


@pytest.fixture
def fake():
    """Start before Monday's open; time moves only when told."""
    with FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week()) as server:
        yield server


@pytest.fixture
def talk(fake):
    made = Talk(lambda: TradingClient(KEY, SECRET, url_override=fake.url, raw_data=True), deadline=1.0)
    yield made
    made.close()


@pytest.fixture
def account(talk):
    return AlpacaAccount(Line(talk, patience=3.0))


def resolved(account, fake):
    """Return how often the order was sent, and how often the broker took it."""
    return fake.log.posts[ID], fake.log.accepted[ID]


def test_questions_are_answered(account, fake):
    assert account.account()["status"] == "ACTIVE"
    clock = account.clock()
    assert (clock.now, clock.is_open, clock.next_open) == (at(0, "08:00"), False, at(0, "09:30"))
    assert account.positions() == account.open_orders() == ()
    assert account.order(ID) is None
    assert account.asset("AAA")["tradable"] is True
    assert account.asset("NOPE") is None
    assert [row["date"] for row in account.calendar(at(3).date(), at(4).date())] == [
        "2026-03-05",
        "2026-03-06",
    ]


def test_an_order_is_accepted_fills_and_is_found_by_its_id(account, fake):
    said = account.submit(ORDER)
    assert (said.outcome, said.order.client_id, said.problem) == (Outcome.ACCEPTED, ID, "")
    fake.advance_to(at(0, "20:00"))
    found = account.order(ID)
    assert (found.status, found.filled) == ("filled", 10)
    assert [(p.symbol, p.quantity) for p in account.positions()] == [("AAA", 10)]


# Faults after which the broker holds the order though its answer was lost, and before which it does not.
LOST = ["reset", "close", "mute", "504", "500", "502", "503", "malformed", "empty", "html", "null"]


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("commit", ["before", "after"])
def test_a_lost_answer_is_unknown_and_sent_once(account, fake, kind, commit):
    fake.fault("POST /v2/orders", kind, commit=commit)
    began = time.monotonic()
    said = account.submit(ORDER)
    assert time.monotonic() - began < 5.0
    assert said.outcome is Outcome.UNKNOWN
    assert "POST /orders" in said.problem or "answer" in said.problem
    assert resolved(account, fake) == (1, int(commit == "after"))
    # Asked for by its id, it is known; only what is definitely absent may be sent again.
    assert (account.order(ID) is None) == (commit == "before")


@pytest.mark.parametrize("kind", ["drip", "truncated"])
def test_an_answer_that_breaks_off_or_never_ends_is_unknown(account, fake, kind):
    fake.fault("POST /v2/orders", kind, commit="after")
    began = time.monotonic()
    assert account.submit(ORDER).outcome is Outcome.UNKNOWN
    assert time.monotonic() - began < 5.0
    assert account.order(ID).client_id == ID


def test_a_word_that_is_new_is_no_fault(account, fake):
    edit = {"set": {"status": "moonlit", "type": "market", "novelty": [1]}}
    fake.fault("POST /v2/orders", "edit", commit="after", args=edit)
    said = account.submit(ORDER)
    assert (said.outcome, said.order.status) == (Outcome.ACCEPTED, "moonlit")


def test_an_answer_about_another_order_is_unknown(account, fake):
    fake.fault("POST /v2/orders", "edit", commit="after", args={"set": {"client_order_id": "PP-other"}})
    assert account.submit(ORDER).outcome is Outcome.UNKNOWN


def test_the_same_order_twice_is_adopted_and_exists_once(account, fake):
    assert account.submit(ORDER).outcome is Outcome.ACCEPTED
    again = account.submit(ORDER)
    assert (again.outcome, again.order.client_id) == (Outcome.ACCEPTED, ID)
    assert resolved(account, fake) == (2, 1)


@pytest.mark.parametrize("change", [{"qty": "11"}, {"side": "sell"}, {"symbol": "BBB"}])
def test_another_order_under_our_id_is_a_conflict(account, fake, change):
    fake.settings.multiplier = 2.0
    assert account.submit({**ORDER, **change}).outcome is Outcome.ACCEPTED
    with pytest.raises(OrderConflict, match=f"another order under {ID}"):
        account.submit(ORDER)
    assert fake.log.accepted[ID] == 1


def test_a_refusal_is_final_and_told(account, fake):
    fake.advance_to(at(0, "20:00"))
    said = account.submit({**ORDER, "qty": "1000000"})
    assert said.outcome is Outcome.REJECTED
    assert "403" in said.problem
    assert resolved(account, fake) == (1, 0)


def test_a_taken_id_whose_order_cannot_be_asked_for_is_unknown(account, fake):
    account.submit(ORDER)
    fake.fault("GET /v2/orders:by_client_order_id", "503", times=0)
    assert account.submit(ORDER).outcome is Outcome.UNKNOWN


def test_keys_that_are_refused_stop_at_once(account, fake):
    fake.fault("*", "401", times=0)
    with pytest.raises(KeysRefused, match="does not take these credentials"):
        account.account()
    assert len(fake.log.calls) == 1


@pytest.mark.parametrize("kind", [*LOST, "redirect"])
def test_a_question_is_asked_again_until_it_is_answered(account, fake, kind):
    fake.fault("GET /v2/positions", kind, times=1)
    assert account.positions() == ()
    assert fake.log.count("GET /v2/positions") == 2


def test_a_question_that_nobody_answers_ends(fake, talk):
    fake.fault("GET /v2/account", "503", times=0)
    account = AlpacaAccount(Line(talk, patience=1.0))
    began = time.monotonic()
    with pytest.raises(Unreachable, match="no answer from the broker"):
        account.account()
    assert time.monotonic() - began < 4.0


def test_a_list_that_is_none_never_reads_as_nothing_held(fake, talk):
    fake.fault("GET /v2/positions", "edit", times=0, args={"set": {"": {"message": "later"}}})
    fake.fault("GET /v2/positions", "null", times=0)
    with pytest.raises(Unreachable):
        AlpacaAccount(Line(talk, patience=0.5)).positions()


def test_too_many_requests_silence_us_as_long_as_asked(fake, talk):
    pace = Pace()
    fake.settings.rate_limit = 1
    account = AlpacaAccount(Line(talk, pace, patience=0.5))
    account.account()
    said = account.submit(ORDER)
    assert said.outcome is Outcome.UNKNOWN
    assert pace.take(urgent=True) > 1.0
    posts = fake.log.count("POST /v2/orders")
    assert account.submit(ORDER).outcome is Outcome.UNKNOWN
    assert fake.log.count("POST /v2/orders") == posts


def test_nobody_listens(fake, talk):
    fake.stop()
    account = AlpacaAccount(Line(talk, patience=0.5))
    assert account.submit(ORDER).outcome is Outcome.UNKNOWN
    with pytest.raises(Unreachable):
        account.positions()


def test_cancel(account, fake):
    sent = account.submit({**ORDER, "type": "limit", "limit_price": "90"})
    assert account.cancel(sent.order.id).outcome is Outcome.ACCEPTED
    assert account.open_orders() == ()
    assert account.cancel(sent.order.id).outcome is Outcome.REJECTED
