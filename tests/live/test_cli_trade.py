"""`python -m live.runner --paper` at the fake broker: what it refuses, says, and writes down as it ends."""

import re
import sqlite3

import polars as pl
import pytest

from live.cli import app
from live.funnel import funnel
from live.reading import Reading
from live.status import app as status
from live.trader import Trader
from research.console import run
from research.data.sample import load_sample
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, SECRET

TRADE = ["--paper", "--once", "--strategy", "adaptive_momentum", "--symbols", "IBM"]
TRADE += ["--history", "2005-01-03", "--capital", "40000"]


@pytest.fixture
def home(paper_keys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fake(home):
    bars = load_sample(["IBM"]).filter(pl.col("bar_close").dt.year() < 2012)
    with FakeAlpaca(bars, start="2010-01-05T01:00", settings=Settings(keys={KEY: SECRET})) as made:
        yield made


@pytest.fixture
def told(fake, capsys):
    def say(*arguments):
        status = run(app, [*TRADE, "--host", fake.url, *arguments], name="python -m live.runner")
        seen = capsys.readouterr()
        return status, seen.out.splitlines(), seen.err.splitlines()

    return say


def journal(tmp_path):
    (path,) = (tmp_path / "state").rglob("adaptive_momentum.sqlite")
    with sqlite3.connect(path) as db:
        return db.execute("SELECT kind, text FROM events ORDER BY seq").fetchall()


def test_capital_that_the_account_does_not_have_is_refused(told, fake, tmp_path):
    fake.exchange.account.cash = 40_000.0
    status, out, err = told("--capital", "40001")
    assert (status, out, len(err)) == (2, [], 1)
    assert "--capital must be at most the account's equity, was 40001 of 40000.00 USD" in err[0]
    assert err[0].endswith("give --capital 40000 or less")
    assert not list((tmp_path / "state").rglob("adaptive_momentum.sqlite"))
    assert fake.orders() == []
    assert told()[0] == 0
    # What the account has lost since is the risk door's affair: a journal that exists goes on.
    fake.exchange.account.cash = 39_000.0
    assert told()[0] == 0


def test_quiet_leaves_to_the_journal_what_comes_with_every_order(told, fake, tmp_path):
    status, out, _ = told("--quiet")
    assert (status, out) == (0, [])
    assert len(fake.orders()) == 1
    assert journal(tmp_path)[-1][0] == "sent"
    fake.settings.account["trading_blocked"] = True
    fake.trade_by_hand("IBM", 3.0)
    status, out, _ = told("--quiet")
    assert status == 0
    assert any("3 shares" in line or "has 3" in line for line in out)
    assert not any(" sent " in line or " executed " in line for line in out)


def test_without_quiet_it_says_all(told):
    status, out, _ = told()
    assert status == 0
    assert out[0].startswith("adaptive_momentum on IBM begins after 2010-01-04T21:00:00")
    assert sum(" sent " in line for line in out) == 1


def test_a_failure_that_nobody_foresaw_is_in_the_journal_too_with_once(told, tmp_path, monkeypatch):
    def fail(_self):
        raise ZeroDivisionError("by a bug")

    monkeypatch.setattr(Trader, "tick", fail)
    with pytest.raises(ZeroDivisionError):
        told()
    assert journal(tmp_path)[-1] == ("failed", "ZeroDivisionError: by a bug")


SHORT = ["--history", "2000-01-03", "--capital", "40000", "--allow-short"]
# On the evening of 2008-10-08 momentum and trend are down: with --allow-short the strategy sells.
CRASH = "2008-10-09T01:00"


@pytest.mark.parametrize("multiplier", [1.0, 2.0])
def test_a_short_entry_is_sent_if_the_command_and_the_account_allow_it(home, capsys, multiplier):
    bars = load_sample(["IBM"]).filter(pl.col("bar_close").dt.year() < 2009)
    settings = Settings(keys={KEY: SECRET}, multiplier=multiplier)
    with FakeAlpaca(bars, start=CRASH, settings=settings) as fake:
        status = run(app, [*TRADE, *SHORT, "--host", fake.url], name="python -m live.runner")
        sent = [(order.side, order.symbol, order.type) for order in fake.orders()]
    said = capsys.readouterr().out
    assert status == 0
    assert sent == ([("sell", "IBM", "market")] if multiplier > 1.0 else [])
    assert ("a short sale must be allowed by rules, account and asset" in said) == (multiplier == 1.0)


def written(tmp_path, monkeypatch, text):
    """Write the settings file of a user."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "config" / "onepath" / "alpaca.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)


def in_force(tmp_path):
    (path,) = (tmp_path / "state").rglob("limits.sqlite")
    with sqlite3.connect(path) as db:
        return dict(db.execute("SELECT name, value FROM rules"))


def test_a_run_with_the_defaults_sends_what_its_strategy_asks(told, fake, tmp_path):
    """The audit's case: one symbol, the default capital; 54,304.50 USD had been blocked at 50,000."""
    status, out, _ = told("--capital", "100000")
    assert status == 0
    assert not any("blocked" in line for line in out)
    (order,) = fake.orders()
    assert order.qty * 131 > 50_000  # IBM closed at 132.45
    assert in_force(tmp_path)["order_notional"] == "150000"


def test_a_limit_of_the_settings_file_holds(told, fake, tmp_path, monkeypatch):
    written(tmp_path, monkeypatch, "[limits]\norder_notional = 1_000\ndaily_loss = 0.01\n")
    status, out, _ = told()
    assert status == 0
    assert fake.orders() == []
    assert any("blocked by order notional: order must be ≤ 1000 USD, was " in line for line in out)
    known = in_force(tmp_path)
    assert (known["order_notional"], known["daily_loss"], known["positions"]) == ("1000", "0.01", "20")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("order_notionl = 1", "unknown limit in {} 'order_notionl'; did you mean 'order_notional'?"),
        ("daily_loss = 3", "limit `daily_loss` in {} must be a fraction in (0, 1], was 3; write it like"),
    ],
)
def test_a_wrong_limit_is_refused_before_anything_is_begun(told, fake, tmp_path, monkeypatch, line, said):
    written(tmp_path, monkeypatch, f"[limits]\n{line}\n")
    status, out, err = told()
    assert (status, out, len(err)) == (2, [], 1)
    assert said.format(tmp_path / "config" / "onepath" / "alpaca.toml") in err[0]
    assert fake.log.count("GET /v2/account") == 0
    assert not list((tmp_path / "state").rglob("*.sqlite"))


