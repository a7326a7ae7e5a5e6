"""The account's stream over real sockets: each fault ends in hints that are right, or in none and a word."""

import json
import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from live.deadline import Deadlines
from live.keys import Access
from live.payloads import order_of
from live.stream_line import Lost, Patience, StreamLine, stream_of
from live.streams import Hint, TradeHints
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.names import Names
from tests.fake_alpaca.worlds import at, daily, placed, week
from tests.live.canary import KEY, SECRET

QUICK = Patience(open=0.5, reply=0.5, silence=0.3, pong=0.2, first=0.02, longest=0.2, settled=30.0)
EVENTS = "stream:trade_updates"


@pytest.fixture
def fake():
    """Start before Monday's open; time moves only when told."""
    with FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week()) as server:
        yield server


def access_to(url):
    return Access(SecretStr(KEY), SecretStr(SECRET), False, url, url)


class Heard:
    """What one consumer has drained so far."""

    def __init__(self, fake, patience=QUICK, url=None):
        self.fake, self.everything = fake, 0
        self.hints: list[Hint] = []
        self.troubles: list[str] = []
        self.stream = TradeHints(access_to(url or fake.url), self.troubles.append, patience)

    def drain(self):
        for hint in self.stream.drain():
            if hint.client_id:
                self.hints.append(hint)
            else:
                assert hint == Hint("")
                self.everything += 1
        return self

    def until(self, condition, seconds=8.0):
        limit = time.monotonic() + seconds
        while not condition(self.drain()):
            assert time.monotonic() < limit, f"it never came: {self.hints} {self.troubles}"
            time.sleep(0.01)
        return self

    def listens(self):
        return self.until(lambda _: any(peer.listening for peer in self.fake.hub.peers))

    @property
    def events(self):
        return [hint.event for hint in self.hints]

    @property
    def connections(self):
        return self.fake.log.connections["/stream"]


@contextmanager
def hearing(fake, **more):
    """Give a consumer whose stream is running."""
    heard = Heard(fake, **more)
    heard.stream.start()
    try:
        yield heard
    finally:
        began = time.monotonic()
        heard.stream.close()
        assert time.monotonic() - began < 3.0
        assert not any(t.name == "onepath-stream" and t.is_alive() for t in threading.enumerate())


def test_addresses():
    assert stream_of("https://api.alpaca.markets") == "wss://api.alpaca.markets/stream"
    assert stream_of("http://127.0.0.1:8765") == "ws://127.0.0.1:8765/stream"


def test_each_event_of_an_order_is_a_hint(fake):
    with hearing(fake) as heard:
        heard.listens()
        placed(fake, client_order_id="PP-1")
        fake.advance_to(at(0, "09:30"))
        heard.until(lambda h: len(h.hints) == 3)
        assert heard.events == ["accepted", "new", "fill"]
        assert {hint.client_id for hint in heard.hints} == {"PP-1"}
        fill = heard.hints[-1]
        assert fill.execution_id == fake.exchange.account.executions[0].id
        assert order_of(fill.payload).filled == 10
        assert heard.stream.drain() == []
        assert (heard.everything, heard.troubles) == (1, [])
        assert heard.stream.listening


def test_drain_never_waits_and_nothing_is_needed_before_it():
    heard = Heard(None, url="http://127.0.0.1:9")
    began = time.monotonic()
    assert heard.stream.drain() == []
    heard.stream.close()
    assert time.monotonic() - began < 0.1


# --- events that are lost, repeated, late, or no events ----------------------------------------


@pytest.mark.parametrize(
    ("kind", "more", "events"),
    [
        ("drop", {}, ["accepted", "fill"]),
        ("late", {}, ["accepted", "fill", "new"]),
        ("duplicate", {"copies": 3}, ["accepted", "new", "new", "new", "fill"]),
        ("edit", {"set": {"data.event": "wobble", "data.novelty": [1]}}, ["accepted", "wobble", "fill"]),
        ("edit", {"drop": ["data.event", "data.timestamp"]}, ["accepted", "", "fill"]),
    ],
)
def test_lost_late_repeated_and_strange_events(fake, kind, more, events):
    fake.fault(EVENTS, kind, match={"event": "new"}, **more)
    with hearing(fake) as heard:
        heard.listens()
        placed(fake, client_order_id="PP-1")
        fake.advance_to(at(0, "09:30"))
        heard.until(lambda h: len(h.hints) == len(events))
        assert heard.events == events
        assert heard.troubles == []


