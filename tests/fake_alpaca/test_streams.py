"""The two websockets as alpaca-py's own stream clients hear them, and what the script does to them."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager

import msgpack  # type: ignore[import-untyped]
import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import connect

from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.worlds import at, daily, minutes, placed, week


def until(condition, seconds=10.0):
    """Wait for what another thread brings about."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.005)


@contextmanager
def running(stream, fake, ready):
    """Run an alpaca-py stream in a thread until the block ends."""
    thread = threading.Thread(target=asyncio.run, args=(stream._run_forever(),), daemon=True)
    thread.start()
    try:
        until(lambda: any(ready(peer) for peer in fake.hub.peers))
        yield
    finally:
        stream._should_run = False
        stream._stop_stream_queue.put_nowait({"should_stop": True})
        fake.stop()
        thread.join(20.0)
        assert not thread.is_alive()


def account_stream(fake, streams, heard, **more):
    stream = streams.trading("key", "secret", url_override=fake.stream_url, **more)
    stream._reconnect_min_backoff = 0.01

    async def hear(update):
        heard.append(update)

    stream.subscribe_trade_updates(hear)
    return running(stream, fake, lambda peer: peer.listening)


# --- alpaca-py's own clients -------------------------------------------------------------------


def test_trade_updates_parse(fake, streams):
    heard: list = []
    with account_stream(fake, streams, heard):
        placed(fake, client_order_id="mine")
        fake.advance_to(at(0, "09:30"))
        until(lambda: len(heard) == 3)
    assert [u.event for u in heard] == ["accepted", "new", "fill"]
    fill = heard[-1]
    assert (fill.order.client_order_id, fill.price, fill.qty, fill.position_qty) == (
        "mine",
        100.0,
        10.0,
        10.0,
    )
    assert str(fill.execution_id) == fake.exchange.account.executions[0].id


def test_updates_go_on_after_a_disconnection(fake, streams):
    heard: list = []
    fake.fault("stream:trade_updates", "disconnect")
    with account_stream(fake, streams, heard, raw_data=True):
        placed(fake)  # its event is lost with the connection
        until(lambda: fake.log.connections["/stream"] == 2 and any(p.listening for p in fake.hub.peers))
        fake.advance_to(at(0, "09:30"))
        until(lambda: len(heard) == 2)
    assert [m["data"]["event"] for m in heard] == ["new", "fill"]


def test_minute_bars_and_corrected_bars_parse(streams):
    with FakeAlpaca(minutes(), start=at(0, "09:00"), calendar=week()) as fake:
        heard: list = []
        stream = streams.data("key", "secret", url_override=fake.data_stream_url)

        async def hear(bar):
            heard.append(bar)

        stream.subscribe_bars(hear, "AAA")
        stream.subscribe_updated_bars(hear, "AAA")
        fake.fault("data", "revise", at=at(0, "09:31"), seconds=30, set={"c": 99.9})
        with running(stream, fake, lambda peer: peer.wants("b", "AAA")):
            fake.advance_to(at(0, "09:32"))
            until(lambda: len(heard) == 3)
        assert [(b.timestamp, b.close) for b in heard] == [
            (at(0, "09:30"), 99.9), (at(0, "09:30"), 100.1), (at(0, "09:31"), 100.2),
        ]  # fmt: skip


def test_daily_bars_and_halts_parse(fake, streams):
    heard: list = []
    stream = streams.data("key", "secret", url_override=fake.data_stream_url)

    async def hear(message):
        heard.append(message)

    stream.subscribe_daily_bars(hear, "*")
    stream.subscribe_trading_statuses(hear, "AAA")
    with running(stream, fake, lambda peer: peer.wants("d", "AAA") and peer.wants("s", "AAA")):
        fake.fault("market", "halt", symbol="AAA", until=at(0, "08:30"))
        fake.advance_to(at(0))
        until(lambda: len(heard) == 4)
    assert [getattr(m, "status_code", None) or (m.symbol, m.close) for m in heard] == [
        "H", "T", ("AAA", 101.0), ("BBB", 50.0),
    ]  # fmt: skip


