"""The last looks of a run: what one look began is finished, with `--once` and at a stop, or told.

Prices are those of `tests.live.crossing`: 1 up a day, the high 0.3 above the close.
"""

import os
import signal
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from live import ending
from live.cli import NAME, app
from live.home import KILL_FILE
from live.limits import KILL
from tests.live.crossing import REQUEST, story

TRAIL = replace(REQUEST, params={"fast": 2, "slow": 10, "trail": 0.05})
BARE = "173 AAA may have nothing that rests for them"
ORDERS = "POST /v2/orders"
# The averages cross down at the third close after the entry; no stop of 30 % is touched.
FALLS = {3: (118, 118.3, 97, 98), 4: (97, 98, 95, 96), 5: (95, 96, 93, 94)}


def night(session):
    """The evening of a session's day, when the next auction takes orders."""
    return (session.close + timedelta(days=1)).replace(hour=0, minute=30)


def once(it, session=None, wait=lambda seconds: None):
    """Let a process look once, on a session's evening."""
    if session is not None:
        it.fake.advance_to(max(night(session), it.fake.now))
    it.floor.reopen()
    it.floor.trader.run(stop=lambda: False, wait=wait, once=True)


def stopped(it, wait=lambda seconds: None):
    """Stop a run that has looked before."""
    it.floor.trader.run(stop=lambda: True, wait=wait)


def half_moved(it):
    """Enter, and look once in the evening: the stop is to be moved from 109.25, 5 % below the fill."""
    it.enter()
    assert it.protection == [("sell", 173.0, 109.25)]
    it.floor.tick(night(it.entry))
    return it


# --- what is half done is finished --------------------------------------------------------------


def test_one_look_an_evening_leaves_a_trailing_stop_at_rest_each_night(tmp_path):
    with story(tmp_path, request=TRAIL) as it:
        it.decide()
        stops = []
        for session in (it.cross, it.entry, *it.later[:4]):
            once(it, session)
            stops += [stop for side, _, stop in it.protection if side == "sell"]
        # 5 % below 116.3, 117.3, …, on the tick below.
        assert stops == [110.48, 111.43, 112.38, 113.33, 114.28]
        assert it.told("unprotected") == it.told("under way") == it.told("ending") == []


def test_one_look_an_evening_exits_at_the_next_open(tmp_path):
    loose = replace(REQUEST, params={"fast": 2, "slow": 10, "stop": 0.3})
    with story(tmp_path, request=loose, after=FALLS) as it:
        it.decide()
        for session in (it.cross, it.entry, *it.later[:2]):
            once(it, session)
        ((side, shares, stop),) = it.protection
        assert (side, stop) == ("sell", None)  # the exit, in the place of the stop
        once(it, it.later[2])
        assert it.fake.positions() == {}
        assert f"executed {shares:g} shares at 97.0000" in it.told("executed")[-1]


def test_a_stop_between_a_cancel_and_its_successor_waits_for_it(tmp_path):
    with story(tmp_path, request=TRAIL) as it:
        half_moved(it)
        assert it.protection == []
        waits: list[float] = []
        it.floor.trader.run(stop=lambda: True, wait=waits.append, poll=5.0)
        assert it.protection == [("sell", 173.0, 110.48)]
        assert waits == [0.25]
        assert it.floor.rows("SELECT phase FROM pulse") == [("stopped",)]


def test_what_the_broker_refused_is_tried_again_before_the_end(tmp_path):
    """The pair and then its stop alone are refused, and may be tried again after half a minute."""
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        it.fake.fault(ORDERS, "403", times=2, message="not now")
        it.fake.advance_to(it.entry.open + timedelta(seconds=20))
        once(it, wait=lambda seconds: it.fake.advance_to(it.fake.now + timedelta(seconds=seconds)))
        assert [shares for _, shares, _ in it.protection] == [173.0]
        assert not any("ends" in text for text in it.told("unprotected"))


@pytest.mark.parametrize(("run", "sent"), [(once, 2), (stopped, 1)])
def test_an_order_in_doubt_is_asked_for_and_no_stop_enters(tmp_path, run, sent):
    """Its answer is lost and it never came: after 20 seconds that is known, and it may be sent again."""
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault(ORDERS, "reset", commit="before")
        it.evening()
        assert it.fake.orders() == []
        run(it, wait=lambda seconds: it.fake.advance_to(it.fake.now + timedelta(seconds=8)))
        assert len(it.told("not placed")) == 1
        assert len(it.entries) == sent
        assert it.told("under way") == []


# --- what cannot be is told ---------------------------------------------------------------------


