"""Whose folder it is: the broker's account's, whichever keys open it."""

import json
from datetime import UTC, datetime
from multiprocessing import get_context

import pytest
from pydantic import SecretStr

from live.home import KILL_FILE, LIMITS, home_of, only_one
from live.identity import settle
from live.keys import Access
from live.limits import KILL, Limits
from research.errors import BadValue, OutputError, Unreachable

MINE = {"id": "5f-mine", "account_number": "PA1"}
OTHER = {"id": "5f-other", "account_number": "PA2"}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _state(monkeypatch, tmp_path):
    monkeypatch.setenv("ONEPATH_HOME", str(tmp_path))


def access(key="old", *, live=False):
    return Access(SecretStr(key), SecretStr("secret"), live, "https://trading", "https://data")


def latched(home):
    with Limits.at(home / LIMITS) as limits:
        return {name: latch.text for name, latch in limits.latched().items()}


def latch(home, name, text):
    with Limits.at(home / LIMITS) as limits:
        limits.latch(name, text, NOON)


def test_a_folder_of_before_stays_and_learns_whose_it_is():
    home = home_of(access())
    latch(home, "drawdown", "26 %")
    assert settle(access(), MINE) == (home, "")
    assert settle(access(), MINE) == (home, "")
    assert json.loads((home / "account").read_text()) == MINE
    assert latched(home) == {"drawdown": "26 %"}


def test_new_keys_find_what_the_old_ones_left():
    home = settle(access(), MINE).home
    latch(home, "drawdown", "26 %")
    before = home_of(access("new"))
    assert before != home
    found = settle(access("new"), MINE)
    assert found == (home, f"other keys, same account PA1: goes on in {home}")
    assert home_of(access("new")) == home  # with no network
    assert settle(access("new"), MINE) == (home, "")  # told once
    assert latched(home) == {"drawdown": "26 %"}
    assert home_of(access()) == home
    assert settle(access("third"), {"id": "5f-mine"}).home == home


def test_what_was_latched_under_the_new_keys_alone_holds_for_the_account():
    home = settle(access(), MINE).home
    latch(home, "drawdown", "26 %")
    new = home_of(access("new"))
    latch(new, KILL, "by hand")
    latch(new, "drawdown", "30 %")
    (new / KILL_FILE).write_text("stop\n")
    (new / "ma_crossover.sqlite").touch()
    note = settle(access("new"), MINE).note
    assert note.endswith(f"; ma_crossover.sqlite of these keys stays in {new}")
    assert latched(home) == {KILL: "by hand", "drawdown": "26 %"}
    assert (home / KILL_FILE).read_text() == "stop\n"


def test_another_account_is_another_folder_and_so_is_another_mode():
    home = settle(access(), MINE).home
    assert settle(access("new"), OTHER).home == home_of(access("new")) != home
    assert settle(access(live=True), MINE).home.name.startswith("live-")


def test_keys_that_open_another_account_than_before_are_refused():
    settle(access(), MINE)
    with pytest.raises(
        BadValue, match="must be of the account that the keys open, was of PA1, they open PA2"
    ):
        settle(access(), OTHER)
    assert json.loads((home_of(access()) / "account").read_text()) == MINE


def test_an_account_that_is_not_named_is_not_guessed():
    with pytest.raises(Unreachable, match="does not say which account"):
        settle(access(), {"id": None, "account_number": ""})


def _hold(home, held, done):
    with only_one(home):
        held.set()
        done.wait(30)


def test_two_pairs_of_keys_are_one_process():
    home = settle(access(), MINE).home
    context = get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(home, held, done))
    other.start()
    try:
        assert held.wait(30)
        mine = settle(access("new"), MINE).home
        refused = pytest.raises(BadValue, match="one process may trade an account")
        with refused, only_one(mine):
            pass
    finally:
        done.set()
        other.join()


def test_a_folder_that_is_traded_in_is_not_given_up():
    settle(access(), MINE)
    with only_one(home_of(access("new"))), pytest.raises(BadValue, match="one process may trade an account"):
        settle(access("new"), MINE)
    assert home_of(access("new")) != home_of(access())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 5}', "no json"])
def test_a_file_that_names_no_account_is_refused(text):
    (home_of(access()) / "account").write_text(text)
    with pytest.raises(OutputError, match="must name an account, does not"):
        settle(access(), MINE)


@pytest.mark.parametrize("text", ["", "../elsewhere", "live-0123456789ab", "paper-xyz"])
def test_a_key_leads_to_a_folder_of_its_mode_or_nowhere(text, tmp_path):
    settle(access(), MINE)
    settle(access("new"), MINE)
    (pointer,) = (tmp_path / "accounts" / "keys").iterdir()
    pointer.write_text(text)
    with pytest.raises(OutputError, match="must name a folder of"):
        home_of(access("new"))