def test_an_execution_that_is_told_again_is_dropped(fake):
    fake.fault(EVENTS, "duplicate", match={"event": "fill"}, copies=5)
    with hearing(fake) as heard:
        heard.listens()
        placed(fake, client_order_id="PP-1")
        fake.advance_to(at(0, "09:30"))
        placed(fake, client_order_id="PP-2", type="limit", limit_price=50)
        heard.until(lambda h: h.hints and h.hints[-1].client_id == "PP-2")
        assert heard.events.count("fill") == 1


def test_an_execution_is_dropped_after_a_new_connection_too(fake):
    with hearing(fake) as heard:
        heard.listens()
        placed(fake, client_order_id="PP-1")
        fake.advance_to(at(0, "09:30"))
        heard.until(lambda h: "fill" in h.events)
        fill = heard.hints[-1]
        data = {"event": "fill", "execution_id": fill.execution_id, "order": dict(fill.payload)}
        fake.hub.cut()
        heard.until(lambda h: h.connections == 2).listens()
        fake.hub.peers[0].send({"stream": "trade_updates", "data": data})
        placed(fake, client_order_id="PP-2", type="limit", limit_price=50)
        heard.until(lambda h: h.hints and h.hints[-1].client_id == "PP-2")
        assert heard.events.count("fill") == 1


JUNK = [
    b"\xc1 this is no message {",
    b"",
    b"null",
    b"17",
    b"[]",
    b'"text"',
    b"{}",
    b"[" * 200_000,
    b'{"stream": "trade_updates"}',
    b'{"stream": "trade_updates", "data": null}',
    b'{"stream": "trade_updates", "data": [1]}',
    b'{"stream": "trade_updates", "data": {"event": "fill"}}',
    b'{"stream": "trade_updates", "data": {"event": "fill", "order": null}}',
    b'{"stream": "trade_updates", "data": {"event": "fill", "order": {"client_order_id": 7}}}',
    b'{"stream": "trade_updates", "data": {"order": {"legs": ' + b"[" * 500 + b"]" * 500 + b"}}}",
    json.dumps({"data": {"order": {"qty": "1e999999999"}}}).encode(),
]  # fmt: skip


def test_frames_of_junk_ask_for_everything_and_are_told_once(fake):
    with hearing(fake) as heard:
        heard.listens().until(lambda h: h.everything == 1)
        for junk in JUNK:
            before = heard.everything
            fake.hub.peers[0]._put(junk)
            heard.until(lambda h, n=before: h.everything > n)
        placed(fake, client_order_id="PP-1")
        heard.until(lambda h: h.events == ["accepted"])
        assert len(heard.troubles) == 1
        assert "cannot be read" in heard.troubles[0]
        assert heard.connections == 1


def test_a_frame_that_is_too_large_costs_a_connection_and_no_more(fake):
    with hearing(fake) as heard:
        heard.listens()
        fake.hub.peers[0]._put(b" " * (2**20 + 1))
        heard.until(lambda h: h.connections == 2).listens()
        placed(fake, client_order_id="PP-1")
        heard.until(lambda h: h.events == ["accepted"])


def test_what_nobody_takes_makes_way_for_everything(fake):
    with hearing(fake) as heard:
        heard.listens().until(lambda h: h.everything == 1)
        peer = fake.hub.peers[0]
        for k in range(1200):
            peer.send(
                {"stream": "trade_updates", "data": {"event": "new", "order": {"client_order_id": str(k)}}}
            )
        stream = heard.stream
        limit = time.monotonic() + 5
        while (not stream._hints or stream._hints[-1].client_id != "1199") and time.monotonic() < limit:
            time.sleep(0.01)
        heard.drain()
        assert [hint.client_id for hint in heard.hints] == [str(k) for k in range(200, 1200)]
        assert heard.everything == 2


# --- connections that fail ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["reset", "mute", "silent", "hang_up", "babble", "repeat"])
def test_a_connection_that_fails_is_made_again(fake, kind):
    fake.fault("connect:/stream", kind, times=2)
    with hearing(fake) as heard:
        heard.listens()
        assert heard.connections == (1 if kind == "repeat" else 3)
        placed(fake, client_order_id="PP-1")
        heard.until(lambda h: h.events == ["accepted"])
        assert len(heard.troubles) == (0 if kind == "repeat" else 1)  # told once, whatever its number


