"""Keys are found nowhere: no log at DEBUG, no traceback with its locals, no journal, no report, no output."""

import io
import json
import threading
import traceback
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import rich.traceback
from pydantic import SecretStr
from rich.console import Console
from websockets.sync.client import connect

from live.alpaca import AlpacaAccount, OrderConflict
from live.cli import app as runner_app
from live.deadline import Deadlines
from live.keys import Access, access
from live.kill import app as kill_app
from live.line import Line
from live.pace import Pace
from live.stream_line import Lost, Patience, Refused, StreamLine
from live.streams import TradeHints
from live.talk import data_talk, trading_talk
from live.vendor import fetch
from research.cli import app as research_app
from research.console import run
from research.data import load_sample
from research.errors import BadValue, KeysRefused, OnepathError, Unreachable
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.worlds import at, daily, placed, week
from tests.live.canary import KEY, SECRET, sung

ROOT = Path(__file__).parents[2]
QUICK = Patience(open=0.5, reply=0.5, silence=0.2, pong=0.2, first=0.02, longest=0.1, settled=30.0)
ORDER = {
    "client_order_id": "PP-1", "symbol": "AAA", "side": "buy", "qty": "10", "type": "market",
    "time_in_force": "day",
}  # fmt: skip


@pytest.fixture
def fake():
    """Take the canary's pair and no other."""
    with FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week()) as server:
        server.settings.keys = {KEY: SECRET}
        yield server


def known(fake):
    return Access(SecretStr(KEY), SecretStr(SECRET), False, fake.url, fake.url)


@contextmanager
def lines(fake):
    """Give lines to both hosts."""
    talks = trading_talk(known(fake), 1.0), data_talk(known(fake))
    try:
        yield [Line(talk, Pace(10**6, 0), patience=0.5) for talk in talks]
    finally:
        for talk in talks:
            talk.close()


def shown(problem):
    """Return a traceback in each way that shows the most of it."""
    plain = "".join(traceback.format_exception(problem))
    with_locals = "".join(traceback.TracebackException.from_exception(problem, capture_locals=True).format())
    out = io.StringIO()
    trace = rich.traceback.Traceback.from_exception(
        type(problem), problem, problem.__traceback__, show_locals=True, locals_max_string=10**6
    )
    Console(file=out, width=300).print(trace)
    return plain + with_locals + out.getvalue()


def logged(caplog):
    """Return what the records of all loggers say, with their arguments undigested."""
    return "\n".join(f"{r.name} {r.getMessage()} {r.args!r} {r.exc_text}" for r in caplog.records)


def test_a_canary_that_sings_is_heard():
    assert sung(f"... {SECRET} ...")
    assert sung(SECRET[4:-3])
    assert sung(KEY[:13])
    assert not sung(f"{KEY[:11]}, {SECRET[:11]}")


# --- logs --------------------------------------------------------------------------------------


def test_logs_of_reads_writes_and_refusals(fake, caplog):
    with lines(fake) as (trading, data):
        account = AlpacaAccount(trading)
        account.account(), account.clock(), account.positions(), account.open_orders()
        account.submit(ORDER)
        account.cancel(fake.order("PP-1").id)
        fetch(data, ["AAA"], at(0).date(), at(0))
        for kind in ("503", "reset", "html", "empty", "malformed", "redirect", "truncated"):
            fake.fault("GET /v2/account", kind)
            account.account()
        for kind in ("401", "403", "422", "429", "504", "reset"):
            fake.fault("POST /v2/orders", kind)
            with suppress(KeysRefused, Unreachable, OrderConflict):
                account.submit(ORDER | {"client_order_id": f"PP-{kind}"})
    told = logged(caplog)
    assert "urllib3.connectionpool" in told, "nothing was logged at DEBUG, so nothing was looked at"
    assert not sung(told)


def test_logs_of_the_stream(fake, caplog):
    stream = TradeHints(known(fake), lambda text: None, QUICK)
    stream.start()
    try:
        for _ in range(400):
            if any(peer.listening for peer in fake.hub.peers):
                break
            stream._stop.wait(0.01)
        placed(fake)
        fake.hub.cut()
        stream._stop.wait(0.3)
        fake.settings.keys = {KEY: "another"}
        fake.hub.cut()
        for _ in range(400):
            if not any(thread.name == "onepath-stream" for thread in threading.enumerate()):
                break
            stream._stop.wait(0.01)
    finally:
        stream.close()
    assert "does not take these credentials" in " ".join(stream._troubles)
    assert not sung(logged(caplog) + " ".join(stream._troubles))


