"""What throws the kill switch, and one look at the open orders."""

import os
import signal
from datetime import UTC, datetime

import pytest

from live.killing import cancel_all, heard_kill, kill_asked, latch_kill, lift_file
from live.limits import KILL, Limits
from research.errors import KeysRefused, Unreachable
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.worlds import at, daily, placed, week
from tests.live.killing_helpers import held, open_ids, ours, protected, talking_to

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def fake():
    """Monday, half an hour into the session."""
    with FakeAlpaca(daily(), start=at(0, "10:00"), calendar=week()) as server:
        yield server


@pytest.fixture
def account(fake):
    with talking_to(fake) as found:
        yield found


# --- file, signal, latch -----------------------------------------------------------------------


def test_without_the_file_nobody_asks(tmp_path):
    assert kill_asked(tmp_path) is None
    assert kill_asked(tmp_path / "nowhere") is None
    (tmp_path / "a file").touch()
    assert kill_asked(tmp_path / "a file") is None
    assert lift_file(tmp_path) is False


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "file KILL"),
        (" \n", "file KILL"),
        ("prices\nlook  wrong\n", "file KILL: prices look wrong"),
        ("x" * 5000, "file KILL: " + "x" * 200),
    ],
)
def test_the_file_asks_and_says_why(tmp_path, text, why):
    (tmp_path / "KILL").write_text(text)
    assert kill_asked(tmp_path) == why
    assert lift_file(tmp_path) is True
    assert kill_asked(tmp_path) is None


def test_whatever_lies_there_asks(tmp_path):
    (tmp_path / "KILL").mkdir()
    assert "cannot be read" in str(kill_asked(tmp_path))
    assert lift_file(tmp_path)
    (tmp_path / "KILL").symlink_to(tmp_path / "nowhere")
    assert "cannot be read" in str(kill_asked(tmp_path))
    assert lift_file(tmp_path)
    assert kill_asked(tmp_path) is None
    (tmp_path / "KILL").write_bytes(b"\xff\xfe")
    assert str(kill_asked(tmp_path)).startswith("file KILL: ")


def test_a_folder_that_cannot_be_looked_into_asks(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)  # nobody may look there, not even root
    assert "cannot be looked for" in str(kill_asked(loop))


def test_the_signal_asks(tmp_path):
    before = signal.getsignal(signal.SIGUSR1)
    with heard_kill() as heard:
        assert heard() is None
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert heard() == "signal SIGUSR1"
    assert signal.getsignal(signal.SIGUSR1) == before


def test_the_latch_keeps_what_was_said_first(tmp_path):
    with Limits.at(tmp_path / "limits.sqlite") as limits:
        assert latch_kill(limits, "first", NOON) is True
        assert latch_kill(limits, "second", NOON) is False
        assert limits.killed
        assert limits.latched()[KILL].text == "first"


# --- one look ----------------------------------------------------------------------------------


def names(orders):
    return [order.client_id for order in orders]


def test_nothing_open_is_clean(account):
    swept = cancel_all(account, "PP-")
    assert swept.clean
    assert swept.open == swept.asked == swept.foreign == ()


def test_each_of_ours_is_cancelled_and_seen_gone_at_the_next_look(account, fake):
    held(fake)
    ours(fake, "entry")
    protected(fake)
    swept = cancel_all(account, "PP-")
    assert names(swept.asked) == ["PP-entry", "PP-oco"]  # what may open a position first, protection last
    assert names(swept.left) == ["PP-oco", "PP-entry"]
    assert not swept.clean
    assert cancel_all(account, "PP-").clean
    assert open_ids(fake) == []
    assert fake.log.count("DELETE /v2/orders/*") == 2  # the stop of the pair goes with its target


def test_somebody_elses_are_left_alone_unless_asked_for(account, fake):
    ours(fake, "1", client_order_id="me-1")
    ours(fake, "2")
    first = cancel_all(account, "PP-")
    assert (names(first.asked), names(first.foreign)) == (["PP-2"], ["me-1"])
    assert cancel_all(account, "PP-").clean
    assert open_ids(fake) == ["me-1"]
    assert names(cancel_all(account, "PP-", others=True).asked) == ["me-1"]
    assert open_ids(fake) == []


