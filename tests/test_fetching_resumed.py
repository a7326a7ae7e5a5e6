"""A fetch of more than a minute's requests, or a long symbol, waits, is interrupted, and goes on."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from live.keys import access
from live.line import Unhurried
from live.pace import Pace
from live.schedule import Hours
from live.talk import data_talk
from research.cli import app
from research.console import run
from research.data.provenance import Origin, Provenance, usual_folder
from research.data.store import BarStore
from research.errors import BadValue, DataError, Unreachable
from research.fetching import fill_store
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.worlds import AAA, MONDAY, at, daily, table, week

FIRST = date(2026, 3, 1)
BARS = "GET /v2/stocks/bars"
KEYS = {"APCA_API_KEY_ID": "key", "APCA_API_SECRET_KEY": "secret"}
MANY = [f"S{i:02}" for i in range(70)]


@pytest.fixture(scope="module")
def market():
    with FakeAlpaca(
        daily(None, 30, **dict.fromkeys(MANY, AAA)), start=at(1, "16:01"), calendar=week()
    ) as server:
        yield server


def anew(market):
    """Return a server that has no fault before it and no call behind it."""
    market.script.faults.clear()
    market.log.calls.clear()
    return market


@pytest.fixture
def fake(market):
    return anew(market)


@pytest.fixture
def store(tmp_path):
    return BarStore(tmp_path / "bars")


def unhurried(fake, tmp_path, waits, per_minute=150):
    """Return a line whose minute passes when it is told to wait, and what it was told."""
    now = [0.0]

    def idle(seconds):
        waits.append(seconds)
        now[0] += seconds

    talk = data_talk(access(host=fake.url, environment=KEYS, file=tmp_path / "none.toml"))
    pace = Pace(per_minute, 30 if per_minute > 30 else 0, clock=lambda: now[0])
    return Unhurried(talk, idle, pace, patience=3.0)


def asked(fake):
    return [call.query["symbols"] for call in fake.log.of(BARS)]


def test_seventy_symbols_wait_out_our_own_minute_and_cost_nothing_again(fake, tmp_path, store):
    waits: list[float] = []
    line = unhurried(fake, tmp_path, waits)
    done = fill_store(line, store, MANY, FIRST, at(1, "16:01"))
    assert [(f.new, f.stored, f.asked) for f in done] == [(2, 2, True)] * 70
    assert waits == [60.0]
    assert len(asked(fake)) == 140
    again = fill_store(line, store, MANY, FIRST, at(1, "17:30"))
    assert [(f.new, f.stored, f.asked) for f in again] == [(0, 2, False)] * 70
    assert len(asked(fake)) == 140


def test_an_interruption_past_the_sixtieth_goes_on_with_the_next(fake, tmp_path, store):
    fake.fault(BARS, "503", times=0, match={"symbols": "S65"})
    with pytest.raises(Unreachable, match="run the same command again, it goes on where it ended"):
        fill_store(unhurried(fake, tmp_path, []), store, MANY, FIRST, at(1, "16:01"))
    assert len(store.symbols()) == 65
    fake.script.faults.clear()
    fake.log.calls.clear()
    done = fill_store(unhurried(fake, tmp_path, []), store, MANY, FIRST, at(1, "16:02"))
    assert asked(fake) == [symbol for symbol in MANY[65:] for _ in "ra"]
    assert [f.stored for f in done] == [2] * 70


def test_a_broker_that_asks_to_wait_is_waited_for(fake, tmp_path, store):
    fake.fault(BARS, "429", times=2)
    waits: list[float] = []
    fill_store(unhurried(fake, tmp_path, waits), store, ["S00"], FIRST, at(1, "16:01"))
    assert waits == [1.0, 1.0]  # its Retry-After
    assert store.read()["close"].to_list() == [AAA[0][3], AAA[1][3]]


def test_a_broker_that_asks_to_wait_for_ever_is_not(fake, tmp_path, store):
    fake.fault(BARS, "429", times=0)
    waits: list[float] = []
    with pytest.raises(Unreachable, match="429"):
        fill_store(unhurried(fake, tmp_path, waits), store, ["S00"], FIRST, at(1, "16:01"))
    assert waits == [1.0] * 20


# --- one long symbol ---------------------------------------------------------------------------

DAYS = [MONDAY + timedelta(days=7 * w + d) for w in range(26) for d in range(5)]
LONG = week(weeks=26)
HOURS = [Hours(session.open, session.close) for session in LONG.between(DAYS[0], DAYS[-1])]


def seldom():
    """Return minutes of half a year, three a session and none in May."""
    open_ = {s.open.date(): s.open for s in LONG.between(DAYS[0], DAYS[-1])}
    rows = []
    for i, day in enumerate(d for d in DAYS if d.month != 5):
        for j, minute in enumerate((30, 31, 32)):
            price = 100.0 + i / 10 + j / 100
            rows.append(("AAA", open_[day] + timedelta(minutes=minute), price, price, price, price))
    return table(rows)


@pytest.fixture(scope="module")
def half_a_year():
    with FakeAlpaca(seldom(), start=datetime(2026, 8, 28, 21, tzinfo=UTC), calendar=LONG) as server:
        yield server


@pytest.fixture
def long(half_a_year):
    return anew(half_a_year)


def test_a_long_symbol_is_written_in_windows_and_goes_on_in_the_next(long, tmp_path, store):
    end, told = datetime(2026, 8, 28, 21, tzinfo=UTC), []

    def fill():
        def on_window(symbol, until):
            told.append(until.date())

        return fill_store(line, store, ["AAA"], FIRST, end, interval="1Min", hours=HOURS, on_window=on_window)

    long.fault(BARS, "503", nth=7, times=0)
    line = unhurried(long, tmp_path, [])
    with pytest.raises(Unreachable):
        fill()
    assert told == [date(2026, 3, 31), date(2026, 4, 29), date(2026, 5, 28)]
    kept = store.read()
    assert kept["bar_close"].max().date() == date(2026, 4, 30)
    long.script.faults.clear()
    long.log.calls.clear()
    (filled,) = fill()
    assert long.log.of(BARS)[0].query["start"] == "2026-04-30"
    bars = seldom()
    assert filled.stored == bars.height
    assert filled.new == bars.height - kept.height
    assert store.read(["AAA"])["close"].to_list() == bars["close"].to_list()
    assert store.read(["AAA"])["bar_close"].to_list() == bars["bar_close"].to_list()


def test_what_is_asked_for_later_than_the_last_session_is_not_asked_again(long, tmp_path, store):
    line = unhurried(long, tmp_path, [])

    def fill(symbols, first, day):
        end = datetime(2026, 8, day, tzinfo=UTC)
        return fill_store(line, store, symbols, first, end, interval="1Min", hours=HOURS)

    fill(["AAA", "GONE"], date(2026, 8, 20), 29)
    long.log.calls.clear()
    done = fill(["AAA", "GONE"], date(2026, 8, 20), 30)
    assert [(f.stored, f.asked) for f in done] == [(21, False), (0, False)]
    assert long.log.of(BARS) == []
    (earlier,) = fill(["AAA"], date(2026, 8, 3), 30)
    assert "bars before 2026-08-20, the day from which on it is stored" in earlier.faults[0]
    fill(["GONE"], date(2026, 8, 3), 30)
    assert long.log.of(BARS)[0].query["start"] == "2026-08-03"


# --- what a store holds ------------------------------------------------------------------------


def test_bars_of_another_length_or_feed_are_refused(fake, tmp_path, store):
    line = unhurried(fake, tmp_path, [])
    fill_store(line, store, ["S00"], FIRST, at(1, "16:01"))
    calls = len(asked(fake))
    for interval, feed in (("1Min", "iex"), ("1Day", "sip")):
        with pytest.raises(BadValue, match="holds 1Day bars of feed iex with adjustment all, asked for are"):
            fill_store(line, store, ["S01"], FIRST, at(1, "16:01"), interval=interval, feed=feed)
    assert len(asked(fake)) == calls
    assert store.symbols() == ("S00",)


def test_a_store_that_does_not_say_what_it_holds_is_left_alone(fake, tmp_path, store):
    line = unhurried(fake, tmp_path, [])
    store.write(daily().with_columns(adj_factor=1.0))
    with pytest.raises(BadValue, match="of what interval and feed is not written"):
        fill_store(line, store, ["S00"], FIRST, at(1, "16:01"))
    (store.path / "store.json").write_text('{"bars": 3}')
    with pytest.raises(DataError, match=r"store\.json is damaged"):
        fill_store(line, store, ["S00"], FIRST, at(1, "16:01"))


@pytest.mark.parametrize("more", [{"interval": "2Min"}, {"feed": "none"}])
def test_what_does_not_exist_makes_no_store(fake, tmp_path, store, more):
    with pytest.raises(BadValue, match="must be one of"):
        fill_store(unhurried(fake, tmp_path, []), store, ["S00"], FIRST, at(1, "16:01"), **more)
    assert not store.path.exists()


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def fetch(fake, tmp_path, monkeypatch, capsys):
    """Return the command as the issue has it, with the keys of a settings file that says live."""
    file = tmp_path / "alpaca.toml"
    file.write_text('key = "key"\nsecret = "secret"\nlive = true\n')
    file.chmod(0o600)
    for name in (*KEYS, "ONEPATH_LIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("live.keys.settings_file", lambda: file)
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "data" / name)

    def call(*more):
        words = ["fetch", "--symbols", "S00,S01", "--start", "2026-03-01", "--host", fake.url, *more]
        status = run(app, words, name="research")
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return call


def test_the_command_needs_keys_and_no_opt_in_and_has_a_folder(fake, fetch, tmp_path):
    folder = tmp_path / "data" / "onepath" / "bars" / f"iex-1Day-127.0.0.1-{fake.url.rpartition(':')[2]}"
    told = f"wrote {folder}; use it with --bars {folder}"
    assert fetch() == (0, ["S00: 2 new bars, 2 stored", "S01: 2 new bars, 2 stored", told], "")
    assert BarStore(folder).symbols() == ("S00", "S01")
    assert json.loads((folder / "store.json").read_text())["bars"]["interval"] == "1Day"
    assert fetch()[:2] == (0, ["S00: up to date, 2 stored", "S01: up to date, 2 stored", told])


def test_the_command_says_that_it_waits(fake, fetch, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("research.cli_fetch.time.sleep", slept.append)
    monkeypatch.setattr("live.line.Pace", lambda: Pace(3, 0, clock=lambda: 60.0 * len(slept)))
    status, out, err = fetch()
    assert (status, err) == (0, "waiting 60 s for the rate limit\n")
    assert slept == [60.0]
    assert out[:2] == ["S00: 2 new bars, 2 stored", "S01: 2 new bars, 2 stored"]


def test_a_mix_is_one_line(fake, fetch, tmp_path):
    out = ("--out", str(tmp_path / "one"))
    assert fetch(*out)[0] == 0
    status, said, err = fetch(*out, "--interval", "1Min")
    assert (status, said, err.count("\n")) == (2, [], 1)
    whose = f"with adjustment all from {fake.url.partition('//')[2]}"
    assert f"holds 1Day bars of feed iex {whose}, asked for are 1Min bars of feed iex {whose}; name" in err


# --- whose bars they are -----------------------------------------------------------------------


def test_bars_of_a_broker_on_this_machine_never_come_among_those_of_alpaca(fake, fetch, tmp_path):
    """A store of before does not say whose its bars are: they are Alpaca's."""
    theirs = tmp_path / "data" / "onepath" / "bars" / "iex-1Day"
    theirs.mkdir(parents=True)
    told = '{"bars": {"interval": "1Day", "feed": "iex", "adjustment": "all"}, "asked": {}}'
    (theirs / "store.json").write_text(told)
    assert usual_folder(Origin("1Day", "iex")) == theirs
    Provenance(theirs).require(Origin("1Day", "iex"))
    assert fetch()[0] == 0
    assert [path.name for path in theirs.iterdir()] == ["store.json"]
    calls = len(fake.log.calls)
    status, said, err = fetch("--out", str(theirs))
    asked_for = f"asked for are 1Day bars of feed iex with adjustment all from {fake.url.partition('//')[2]}"
    assert (status, said, err.count("\n")) == (2, [], 1)
    assert f"{theirs} holds 1Day bars of feed iex with adjustment all, {asked_for}; " in err
    assert err.endswith("name another folder (--out)\n")
    assert len(fake.log.calls) == calls
    assert (theirs / "store.json").read_text() == told


def test_two_brokers_on_this_machine_have_a_folder_each(fetch, tmp_path):
    assert fetch()[0] == 0
    rows = dict.fromkeys(("S00", "S01"), AAA)
    with FakeAlpaca(daily(None, 30, **rows), start=at(0, "16:01"), calendar=week()) as other:
        assert fetch("--host", other.url)[1][0] == "S00: 1 new bars, 1 stored"
        (first,) = (
            path for path in (tmp_path / "data/onepath/bars").iterdir() if other.url[-5:] not in path.name
        )
        assert BarStore(first).read(["S00"]).height == 2
        status, _, err = fetch("--host", other.url, "--out", str(first))
    assert status == 2
    assert f"asked for are 1Day bars of feed iex with adjustment all from {other.url[7:]}; name" in err