def test_an_entry_that_an_open_market_executes_is_waited_for_and_told(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault("order", "stick", status="new")
        it.evening()
        waits: list[float] = []
        stopped(it, waits.append)
        assert waits == []  # the auction is hours away
        it.floor.tick(it.entry.open + timedelta(seconds=20))
        stopped(it, waits.append)
        assert len(waits) == 60
        (order,) = it.floor.tracks.open()
        said = f"enter order {order.order.client_id} is executed now, and the run ends"
        assert it.told("under way") == [said]


@pytest.mark.parametrize(("patience", "looks", "least"), [(60.0, 3, 3), (0.3, 60, 1)])
def test_a_network_that_is_dead_ends_it_with_patience(tmp_path, monkeypatch, patience, looks, least):
    monkeypatch.setattr(ending, "PATIENCE", patience)
    monkeypatch.setattr(ending, "LOOKS", looks)
    with story(tmp_path, request=TRAIL) as it:
        half_moved(it)
        it.fake.fault("* *", "redirect", times=0)
        it.floor.lines[0]._patience = 0.2
        waits: list[float] = []
        stopped(it, waits.append)
        assert least <= len(waits) <= 3
        (name,) = [track.order.client_id for track in it.floor.tracks.open()]
        said = f"protect order {name} is being cancelled: {BARE}, and the run ends"
        assert it.told("unprotected") == [said]
        assert it.floor.rows("SELECT phase FROM pulse") == [("stopped",)]


def test_a_cancel_that_never_ends_is_told_while_it_is_waited_for_and_at_the_end(tmp_path):
    with story(tmp_path, request=TRAIL) as it:
        it.enter()
        it.fake.fault("DELETE /v2/orders/*", "503", times=0)
        it.floor.tick(night(it.entry))
        news: list[str] = []
        waits: list[float] = []
        it.floor.trader.run(
            stop=lambda: True, wait=waits.append, poll=1.0, on_tick=lambda: news.append(it.kinds()[-1])
        )
        assert (len(waits), max(waits)) == (60, 1.0)
        (order,) = it.floor.tracks.open()
        what = f"protect order {order.order.client_id} is being cancelled: {BARE}"
        assert it.told("ending") == [f"{what}; looks on for 60 s, a second signal ends it at once"]
        assert it.told("unprotected") == [f"{what}, and the run ends"]
        assert news[-1] == "unprotected"  # it comes on the terminal


def test_shares_that_the_door_keeps_bare_are_told_after_a_few_looks(tmp_path):
    """Of a symbol that the broker does not trade today nothing is sent: to look on is of no use."""
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        halted = {"symbol": "AAA", "status": "inactive", "tradable": False}
        it.fake.fault("GET /v2/assets/AAA", "200", times=0, body=halted)
        it.fake.advance_to(it.entry.open + timedelta(seconds=20))
        waits: list[float] = []
        once(it, wait=waits.append)
        assert it.protection == []
        assert len(waits) == 3
        assert it.told("unprotected") == ["173 AAA held, nothing rests for them, and the run ends"]


def test_whom_the_kill_command_winds_down_is_not_looked_after(tmp_path):
    with story(tmp_path, request=TRAIL) as it:
        half_moved(it)
        it.floor.limits.latch(KILL, "by hand", datetime.now(UTC))
        it.floor.limits.wind(by="jane", at=datetime.now(UTC))
        waits: list[float] = []
        stopped(it, waits.append)
        assert (waits, it.protection, it.told("unprotected")) == ([], [], [])


def test_a_signal_that_came_after_the_last_look_is_latched(tmp_path):
    with story(tmp_path) as it:
        it.floor.trader._kill.said.append("signal SIGUSR1")
        stopped(it)
        assert it.floor.limits.killed


@pytest.mark.parametrize("how", ["a file", "a signal", "a file, and an answer of 503 to --once"])
def test_under_a_switch_thrown_at_the_end_no_entry_rests_on(tmp_path, how):
    """The entry waits for the auction of the morning, when nobody would be there to protect its fill."""
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        assert [side for side, _, _ in it.protection] == ["buy"]
        if how == "a signal":
            it.floor.trader._kill.said.append("signal SIGUSR1")
        else:
            (it.floor.folder / KILL_FILE).write_text("stop it")
        if "503" in how:
            it.fake.fault("DELETE /v2/orders/*", "503")
            once(it)
        else:
            stopped(it)
        assert it.floor.limits.killed
        assert (it.protection, it.told("under way")) == ([], [])
        it.fake.advance_to(it.entry.open + timedelta(seconds=20))
        assert it.fake.positions() == {}


def test_an_entry_that_the_switch_cannot_cancel_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(ending, "PATIENCE", 2.0)
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        (it.floor.folder / KILL_FILE).write_text("stop it")
        it.fake.fault("DELETE /v2/orders/*", "503", times=0)
        stopped(it, time.sleep)
        (text,) = it.told("under way")
        assert text.endswith("must be cancelled, the kill switch is on, and the run ends")


# --- as a user sees it --------------------------------------------------------------------------


@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_waits_for_what_is_half_done_and_a_second_one_does_not(commanded, tmp_path, signals):
    """A cancel is under way: it ends when the clock of the broker goes on, or never."""
    with story(tmp_path / "world", request=TRAIL) as it:
        it.decide()
        ask = commanded(app, NAME)
        words = ["--paper", "--strategy", "ma_crossover", "--host", it.fake.url, "--symbols", "AAA"]
        words += ["--history", "2023-01-01", "--slippage", "0", "--poll", "0.1", "--settle", "0"]
        words += ["--param", "fast=2", "--param", "slow=10", "--param", "trail=0.05"]
        it.fake.advance_to(night(it.cross))
        assert ask(*words, "--once")[0] == 0
        it.fake.advance_to(it.entry.open + timedelta(seconds=20))
        assert ask(*words, "--once")[0] == 0
        assert it.protection[0][2] == 109.25
        it.fake.advance_to(night(it.entry))
        stuck = it.fake.fault("DELETE /v2/orders/*", "503", times=0)

        def await_cancels(count):
            until = time.monotonic() + 20
            while time.monotonic() < until and it.fake.log.count("DELETE /v2/orders/*") < count:
                time.sleep(0.02)

        def end():
            await_cancels(1)
            os.kill(os.getpid(), signal.SIGTERM)
            await_cancels(5)
            if signals == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                it.fake.script.faults.remove(stuck)

        killer = threading.Thread(target=end)
        killer.start()
        try:
            status, out, err = ask(*words)
        finally:
            killer.join()
        if signals == 1:
            assert (status, err) == (0, [])
            assert it.protection == [("sell", 173.0, 110.48)]
            assert out[-1].startswith("stopped by SIGTERM; orders at the broker rest")
        else:
            assert status == 1
            assert not any(line.startswith("stopped") for line in out)
