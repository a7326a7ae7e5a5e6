"""One connection to a broker that shakes hands in ways of its own: kept, or lost in one line."""

import json
import threading
from contextlib import contextmanager

import pytest
from pydantic import SecretStr
from websockets.sync.server import serve

from live.deadline import Deadlines
from live.keys import Access
from live.stream_line import Lost, Patience, Refused, StreamLine

KEY, SECRET = "key", "secret"  # not the canary's: a server of websockets logs what it receives
QUICK = Patience(open=1.0, reply=0.5, silence=0.1, pong=0.1, first=0.02, longest=0.1, settled=30.0)
EVENT = {"stream": "trade_updates", "data": {"event": "new", "order": {"client_order_id": "PP-1"}}}


def said(stream, **data):
    return {"stream": stream, "data": data}


YES = said("authorization", status="authorized", action="authenticate")
LISTENS = said("listening", streams=["trade_updates"])


@contextmanager
def broker(to_keys, to_listen, then=()):
    """Answer the keys, then the wish to listen, then say some more; yield what was asked of it."""
    asked = []

    def answer(ws):
        for answers in (to_keys, to_listen):
            asked.append(json.loads(ws.recv()))
            for told in answers:
                ws.send(told if isinstance(told, str | bytes) else json.dumps(told))
        for told in then:
            ws.send(told)
        for _ in ws:
            pass

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        try:
            yield (
                asked,
                StreamLine(Access(SecretStr(KEY), SecretStr(SECRET), False, url, url), QUICK, Deadlines()),
            )
        finally:
            server.shutdown()
            thread.join()


def test_keys_are_sent_once_and_orders_are_asked_for():
    with broker([YES], [LISTENS], [b'{"stream": "trade_updates"}', "no JSON", "null"]) as (asked, line), line:
        assert [line.read(2.0) for _ in range(3)] == [{"stream": "trade_updates"}, "", ""]
        assert line.read(0.01) is None
    assert asked == [
        {"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}},
        {"action": "listen", "data": {"streams": ["trade_updates"]}},
    ]


def test_an_event_that_comes_before_the_answer_is_kept():
    with broker([YES], [EVENT, "no JSON", YES, LISTENS]) as (_, line), line:
        assert line.read(0.0) == EVENT


@pytest.mark.parametrize(("to_keys", "to_listen", "problem"), [
    ([said("authorization", status="perhaps")], [], "the answer to the keys could not be read"),
    ([{"stream": "authorization", "data": "yes"}], [], "the answer to the keys could not be read"),
    ([YES], [said("listening", streams=[])], "the broker does not tell of orders on this connection"),
    ([YES], [said("listening", streams="trade_updates")], "the broker does not tell of orders"),
    ([EVENT], [], "no authorization in time"),
    ([YES], [EVENT], "no listening in time"),
])  # fmt: skip
def test_a_handshake_that_is_none(to_keys, to_listen, problem):
    with broker(to_keys, to_listen) as (_, line), pytest.raises(Lost, match=problem), line:
        pytest.fail("it was taken for one")


def test_keys_that_are_refused():
    with (
        broker([said("authorization", status="unauthorized")], []) as (_, line),
        pytest.raises(Refused),
        line,
    ):
        pytest.fail("it was taken for a connection")


def test_a_line_that_was_never_made():
    line = StreamLine(Access(SecretStr(KEY), SecretStr(SECRET), False, "", ""), QUICK, Deadlines())
    with pytest.raises(Lost, match="not connected"):
        line.read(0.0)
