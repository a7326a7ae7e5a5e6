"""`live.runner --paper`, then `live.parity`, as typed: default settings agree with the backtest."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from live.cli import app as runner
from live.parity import app as parity
from research.cli import app as research
from research.console import run
from research.data import load_sample
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, NAMES, SECRET
from tests.live.helpers import change, query

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


def told(capsys, tmp_path, *more):
    """Ask for parity; return its status and everything it said."""
    status = run(parity, ["--journal", str(journal(tmp_path)), *more], name="parity")
    out, err = capsys.readouterr()
    return status, out + err


def test_default_settings_differ_in_nothing(fake, tmp_path, capsys):
    """No setting but the symbols is given, and nothing is patched: levels rest in cents."""
    trade(fake)
    assert "\ncosts     no commission, as the broker takes none; slippage of 5 bp" in capsys.readouterr().out
    fills = query(journal(tmp_path), "SELECT symbol, side, fee FROM fills ORDER BY seq")
    assert fills == [("AAPL", 1, 0.0), ("IBM", 1, 0.0)]
    status, out = told(capsys, tmp_path)
    assert status == 0
    assert "all 10 decisions agree with the backtest, bit for bit" in out
    assert "the journal's own bars were taken" in out


def test_a_commission_that_is_given_is_told_to_be_booked_nowhere(fake, tmp_path, capsys):
    trade(fake, "--commission", "0.001", sessions=2)
    out = capsys.readouterr().out
    assert "\ncosts     commission of 10 bp counts in the labels that a model learns from, and nowhere" in out
    assert [fee for (fee,) in query(journal(tmp_path), "SELECT fee FROM fills")] == [0.0, 0.0]
    # Fees move cash alone, and no decision has been made of it yet: named, without effect.
    status, out = told(capsys, tmp_path)
    assert status == 0
    assert "fill 1, such as AAPL bought 128 at 214.7073 (entry, fee 0.00), simulated bought 128" in out
    assert "(entry, fee 27.48)" in out  # 128 · 214.7073 · 0.001
    # A journal of another commission does not go on silently as one without.
    words = ["--paper", "--once", "--host", fake.url, *WORDS]
    assert run(runner, words, name="runner") == 2
    assert "execution commission 0.001, this run has 0.0" in capsys.readouterr().err


def test_bars_that_were_revised_since_are_brought_by_bars(fake, tmp_path, capsys):
    trade(fake, sessions=1)
    bars = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close") > datetime(2005, 1, 3, tzinfo=UTC))
    bars.write_parquet(tmp_path / "same.parquet")
    assert told(capsys, tmp_path, "--bars", str(tmp_path / "same.parquet"))[0] == 0
    for day, what in ((date(2010, 1, 5), "revised bar"), (date(2009, 12, 30), "missing warm-up")):
        close = pl.when(pl.col("bar_close").dt.date() == day).then(pl.col("high")).otherwise(pl.col("close"))
        bars.with_columns(close=close).write_parquet(tmp_path / "now.parquet")
        status, out = told(capsys, tmp_path, "--bars", str(tmp_path / "now.parquet"))
        assert (status, what in out) == (1, True), out


def test_a_journal_without_its_first_bars_says_which_they_are(fake, tmp_path, capsys):
    trade(fake, sessions=1)
    capsys.readouterr()
    change(journal(tmp_path), "UPDATE warmup SET bars = substr(bars, 2)")
    status, out = told(capsys, tmp_path)
    assert (status, "the bars it was begun after are not what was written" in out) == (2, True)
    change(journal(tmp_path), "DROP TABLE warmup")
    status, out = told(capsys, tmp_path)
    assert status == 2
    assert out.count("\n") == 1
    assert "begun after 1259 bars of the vendor's bars that it does not hold" in out
    # The sample's first session from the day on that --history says.
    assert "`python -m research fetch --symbols AAPL,IBM --start 2005-01-03 --interval 1Day --feed iex" in out


def test_the_store_that_it_says_to_fetch_is_read(fake, tmp_path, capsys):
    """An older journal: what the refusal says is done, word by word, and agrees."""
    trade(fake, sessions=2)
    change(journal(tmp_path), "DROP TABLE warmup")
    capsys.readouterr()
    said = told(capsys, tmp_path)[1]
    words = said.partition("`python -m research ")[2].partition("`")[0].split()
    folder = str(tmp_path / "bars")
    assert run(research, [*words, "--host", fake.url, "--out", folder], name="research") == 0
    assert f"wrote {folder}; use it with --bars {folder}" in capsys.readouterr().out
    status, out = told(capsys, tmp_path, "--bars", folder)
    assert status == 0
    assert "all 6 decisions agree with the backtest, bit for bit" in out
    assert "note" not in out


def test_of_intraday_bars_the_days_before_a_run_are_named(fake, tmp_path, capsys):
    trade(fake, sessions=0)
    capsys.readouterr()
    change(
        journal(tmp_path),
        "DROP TABLE warmup",
        "UPDATE meta SET value = replace(value, '1Day', '1Min') WHERE key = 'settings'",
    )
    status, out = told(capsys, tmp_path)
    assert status == 2
    assert "--start 2009-12-05 (or the day that --history said) --interval 1Min" in out


def test_a_run_that_began_with_a_trained_model_agrees_by_its_journal_and_the_model(fake, tmp_path, capsys):
    """Trained without commission, as the account takes it; another cost than its own is refused."""
    words, model = ["--strategy", "mean_reversion_ml", "--symbols", "AAPL,IBM"], str(tmp_path / "model")
    train = ["train", *words, "--learners", "lightgbm", "--start", "2007-01-03", "--end", "2009-11-30"]
    more = ["--retrain-every", "400", "--commission", "0", "--out", model]
    assert run(research, [*train, *more], name="research") == 0
    at_account = ["--paper", "--once", "--host", fake.url, *WORDS, *words[:2], "--model", model]
    assert run(runner, [*at_account, "--commission", "0.001"], name="runner") == 2
    assert "commission" in capsys.readouterr().err
    trade(fake, *words[:2], "--model", model, sessions=3)
    capsys.readouterr()
    (path,) = (tmp_path / "state").rglob("mean_reversion_ml.sqlite")
    assert run(parity, ["--journal", str(path), "--model", model], name="parity") == 0
    assert "all 8 decisions agree with the backtest, bit for bit" in capsys.readouterr().out
