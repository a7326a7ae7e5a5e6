"""A store filled from the vendor over real sockets: resumable, and nothing is lost or asked for twice."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from live.keys import access
from live.line import Line
from live.talk import data_talk
from live.vendor import OUTSIDE
from research.cli import app
from research.console import run
from research.data.provenance import Origin, Provenance
from research.data.store import BarStore
from research.errors import Unreachable
from research.fetching import fill_store
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.worlds import AAA, at, daily, table, week

FIRST = date(2026, 3, 1)
BARS = "GET /v2/stocks/bars"
KEYS = {"APCA_API_KEY_ID": "key", "APCA_API_SECRET_KEY": "secret"}


@pytest.fixture
def fake():
    with FakeAlpaca(daily(), start=at(1, "16:01"), calendar=week()) as server:
        yield server


@pytest.fixture
def store(tmp_path):
    return BarStore(tmp_path / "bars")


@pytest.fixture
def line(fake, tmp_path):
    talk = data_talk(access(host=fake.url, environment=KEYS, file=tmp_path / "none.toml"))
    yield Line(talk, patience=1.0)
    talk.close()


def fill(line, store, fake, symbols=("AAA", "BBB")):
    return {f.symbol: (f.new, f.stored) for f in fill_store(line, store, symbols, FIRST, fake.clock.now())}


def test_a_store_goes_on_where_it_ended(line, store, fake):
    assert fill(line, store, fake) == {"AAA": (2, 2), "BBB": (2, 2)}
    assert fill(line, store, fake) == {"AAA": (0, 2), "BBB": (0, 2)}
    fake.advance_to(at(3, "16:01"))
    begun = len(fake.log.calls)
    assert fill(line, store, fake) == {"AAA": (2, 4), "BBB": (2, 4)}
    assert {call.query["start"] for call in fake.log.calls[begun:]} == {"2026-03-03"}
    assert store.read(["AAA"])["close"].to_list() == [row[3] for row in AAA[:4]]


def test_an_interruption_keeps_what_was_written(line, store, fake):
    fake.fault(BARS, "503", times=0, match={"symbols": "BBB"})
    with pytest.raises(Unreachable):
        fill(line, store, fake)
    assert store.symbols() == ("AAA",)
    fake.script.faults.clear()
    assert fill(line, store, fake) == {"AAA": (0, 2), "BBB": (2, 2)}


def test_a_split_since_re_bases_nothing_that_is_stored(tmp_path, store):
    rows = daily(AAA=[*AAA[:2], (52, 53, 48, 48.5), (45, 46, 44, 45.5)])
    bars = rows.with_columns(adj_factor=pl.Series([0.5, 0.5, 1.0, 1.0]))
    with FakeAlpaca(bars, start=at(1, "16:01"), calendar=week()) as fake:
        talk = data_talk(access(host=fake.url, environment=KEYS, file=tmp_path / "none.toml"))
        fill(Line(talk), store, fake, ["AAA"])
        fake.advance_to(at(3, "16:01"))
        fill(Line(talk), store, fake, ["AAA"])
        talk.close()
    factor = store.read(["AAA"])["adj_factor"].to_list()
    assert [f / factor[-1] for f in factor] == [0.5, 0.5, 1.0, 1.0]


def test_the_command(fake, tmp_path, monkeypatch, capsys):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("live.keys.settings_file", lambda: tmp_path / "none.toml")
    fake.advance_to(at(3, "16:01"))
    words = ["fetch", "--symbols", "AAA,GONE", "--start", "2026-03-01", "--out", str(tmp_path / "s")]
    assert run(app, [*words, "--host", fake.url], name="research") == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "AAA: 4 new bars, 4 stored",
        "GONE: 0 new bars, 0 stored",
        "note: the vendor has no bars of GONE since 2026-03-01",
        f"wrote {tmp_path / 's'}; use it with --bars {tmp_path / 's'}",
    ]
    assert run(app, [*words, "--host", "http://example.com"], name="research") == 2
    assert "a host must be on this machine" in capsys.readouterr().err
    monkeypatch.delenv("APCA_API_KEY_ID")
    assert run(app, [*words, "--host", fake.url], name="research") == 2
    assert "no API key: set APCA_API_KEY_ID" in capsys.readouterr().err
    words[4] = "first of March"
    assert run(app, words, name="research") == 2
    assert "`--start` must be a day" in capsys.readouterr().err


@pytest.mark.parametrize("interval", ["30Min", "1Hour"])
def test_the_command_keeps_bars_of_the_sessions_only(interval, tmp_path, monkeypatch, capsys):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("live.keys.settings_file", lambda: tmp_path / "none.toml")

    class Evening(datetime):
        """After the session: while one is on, a bar may have closed since the first fetch."""

        @classmethod
        def now(cls, tz=None):
            return at(0, "19:00").astimezone(tz)

    monkeypatch.setattr("research.cli_fetch.datetime", Evening)
    begin, half = at(0, "09:30"), timedelta(minutes=30)
    bars = table(("AAA", begin + half * (i + 1), 100 + i, 101 + i, 99 + i, 100 + i) for i in range(13))
    words = ["fetch", "--symbols", "AAA", "--start", "2026-03-01", "--out", str(tmp_path / "s")]
    words += ["--interval", interval]
    settings, count = Settings(extended=True), {"30Min": 13, "1Hour": 7}[interval]
    with FakeAlpaca(bars, start=at(0, "19:00"), calendar=week(), settings=settings) as fake:
        for new in (count, 0):
            assert run(app, [*words, "--host", fake.url], name="research") == 0
            said = capsys.readouterr().out.splitlines()
            assert said[0] == f"AAA: {f'{new} new bars' if new else 'up to date'}, {count} stored"
            assert said[1:-1] in ([f"note: left out {OUTSIDE}"], [])
        assert BarStore(tmp_path / "s").read()["bar_close"].max() == at(0, "16:00")
        # What was stored before it was so: an hour of the clock.
        other = BarStore(tmp_path / "other")
        Provenance(other.path).claim(Origin("1Hour", "iex", host=fake.url.partition("//")[2]))
        other.write(table([("AAA", at(0, "11:00"), 100, 101, 99, 100)]).with_columns(adj_factor=1.0))
        words[6] = str(other.path)
        words[-1] = "1Hour"
        assert run(app, [*words, "--host", fake.url], name="research") != 0
        said = capsys.readouterr().err
        assert "1 of AAA do not (the first closes 2026-03-02 16:00 UTC); fetch into another folder" in said
