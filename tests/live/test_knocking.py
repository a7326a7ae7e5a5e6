"""A start that finds the broker away: it waits, says so, and goes on; what is refused is not waited for."""

import os
import signal
import threading
import time
from contextlib import contextmanager

import polars as pl
import pytest

from live.cli import NAME, app
from live.home import LIMITS
from live.keys import access
from live.killing import Heard
from live.knocking import Knock, Waits
from live.limits import Limits
from live.line import Declined, Line
from research.data import load_sample
from research.errors import KeysRefused, Unreachable
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, NAMES, SECRET
from tests.live.helpers import query

ACCOUNT, CLOCK = "GET /v2/account", "GET /v2/clock"


@pytest.fixture
def fake():
    bars = load_sample(["IBM"]).filter(pl.col("bar_close").dt.year() < 2003)
    with FakeAlpaca(
        bars, start=str(bars["bar_close"].max()), settings=Settings(keys={KEY: SECRET})
    ) as server:
        yield server


@pytest.fixture
def asked(fake, commanded, monkeypatch):
    """Return the command that waits for half a minute, and for each question a moment."""
    monkeypatch.setattr("live.cli_trade.Waits", lambda most=30.0: Waits(most, pause=0.05, told=60.0))
    monkeypatch.setattr("live.line.Line.read", impatient(Line.read))
    words = ["--paper", "--strategy", "ma_crossover", "--host", fake.url, "--history", "2000-01-04"]
    ask = commanded(app, NAME)
    return lambda *more: ask(*words, "--symbols", "IBM", "--poll", "0.1", *more)


@pytest.fixture
def hasty(asked, monkeypatch):
    """Return the command that waits for a second."""
    monkeypatch.setattr("live.cli_trade.Waits", lambda most=1.0: Waits(most, pause=0.05, told=60.0))
    return asked


def impatient(read):
    def once(line, *question):
        line._patience = 0.1
        return read(line, *question)

    return once


@contextmanager
def signalled(number, ready):
    """Send this process a signal as soon as something is so, unless what it is for has ended."""
    over = threading.Event()

    def send():
        while not over.wait(0.02):
            if ready():
                os.kill(os.getpid(), number)
                return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("where", [ACCOUNT, CLOCK, "GET /v2/stocks/bars"])
def test_a_start_waits_for_the_broker_and_goes_on(fake, asked, where):
    """The clock and the bars are asked for when the journal begins."""
    fake.fault(where, "503", times=2)
    with signalled(signal.SIGTERM, lambda: fake.log.count(CLOCK) > 8):
        status, out, err = asked()
    assert (status, err) == (0, [])
    assert out[0].startswith("broker    no answer from the broker (GET /")
    assert "503" in out[0]
    assert out[0].endswith("; asked again for up to 0 minutes, a signal ends it")
    assert "next turn" not in "".join(out)
    assert out[1].startswith("ma_crossover on IBM begins after 2002-12-31")
    assert sum(line.startswith("broker ") for line in out) == 1


def test_a_journal_goes_on_after_the_broker_was_away(fake, asked):
    assert asked("--once")[0] == 0
    fake.fault(ACCOUNT, "503", times=3)
    seen = fake.log.count(CLOCK)
    with signalled(signal.SIGINT, lambda: fake.log.count(CLOCK) > seen + 3):
        status, out, err = asked()
    assert (status, err) == (0, [])
    assert [line.split()[0] for line in out[:2]] == ["broker", "ma_crossover"]
    assert " goes on after " in out[1]


def test_a_broker_that_stays_away_ends_it_in_a_line_that_is_true(fake, hasty):
    fake.fault(ACCOUNT, "503", times=0)
    began = time.monotonic()
    status, out, err = hasty()
    assert 1.0 <= time.monotonic() - began < 8.0
    assert (status, len(out), len(err)) == (1, 1, 1)
    assert err[0].endswith("; run the same command again, it goes on where it ended")


