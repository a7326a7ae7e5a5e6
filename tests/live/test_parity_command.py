"""`live.runner --paper`, then `live.parity`, as typed: default settings agree with the backtest."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from live.cli import app as runner
from live.parity import app as parity
from research.console import run
from research.data import load_sample
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, NAMES, SECRET
from tests.live.helpers import query

START = datetime.fromisoformat("2010-01-04T21:01:00+00:00")
WORDS = ["--symbols", "AAPL,IBM", "--history", "2005-01-03"]


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Return a broker whose slippage is what a backtest assumes."""
    for name, value in {**NAMES, "ONEPATH_HOME": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("ONEPATH_LIVE", raising=False)
    bars = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close").dt.year() < 2012)
    with FakeAlpaca(bars, start=START, settings=Settings(keys={KEY: SECRET}, slippage=0.0005)) as made:
        yield made


def trade(fake, *more, sessions=4):
    """Run the command anew at each instant of some sessions, as if it were stopped in between."""
    words = ["--paper", "--once", "--host", fake.url, *WORDS, *more]
    assert run(runner, words, name="runner") == 0
    ahead = fake.calendar.between(START.date(), (START + timedelta(days=2 * sessions + 9)).date())
    for session in [session for session in ahead if session.open > START][:sessions]:
        evening = session.open.replace(hour=0, minute=30)
        for at in (evening, session.open + timedelta(seconds=20), session.close + timedelta(minutes=1)):
            fake.advance_to(at)
            assert run(runner, words, name="runner") == 0


def journal(tmp_path):
    (path,) = (tmp_path / "state").rglob("adaptive_momentum.sqlite")
    return path


@pytest.fixture
def bars(tmp_path):
    """Return the file of the bars that the runner began with."""
    path = tmp_path / "bars.parquet"
    since = pl.datetime(2005, 1, 3, time_zone="UTC")
    load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close") > since).write_parquet(path)
    return path


def test_default_settings_differ_in_nothing(fake, tmp_path, bars, capsys):
    """No setting but the symbols is given, and nothing is patched: levels rest in cents."""
    trade(fake)
    assert "\ncosts     no commission, as the broker takes none; slippage of 5 bp" in capsys.readouterr().out
    fills = query(journal(tmp_path), "SELECT symbol, side, fee FROM fills ORDER BY seq")
    assert fills == [("AAPL", 1, 0.0), ("IBM", 1, 0.0)]
    assert run(parity, ["--journal", str(journal(tmp_path)), "--bars", str(bars)], name="parity") == 0
    assert "all 10 decisions agree with the backtest, bit for bit" in capsys.readouterr().out


def test_a_commission_that_is_given_is_told_to_be_booked_nowhere(fake, tmp_path, bars, capsys):
    trade(fake, "--commission", "0.001", sessions=2)
    out = capsys.readouterr().out
    assert "\ncosts     commission of 10 bp counts in the labels that a model learns from, and nowhere" in out
    assert [fee for (fee,) in query(journal(tmp_path), "SELECT fee FROM fills")] == [0.0, 0.0]
    # Fees move cash alone, and no decision has been made of it yet: named, without effect.
    assert run(parity, ["--journal", str(journal(tmp_path)), "--bars", str(bars)], name="parity") == 0
    told = capsys.readouterr().out
    assert "fill 1, such as AAPL bought 128 at 214.7073 (entry, fee 0.00), simulated bought 128" in told
    assert "(entry, fee 27.48)" in told  # 128 · 214.7073 · 0.001
    # A journal of another commission does not go on silently as one without.
    words = ["--paper", "--once", "--host", fake.url, *WORDS]
    assert run(runner, words, name="runner") == 2
    assert "execution commission 0.001, this run has 0.0" in capsys.readouterr().err