def test_a_check_of_the_door_is_named_in_status_and_in_the_funnel(told, fake, tmp_path, monkeypatch, capsys):
    """Before, status said `entry +307` and the next bar "not filled at the broker"."""
    written(tmp_path, monkeypatch, "[limits]\norder_notional = 1_000\n")
    assert told()[0] == 0
    monkeypatch.setenv("COLUMNS", "120")
    run(status, ["--paper"], name="python -m live.status")
    (line,) = [
        line for line in capsys.readouterr().out.splitlines() if "2010-01-04 21:00" in line and "IBM" in line
    ]
    assert "blocked: order notional (order must be ≤ 1000 USD, was " in line
    for now in ("2010-01-05T21:05", "2010-01-06T01:00", "2010-01-06T21:05"):
        fake.advance_to(now)
        assert told()[0] == 0
    assert fake.orders() == []
    (path,) = (tmp_path / "state").rglob("adaptive_momentum.sqlite")
    with Reading.journal(path) as reading:
        found = funnel(reading)
        lapsed = reading.rows("SELECT text FROM events WHERE kind = 'lapsed'")
    assert found.became == {"blocked: order notional": 2, "new": 1}
    assert found.blame == "of 3 entries 2 end at: blocked: order notional"
    assert len(lapsed) == 2
    assert all("lapsed: blocked: order notional (" in text for (text,) in lapsed)


def test_what_was_blocked_for_a_while_is_not_said_of_an_order_that_went(told, fake, tmp_path, monkeypatch):
    written(tmp_path, monkeypatch, "[limits]\norder_notional = 1_000\n")
    assert told()[0] == 0
    (tmp_path / "config" / "onepath" / "alpaca.toml").unlink()
    assert told()[0] == 0
    assert len(fake.orders()) == 1
    (path,) = (tmp_path / "state").rglob("adaptive_momentum.sqlite")
    with sqlite3.connect(path) as db:
        query = "SELECT status, note FROM orders WHERE leg = 'entry'"
        assert db.execute(query).fetchall() == [("accepted", "")]
    fake.advance_to("2010-01-05T21:05")
    assert told()[0] == 0
    with sqlite3.connect(path) as db:
        assert ("filled", "") in db.execute(query).fetchall()


def test_a_run_says_at_its_start_what_its_limits_would_have_blocked(told, fake, tmp_path, monkeypatch):
    status, out, _ = told()
    assert status == 0
    (line,) = [line for line in out if line.startswith("limits ")]
    asked = "by size and by the list of restricted symbols; "
    asked += "prices, rates, open orders and buying power cannot be foreseen"
    assert re.fullmatch(rf"limits    would have let pass all \d+ entries of the backtest {asked}", line)
    written(tmp_path, monkeypatch, "[limits]\norder_notional = 1_000\n")
    status, out, _ = told("--quiet")  # the same journal, and a thing that must not pass unnoticed
    (line,) = [line for line in out if "backtest" in line]
    said = r"  limits .*would have blocked (\d+) of the backtest's \1 entries \(order notional \1\); \["
    assert status == 0
    assert re.search(said, line)