def test_a_connection_lost_on_the_way_heals(fake):
    fake.fault(EVENTS, "disconnect", match={"event": "accepted"})
    with hearing(fake, patience=replace(QUICK, settled=0.3)) as heard:
        heard.listens()
        placed(fake, client_order_id="PP-1")
        heard.until(lambda h: h.connections == 2).listens()
        fake.advance_to(at(0, "09:30"))
        heard.until(lambda h: h.events == ["new", "fill"])
        heard.until(lambda h: len(h.troubles) == 2)
        assert "is lost" in heard.troubles[0]
        assert "heard again" in heard.troubles[1]
        assert heard.everything == 2  # "accepted" went by unheard: ask for everything


def test_silence_without_a_pong_is_a_lost_connection(fake):
    fake.fault(EVENTS, "mute")
    with hearing(fake) as heard:
        heard.listens()
        placed(fake, client_order_id="PP-1")
        heard.until(lambda h: h.connections == 2).listens()
        fake.advance_to(at(0, "09:30"))
        heard.until(lambda h: h.events[-1:] == ["fill"])
        assert "silent for 0.3 s" in heard.troubles[0]


def test_silence_with_a_pong_is_none(fake):
    with hearing(fake, patience=replace(QUICK, silence=0.05)) as heard:
        heard.listens()
        time.sleep(1.0)
        placed(fake, client_order_id="PP-1")
        heard.until(lambda h: h.events == ["accepted"])
        assert (heard.connections, heard.troubles) == (1, [])


@pytest.mark.parametrize("how", ["refuse", "black_hole"])
def test_nobody_listens_and_then_somebody_does(fake, how):
    fake.fault("market", how, seconds=60)
    with hearing(fake) as heard:
        heard.until(lambda h: h.troubles)
        time.sleep(0.5)
        fake.listener.reopen()
        heard.listens()
        assert len(heard.troubles) == 1


def test_a_resolver_that_is_a_black_hole(fake):
    with Names(mode="black_hole", seconds=30.0) as names:
        url = fake.url.replace("127.0.0.1", names.host)
        with hearing(fake, url=url, patience=replace(QUICK, open=0.2)) as heard:
            heard.until(lambda h: names.asked >= 2)
            heard.until(lambda h: h.troubles)
            names.mode = "good"
            heard.listens()
            assert heard.connections >= 1
            assert len(heard.troubles) == 1


def test_reconnecting_is_no_storm(fake):
    fake.fault("connect:/stream", "hang_up", times=0)
    with hearing(fake, patience=replace(QUICK, first=0.05, longest=0.4)) as heard:
        time.sleep(2.0)
        # 0.05 + 0.1 + 0.2, then 0.4 each: 8 in 2 s, a quarter more if every wait is drawn short.
        assert 2 <= heard.connections <= 11
        assert len(heard.drain().troubles) == 1


def test_a_connection_that_lasts_forgets_the_waits(fake):
    with hearing(fake, patience=replace(QUICK, settled=0.0)) as heard:
        for n in range(1, 6):
            heard.until(lambda h, n=n: h.connections == n).listens()
            fake.hub.cut()
        assert heard.until(lambda h: h.connections == 6)


# --- keys --------------------------------------------------------------------------------------


def test_wrong_keys_stop_it_and_are_told_once(fake):
    fake.settings.keys = {KEY: "another"}
    with hearing(fake) as heard:
        heard.until(lambda h: h.troubles)
        time.sleep(0.5)
        heard.drain()
        assert heard.connections == 1
        assert len(heard.troubles) == 1
        assert "does not take these credentials" in heard.troubles[0]
        assert not heard.stream.listening


def test_keys_are_sent_to_no_other_host(fake):
    said: list = []

    def authorized(*pair):
        said.append(pair)
        return True

    with FakeAlpaca(daily(), start=at(0, "08:00"), calendar=week()) as other:
        other.hub._authorized = authorized
        fake.fault("connect:/stream", "elsewhere", times=0, to=other.stream_url)
        with hearing(fake) as heard:
            heard.until(lambda h: h.troubles)
            assert "another host" in heard.troubles[0]
    assert said == []


def test_a_tracebacks_locals_hold_no_keys(fake):
    fake.fault("connect:/stream", "hang_up")
    secret = SecretStr("canary-of-the-stream")
    line = StreamLine(replace(access_to(fake.url), secret=secret), QUICK, Deadlines())
    with pytest.raises(Lost) as caught, line:
        pass
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "canary-of" not in "".join(told.format())


def test_a_thread_that_has_died_is_told_once(fake, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    heard = Heard(fake)
    monkeypatch.setattr(heard.stream, "_listen", lambda line: 1 // 0)
    heard.stream.start()
    heard.until(lambda h: h.troubles)
    assert "has died" in heard.drain().drain().troubles[0]
    assert len(heard.troubles) == 1
    heard.stream.close()