def test_one_look_does_not_wait(fake, asked):
    fake.fault(ACCOUNT, "503", times=0)
    began = time.monotonic()
    status, out, err = asked("--once")
    assert time.monotonic() - began < 5.0
    assert (status, out) == (1, [])
    assert err[0].endswith("; run the same command again, it goes on where it ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait(fake, asked, number, monkeypatch):
    monkeypatch.setattr("live.cli_trade.Waits", Waits)
    fake.fault(ACCOUNT, "503", times=0)
    with signalled(number, lambda: fake.log.count(ACCOUNT) > 0):
        status, out, err = asked()
    assert (status, err) == (0, [])
    assert out[-1] == (
        f"broker    stopped by {number.name} before there was an answer; run the same command again"
    )


def test_a_kill_switch_that_is_thrown_meanwhile_holds(fake, hasty, tmp_path):
    fake.fault(ACCOUNT, "503", times=0)
    with signalled(signal.SIGUSR1, lambda: fake.log.count(ACCOUNT) > 0):
        status, out, _ = hasty()
    assert status == 1
    assert sum("kill switch latched by signal SIGUSR1" in line for line in out) == 1
    (file,) = (tmp_path / "state").rglob(LIMITS)
    assert query(file, "SELECT text FROM latches") == [("signal SIGUSR1",)]


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [("401", 2, "does not take these credentials"), ("403", 1, "403")],
)
def test_what_is_refused_is_not_waited_for(fake, asked, code, status, said):
    fake.fault(ACCOUNT, code, times=0)
    found, out, err = asked()
    assert (found, out) == (status, [])
    assert said in err[0]
    assert fake.log.count(ACCOUNT) == 1


# --- one question ------------------------------------------------------------------------------


@pytest.fixture
def knock(tmp_path, monkeypatch):
    monkeypatch.setenv("ONEPATH_HOME", str(tmp_path))
    known = access(environment=NAMES, file=tmp_path / "none.toml")

    def of(most, stopped=lambda: None):
        return Knock(known, stopped, Heard(), Waits(most, pause=0.01, told=0.05))

    return of


def failing(*problems):
    """Return a question that fails in these ways, then is answered."""
    left = list(problems)

    def ask():
        if left:
            raise left.pop(0)
        return 42

    return ask


def test_it_tells_at_first_and_then_seldom(knock, capsys):
    assert knock(60.0).answered(failing(*[Unreachable("no answer (503; x); try later")] * 12)) == 42
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "broker    no answer (503; x); asked again for up to 1 minutes, a signal ends it"
    assert 2 <= len(lines) <= 6


@pytest.mark.parametrize("problem", [Declined("no"), KeysRefused("no"), ZeroDivisionError()])
def test_what_an_outage_is_not_ends_it_at_once(knock, problem, capsys):
    with pytest.raises(type(problem)):
        knock(60.0).answered(failing(problem))
    assert capsys.readouterr().out == ""


def test_the_usual_wait_is_a_quarter_of_an_hour():
    assert Waits().most == 15 * 60


def test_limits_of_the_keys_hold_a_kill_before_the_account_is_known(knock, tmp_path, capsys):
    door = knock(60.0)
    door._kill.said.append("signal SIGUSR1")
    assert door.answered(failing(Unreachable("no answer"))) == 42
    (file,) = tmp_path.rglob(LIMITS)
    with Limits.at(file) as limits:
        assert limits.killed
    assert door._kill() is None
    assert "kill switch latched by signal SIGUSR1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("signals", "slept"), [([], 2.5), (["SIGTERM"], 0.0), ([None, None, "SIGTERM"], 0.1)]
)
def test_the_rate_limit_is_waited_for_until_a_signal_comes(knock, monkeypatch, capsys, signals, slept):
    """The question that waits is then asked at once, and the next wait ends the run."""
    spent = [0.0]
    monkeypatch.setattr("live.knocking.time.monotonic", lambda: sum(spent))
    monkeypatch.setattr("live.knocking.time.sleep", spent.append)
    coming = iter(signals)
    knock(1.0, lambda: next(coming, signals[-1] if signals else None)).idle(2.5)
    assert sum(spent) == pytest.approx(slept)
    out = capsys.readouterr().out
    assert ("waits 2 s for the rate limit" in out, "stopped by" in out) == (signals != ["SIGTERM"], False)