def test_restricted_symbols_are_said_at_the_start(told, fake, tmp_path, monkeypatch):
    written(tmp_path, monkeypatch, '[limits]\nrestricted = ["GME", "ibm"]\n')
    status, out, (err,) = told()
    assert (status, out) == (2, [])
    assert "must be a list of symbols in capitals, was or held 'ibm'; " in err
    blocks = r"would have blocked (\d+) of the backtest's \1 entries \(restricted \1\)"
    for names, said in (
        ('["GME"]', "GME (none of this run)"),
        ('["IBM", "GME"]', "GME, IBM (of this run IBM)"),
    ):
        written(tmp_path, monkeypatch, f"[limits]\nrestricted = {names}\n")
        status, out, _ = told("--journal", str(tmp_path / f"{len(names)}.sqlite"))
        (line,) = [line for line in out if line.startswith("limits ")]
        assert status == 0
        assert f"; restricted: {said}; prices, " in line
        assert bool(re.search(blocks, line)) == ("IBM" in names)
    path = tmp_path / f"{len(names)}.sqlite"
    for change in (  # as before 2026-11-23, without symbols; then as of a model, of which no backtest is made
        "UPDATE meta SET value = replace(value, ', \"IBM\"]', ']') WHERE key = 'asked_by_backtest'",
        "DELETE FROM meta WHERE key = 'asked_by_backtest'",
    ):
        with sqlite3.connect(path) as db:
            assert db.execute(change).rowcount == 1
        status, out, _ = told("--journal", str(path), "--quiet")
        (line,) = [line for line in out if "(of this run IBM)" in line]
        assert status == 0
        assert re.search(f"{blocks}|none was made of this run", line)


def test_bars_that_are_always_too_old_are_said_at_each_start(told, fake, tmp_path, monkeypatch):
    said = (
        "stale_after of 60 s blocks every entry of 1Day bars, sent 10800 s after the close at the soonest; "
    )
    written(tmp_path, monkeypatch, "[limits]\nstale_after = 60\n")
    for more in ((), ("--quiet",)):
        status, out, _ = told(*more)
        lines = [line for line in out if "blocks every entry" in line]
        assert (status, len(lines)) == (0, 1 if more else 2)  # of the start, and the event
        for line in lines:
            assert re.search(r"blocked (\d+) of the backtest's \1 entries \(stale bar \1\); " + said, line)
    with sqlite3.connect(next((tmp_path / "state").rglob("adaptive_momentum.sqlite"))) as db:
        db.execute("DELETE FROM meta WHERE key = 'asked_by_backtest'")  # as of a model: none was made
    status, out, _ = told("--quiet")
    assert any(f"none was made of this run; {said}" in line for line in out)
    assert fake.orders() == []


def test_a_symbol_that_is_halted_does_not_end_a_run_of_others(home, capsys, tmp_path):
    bars = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close").dt.year().is_between(2005, 2010))
    with FakeAlpaca(bars, start="2010-01-05T01:00", settings=Settings(keys={KEY: SECRET})) as fake:
        words = [*TRADE, "--host", fake.url, "--symbols", "AAPL,IBM", "--param", "trail=0.03"]

        def look(at=None):
            if at is not None:
                fake.advance_to(at)
            status = run(app, words, name="python -m live.runner")
            said = capsys.readouterr()
            return status, said.out, said.err

        def stops():
            return {o.symbol: o.stop_price for o in fake.orders() if o.open and o.stop_price is not None}

        assert look()[0] == 0
        assert look("2010-01-05T14:31")[0] == 0
        assert set(stops()) == {"AAPL", "IBM"}
        first = stops()
        halted = {"symbol": "IBM", "status": "inactive", "tradable": False}
        fake.fault("GET /v2/assets/IBM", "200", times=0, body=halted)
        ratcheted = False
        for day in ("06", "07"):
            status, out, err = look(f"2010-01-{day}T01:00")
            assert (status, err) == (0, "")
            assert "not tradable" in out
            assert "the broker takes no order of IBM; asked again in a while" in out
            now = stops()
            assert now["IBM"] == first["IBM"]  # not even for a moment without
            ratcheted = ratcheted or now["AAPL"] > first["AAPL"]
        assert ratcheted
        assert "protect of IBM blocked by tradable" in " ".join(text for _, text in journal(tmp_path))