def test_what_shall_stay_stays(account, fake):
    ours(fake, "1")
    ours(fake, "2")
    swept = cancel_all(account, "PP-", keep=lambda order: order.client_id == "PP-1")
    assert names(swept.left) == ["PP-2"]
    assert cancel_all(account, "PP-", keep=lambda order: order.client_id == "PP-1").clean
    assert open_ids(fake) == ["PP-1"]


def test_the_legs_of_a_bracket_that_is_in_go_though_their_ids_are_not_ours(account, fake):
    legs = {"take_profit": {"limit_price": "150"}, "stop_loss": {"stop_price": "50"}}
    bracket = placed(fake, client_order_id="PP-b", order_class="bracket", **legs)
    assert bracket.status == "filled"
    swept = cancel_all(account, "PP-")
    assert {o.side for o in swept.asked} == {-1}
    assert cancel_all(account, "PP-").clean
    assert not any(leg.open for leg in bracket.legs)


def test_a_cancel_under_way_is_not_asked_for_again(account, fake):
    fake.settings.cancel_delay = 60.0
    ours(fake)
    assert names(cancel_all(account, "PP-").asked) == ["PP-1"]
    again = cancel_all(account, "PP-")
    assert (again.asked, names(again.left), again.problems) == ((), ["PP-1"], ())
    fake.advance(seconds=61)
    assert cancel_all(account, "PP-").clean


@pytest.mark.parametrize("kind", ["500", "503", "429", "mute", "reset", "html"])
def test_a_cancel_that_is_not_answered_is_a_problem_of_this_look(account, fake, kind):
    ours(fake)
    fake.fault("DELETE /v2/orders/*", kind, args={"headers": {"Retry-After": "0"}} if kind == "429" else {})
    swept = cancel_all(account, "PP-")
    assert swept.asked == ()
    assert len(swept.problems) == 1
    assert swept.problems[0].startswith("order PP-1: DELETE ")
    assert names(cancel_all(account, "PP-").asked) == ["PP-1"]


def test_a_list_that_is_not_answered_is_never_nothing(account, fake):
    fake.fault("GET /v2/orders", "500", times=0)
    swept = cancel_all(account, "PP-")
    assert not swept.clean
    assert swept.problems[0].startswith("no answer from the broker")


def test_keys_that_are_refused_end_it(fake):
    fake.settings.keys = {"another": "pair"}
    with talking_to(fake) as account, pytest.raises(KeysRefused):
        cancel_all(account, "PP-")


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ({"drop": ["0.client_order_id"]}, "an open order of BBB does not say whose it is"),
        ({"drop": ["0.id"]}, "order PP-1 came without the broker's id"),
    ],
)
def test_an_order_that_cannot_be_told_apart_is_told(account, fake, edit, problem):
    ours(fake)
    fake.fault("GET /v2/orders", "edit", args=edit)
    swept = cancel_all(account, "PP-")
    assert swept.problems == (problem,)
    assert not swept.clean
    assert open_ids(fake) == ["PP-1"]


def test_one_whose_owner_is_not_said_goes_where_all_go(account, fake):
    ours(fake)
    fake.fault("GET /v2/orders", "edit", drop=["0.client_order_id"])
    assert len(cancel_all(account, "PP-", others=True).asked) == 1
    assert open_ids(fake) == []


def test_a_status_that_is_not_known_is_open(account, fake):
    ours(fake)
    fake.fault("GET /v2/orders", "edit", set={"0.status": "moonlit"})
    assert names(cancel_all(account, "PP-").asked) == ["PP-1"]


def test_a_list_that_may_be_cut_is_taken_as_far_as_it_goes(account, fake):
    rows = [{"id": str(n), "client_order_id": "me", "status": "new"} for n in range(500)]
    fake.fault("GET /v2/orders", "200", times=0, body=rows)
    assert len(cancel_all(account, "PP-").foreign) == 500
    with pytest.raises(Unreachable, match="500 open orders or more"):
        account.open_orders()
