"""Keys that were regenerated, as a user meets it: limits, kill switch and journal of the account go on."""

import polars as pl
import pytest

from live.cli import NAME, app
from live.kill import app as kill_app
from live.limits import KILL, Limits
from research.console import run
from research.data import load_sample
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, SECRET

NEW = "AKNEWKEY0001"


@pytest.fixture
def tape():
    bars = load_sample(["IBM"]).filter(pl.col("bar_close").dt.year() < 2003)
    return bars, str(bars["bar_close"].max())


@pytest.fixture
def told(monkeypatch, tmp_path, capsys):
    """Return a function: a fake, a key and more words to status, lines of stdout, stderr."""
    monkeypatch.setenv("ONEPATH_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("ONEPATH_LIVE", raising=False)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)

    def say(command, fake, key, *words):
        monkeypatch.setenv("APCA_API_KEY_ID", key)
        status = run(command, [*words, "--host", fake.url], name=NAME)
        out, err = capsys.readouterr()
        assert key not in out + err
        return status, out.splitlines(), err

    return say


RUN = ("--paper", "--strategy", "ma_crossover", "--history", "2000-01-04", "--symbols", "IBM", "--once")


def test_latch_switch_and_journal_go_on_under_new_keys(tape, told, tmp_path):
    bars, start = tape
    with FakeAlpaca(bars, start=start, settings=Settings(keys={KEY: SECRET})) as fake:
        assert told(app, fake, KEY, *RUN)[0] == 0
        (file,) = (tmp_path / "state").rglob("limits.sqlite")
        with Limits.at(file) as limits:
            limits.latch("drawdown", "26 %", fake.now)
        fake.settings.keys = {NEW: SECRET}
        # The kill command comes first, as after a leak: what it latches is the account's.
        status, out, _ = told(kill_app, fake, NEW)
        assert status == 0
        moved = f"other keys, same account PA{fake.exchange.account.id[:8].upper()}: goes on in {file.parent}"
        assert f"account   {moved}" in out
        status, out, err = told(app, fake, NEW, *RUN)
        assert (status, err) == (0, "")
        assert "goes on after" in out[0]
        assert str(file.parent / "ma_crossover.sqlite") in out[1]
        with Limits.at(file) as limits:
            assert set(limits.latched()) == {KILL, "drawdown"}
        assert any("limit `drawdown`" in line for line in out)


def test_the_runner_says_once_whose_folder_it_found(tape, told):
    bars, start = tape
    with FakeAlpaca(bars, start=start) as fake:
        assert told(app, fake, KEY, *RUN)[0] == 0
        status, out, _ = told(app, fake, NEW, *RUN, "--quiet")
        assert status == 0
        assert [line for line in out if "other keys, same account" in line] == out[:1]
        assert told(app, fake, NEW, *RUN, "--quiet")[1] == []


def test_another_account_is_refused(tape, told, tmp_path):
    bars, start = tape
    with FakeAlpaca(bars, start=start) as fake:
        assert told(app, fake, KEY, *RUN)[0] == 0
    (journal,) = (tmp_path / "state").rglob("ma_crossover.sqlite")
    with FakeAlpaca(bars, start=start, seed=1) as other:
        status, out, err = told(app, other, KEY, *RUN)
        assert (status, out) == (2, [])
        assert "must be of the account that the keys open" in err
        status, out, err = told(app, other, NEW, *RUN, "--journal", str(journal))
        assert (status, out) == (2, [])
        assert "was made with account paper-" in err
        assert other.log.of("POST /v2/orders") == []