def test_the_library_itself_logs_the_keys(fake, caplog):
    """What production code silences, seen to be there: else the test above proves nothing."""
    with connect(fake.stream_url) as ws:
        ws.send(json.dumps({"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}}))
        ws.recv(timeout=5)
    assert sung(logged(caplog))
    caplog.clear()


# --- tracebacks --------------------------------------------------------------------------------


def raised(act, *kinds):
    """Return what an act raises."""
    try:
        act()
    except kinds as problem:
        return problem
    raise AssertionError("nothing was raised")


FAULTS = ["401", "503", "mute", "empty"]


@pytest.mark.parametrize("kind", FAULTS)
def test_tracebacks_of_questions_and_orders(fake, kind):
    fake.fault("*", kind, times=0)
    with lines(fake) as (trading, data):
        account = AlpacaAccount(trading)
        told = shown(raised(account.account, OnepathError))
        told += shown(raised(lambda: fetch(data, ["AAA"], at(0).date(), at(0)), OnepathError))
        if kind == "401":
            told += shown(raised(lambda: account.submit(ORDER), KeysRefused))
        else:
            told += repr(account.submit(ORDER))
    assert "Traceback" in told
    assert not sung(told)


def test_traceback_of_a_conflict(fake):
    with lines(fake) as (trading, _):
        account = AlpacaAccount(trading)
        account.submit(ORDER)
        told = shown(raised(lambda: account.submit(ORDER | {"qty": "11"}), OrderConflict))
    assert not sung(told)


@pytest.mark.parametrize("kind", ["reset", "mute", "silent", "hang_up", "babble", "unauthorized"])
def test_tracebacks_of_the_stream(fake, kind):
    fake.fault("connect:/stream", kind)
    line = StreamLine(known(fake), QUICK, Deadlines())
    assert not sung(shown(raised(line.__enter__, Lost, Refused)))


def test_tracebacks_of_who_we_are(monkeypatch, tmp_path):
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    file = tmp_path / "alpaca.toml"
    problems = [raised(lambda: access(host="http://example.com", file=file), BadValue)]
    monkeypatch.setenv("ONEPATH_LIVE", "yes")
    problems.append(raised(lambda: access(file=file), BadValue))
    monkeypatch.delenv("ONEPATH_LIVE")
    monkeypatch.delenv("APCA_API_KEY_ID")
    problems.append(raised(lambda: access(file=file), KeysRefused))
    both = f'key = "{KEY}"\nsecret = "{SECRET}"\n'
    for text in (both + "more = 1\n", both + 'live = "no"\n', both + "live = \n", f'key = "{KEY}"\n'):
        monkeypatch.delenv("APCA_API_SECRET_KEY", raising=False)
        file.write_text(text)
        file.chmod(0o600)
        del text
        problems.append(raised(lambda: access(file=file), KeysRefused))
    del both
    for problem in problems:
        assert not sung(shown(problem)), str(problem)


def test_what_holds_the_keys_prints_as_stars(fake):
    who = known(fake)
    stream = TradeHints(who, lambda text: None)
    out = io.StringIO()
    Console(file=out, width=300).print(who, vars(who), stream, vars(stream))
    assert not sung(out.getvalue() + repr(who) + str(vars(who)) + repr(replace(who, live=True)))
    assert "****" in out.getvalue()


# --- journals, limits, reports, commands -------------------------------------------------------


@pytest.fixture
def at_home(paper_keys, tmp_path):
    """Give the canary's keys to the environment, and a home that can be looked through."""
    return tmp_path


def test_what_commands_say_and_write(at_home, capsys, caplog):
    """Trade, fetch, kill and reset, with good keys and refused ones; then read every byte that is left."""
    bars = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close") < at(0).replace(year=2004))
    start = str(bars["bar_close"].max())
    trade = ["--paper", "--once", "--strategy", "ma_crossover", "--symbols", "AAPL,IBM"]
    trade += ["--history", "2000-01-04"]
    told = ""
    statuses: list[int] = []
    with FakeAlpaca(bars, start=start, settings=Settings(keys={KEY: SECRET})) as fake:
        for pair in ({KEY: SECRET}, {KEY: "another"}):
            fake.settings.keys = pair
            host = ["--host", fake.url]
            statuses += [
                run(runner_app, [*trade, *host], name="runner"),
                run(research_app, ["fetch", "--symbols", "IBM", "--start", "2000-01-04", "--out",
                                   str(at_home / f"bars-{len(statuses)}"), *host], name="research"),
                run(kill_app, [*host, "--patience", "1"], name="kill"),
                run(kill_app, [*host, "--reset", "kill switch", "--why", "a test"], name="kill"),
            ]  # fmt: skip
            out, err = capsys.readouterr()
            told += out + err
    assert statuses[:4] == [0, 0, 0, 0], told
    assert statuses[4:6] == [2, 2], told
    assert "credentials" in told
    assert not sung(told + logged(caplog))
    files = [path for path in at_home.rglob("*") if path.is_file()]
    assert {"ma_crossover.sqlite", "limits.sqlite"} <= {path.name for path in files}
    for path in files:
        assert not sung(path.read_bytes().decode("latin-1") + str(path)), path.name
