"""`python -m live.runner --paper` at the fake broker: what it refuses, and a run that a signal ends."""

import os
import signal
import threading
import time

import polars as pl
import pytest

from live.cli import NAME, app
from live.cli_trade import _published
from research.data import load_sample
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, SECRET
from tests.live.helpers import query


@pytest.fixture
def fake():
    bars = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close").dt.year() < 2003)
    start = str(bars["bar_close"].max())
    with FakeAlpaca(bars, start=start, settings=Settings(keys={KEY: SECRET})) as server:
        yield server


@pytest.fixture
def asked(fake, commanded):
    words = ["--paper", "--strategy", "ma_crossover", "--host", fake.url, "--history", "2000-01-04"]
    ask = commanded(app, NAME)
    return lambda *more: ask(*words, *more)


def inactive(fake):
    fake.fault("GET /v2/assets/IBM", "200", body={"symbol": "IBM", "status": "inactive", "tradable": True})


def known(fake):
    fake.fault("GET /v2/assets/ibm", "200", body={"symbol": "IBM", "status": "active", "tradable": True})


def unlisted(fake):
    fake.fault("GET /v2/stocks/bars", "200", times=0, body={"bars": {}, "next_page_token": None})


REFUSALS = {
    "a symbol nobody knows": (["IBM,NOSUCH"], None, "symbol NOSUCH is not known to the broker"),
    "a symbol in small letters": (["ibm"], known, "symbol ibm is IBM to the broker; write it so"),
    "a symbol that is halted for good": (["IBM"], inactive, "symbol IBM cannot be traded at the broker now"),
    "a symbol without bars": (["IBM"], unlisted, "symbols IBM must have bars since 2000-01-04"),
    "a day that is none": (["IBM", "--history", "spring"], None, "--history must be a day like 2016-01-04"),
    "a feed": (["IBM", "--feed", "bloomberg"], None, "unknown feed 'bloomberg'"),
    "a bar's length": (["IBM", "--timeframe", "2Min"], None, "unknown timeframe '2Min'"),
    "a policy": (["IBM", "--drift", "ignore"], None, "unknown drift policy 'ignore'"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_bad_input_is_one_line_and_no_order(fake, asked, what):
    (symbols, *more), prepare, said = REFUSALS[what]
    if prepare is not None:
        prepare(fake)
    status, out, err = asked("--symbols", symbols, "--once", *more)
    assert (status, len(err)) == (2, 1), err
    assert said in err[0]
    assert out == []
    assert fake.log.of("POST /v2/orders") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_between_looks_and_the_next_one_goes_on(fake, asked, tmp_path, number):
    def end():
        until = time.monotonic() + 60
        while time.monotonic() < until and fake.log.count("GET /v2/clock") < 4:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    killer = threading.Thread(target=end)
    killer.start()
    try:
        status, out, err = asked("--symbols", "AAPL,IBM", "--poll", "0.1")
    finally:
        killer.join()
    assert (status, err) == (0, [])
    assert out[0].startswith("ma_crossover on AAPL, IBM begins after ")
    assert out[-1].startswith(f"stopped by {signal.Signals(number).name}; orders at the broker rest")
    (journal,) = (tmp_path / "state").rglob("ma_crossover.sqlite")
    assert query(journal, "SELECT phase FROM pulse") == [("stopped",)]
    status, out, err = asked("--symbols", "AAPL,IBM", "--once")
    assert (status, err) == (0, [])
    assert "goes on after" in out[0]


@pytest.mark.parametrize("bad", [("--feed", "bloomberg"), ("--history", "spring")])
def test_what_only_a_new_journal_needs_is_looked_at_by_one_that_goes_on_too(asked, bad):
    assert asked("--symbols", "IBM", "--once")[0] == 0
    status, _, err = asked("--symbols", "IBM", "--once", *bad)
    assert (status, len(err)) == (2, 1)


def test_fractions_of_a_share_are_for_replays_alone(asked, commanded, tmp_path):
    """Each remedy that the refusal names is one."""
    words = ("--symbols", "IBM", "--once")
    status, _, err = asked(*words, "--fractional")
    assert (status, len(err)) == (2, 1)
    assert err[0].endswith("; leave --fractional out, or use --replay")
    assert not list((tmp_path / "state").rglob("ma_crossover.sqlite"))
    assert asked(*words)[0] == 0
    replay = commanded(app, NAME)
    assert replay("--replay", "--strategy", "ma_crossover", *words, "--fractional")[0] == 0


def test_a_quiet_run_says_nothing_of_itself(asked):
    status, out, err = asked("--symbols", "IBM", "--once", "--quiet")
    assert (status, out, err) == (0, [], [])


def test_the_published_calendar_has_this_week():
    hours = _published("1Day").hours
    assert len(hours) > 10
    assert all(session.open < session.close for session in hours)