# --- what the script does, seen by a plain client ----------------------------------------------


@contextmanager
def listening(fake):
    """Give a connection to the account's stream that is authorized and listens."""
    with connect(fake.stream_url) as ws:
        ws.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
        assert json.loads(ws.recv(timeout=5))["data"]["status"] == "authorized"
        ws.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        assert json.loads(ws.recv(timeout=5))["data"] == {"streams": ["trade_updates"]}
        yield ws


def events(ws, n):
    """Return the next events as (event, status), bytes that are no message as "?"."""
    found = []
    for _ in range(n):
        data = ws.recv(timeout=5)
        assert isinstance(data, bytes)
        try:
            found.append(json.loads(data)["data"]["event"])
        except ValueError:
            found.append("?")
    return found


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("drop", {}, ["accepted", "fill"]),
        ("duplicate", {"copies": 3}, ["accepted", "new", "new", "new", "fill"]),
        ("late", {}, ["accepted", "fill", "new"]),
        ("garbage", {}, ["accepted", "?", "fill"]),
        (
            "edit",
            {"set": {"data.event": "wobble"}, "drop": ["data.order.legs"]},
            ["accepted", "wobble", "fill"],
        ),
    ],
)
def test_one_event_goes_wrong(fake, kind, more, expected):
    fake.fault("stream:trade_updates", kind, match={"event": "new"}, **more)
    with listening(fake) as ws:
        placed(fake)
        fake.advance_to(at(0, "10:00"))
        assert events(ws, len(expected)) == expected


def test_a_connection_that_falls_silent(fake):
    fake.fault("stream:trade_updates", "mute", nth=2)
    with listening(fake) as ws:
        placed(fake)
        assert events(ws, 1) == ["accepted"]
        fake.advance_to(at(0, "10:00"))
        assert not ws.ping().wait(0.2)
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.1)
        fake.stop()


def test_connections_are_cut(fake):
    with listening(fake) as ws:
        fake.fault("market", "disconnect")
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=5)


@pytest.mark.parametrize(
    ("kind", "error"), [("reset", (InvalidMessage, ConnectionError)), ("mute", TimeoutError)]
)
def test_handshakes_that_fail(fake, kind, error):
    fake.fault("connect:/stream", kind)
    with pytest.raises(error), connect(fake.stream_url, open_timeout=0.2 if kind == "mute" else 10):
        pass
    with listening(fake):
        assert fake.log.connections["/stream"] == 2


def test_a_connection_that_never_says_a_word(fake):
    fake.fault("connect:/stream", "silent")
    with connect(fake.stream_url, close_timeout=0.1) as ws:
        ws.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.2)
        fake.stop()


@pytest.mark.parametrize("by", ["keys", "fault"])
def test_authentication_that_fails(fake, by):
    if by == "keys":
        fake.settings.keys = {"key": "another"}
    else:
        fake.fault("connect:*", "unauthorized", times=0)
    with connect(fake.stream_url) as ws:
        ws.send(json.dumps({"action": "authenticate", "data": {"key_id": "key", "secret_key": "secret"}}))
        assert json.loads(ws.recv(timeout=5))["data"]["status"] == "unauthorized"
    with connect(fake.data_stream_url) as ws:
        assert msgpack.unpackb(ws.recv(timeout=5)) == [{"T": "success", "msg": "connected"}]
        ws.send(msgpack.packb({"action": "auth", "key": "key", "secret": "secret"}))
        assert msgpack.unpackb(ws.recv(timeout=5))[0]["code"] == 402


def test_authentication_answered_twice(fake):
    fake.fault("connect:/stream", "repeat")
    with connect(fake.stream_url) as ws:
        ws.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
        assert [json.loads(ws.recv(timeout=5))["stream"] for _ in range(2)] == ["authorization"] * 2


def test_time_runs_by_itself_when_told_so():
    with FakeAlpaca(daily(), start=at(0, "09:29"), calendar=week(), speed=3600.0) as fake:
        order = placed(fake)
        until(lambda: order.status == "filled")
        assert fake.now >= at(0, "09:30")
