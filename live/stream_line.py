"""One websocket to the broker's account stream: open, authorized, listening; then frames, until it is lost.

In: an `Access`. Out: the decoded frames, or one of two words: `Refused`, the keys are not taken, and asking
again would not change that; `Lost`, anything else, which another connection may heal.

Spoken with `websockets` itself, which alpaca-py brings along. alpaca-py's `TradingStream` is a loop that
waits for ever while connecting and authorizing, takes wrong keys for a passing trouble, hands events to
coroutines whose exceptions it drops, and lets the library log the frame that holds the secret; none of it
has a switch. The protocol is three messages, so little is lost:

    authenticate -> authorization; listen -> listening; then trade_updates

Here each step has a deadline outside it, a redirect to another host ends the connection before any key is
sent, and the library's logger is one that writes nothing, whatever level the root logger has.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from live.deadline import Deadlines, Overdue

if TYPE_CHECKING:
    from live.keys import Access

__all__ = ["Lost", "Patience", "Refused", "StreamLine", "stream_of"]

# Of no family: no setting of any other logger reaches it, and it reaches no handler.
_QUIET: Final = logging.Logger("onepath.stream", level=logging.CRITICAL + 1)  # noqa: LOG001 - that is why
_QUIET.addHandler(logging.NullHandler())
_LISTEN: Final = json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}})
_WAITING: Final = 1024  # frames that may wait to be read
_LARGEST: Final = 2**20  # bytes of one frame


class Refused(Exception):
    """The broker does not take the keys."""


class Lost(Exception):
    """There is no connection that could be listened to; the text says why, in words."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds.

    Attributes
    ----------
    open : float
        From the name's resolution to the end of the websocket's handshake.
    reply : float
        From the keys to the answer that the stream is listened to.
    silence : float
        Without a frame, after which the other side is asked whether it is there.
    pong : float
        For the answer to that.
    first, longest : float
        Before the second connection, and most before any; each wait is twice the one before.
    settled : float
        After which a connection counts as healed.
    """

    open: float = 8.0
    reply: float = 8.0
    silence: float = 30.0
    pong: float = 8.0
    first: float = 1.0
    longest: float = 60.0
    settled: float = 60.0


def stream_of(trading: str) -> str:
    """Return the address of the account stream of a trading host.

    Examples
    --------
    >>> stream_of("https://paper-api.alpaca.markets")
    'wss://paper-api.alpaca.markets/stream'
    """
    scheme, _, rest = trading.partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/stream"


class StreamLine:
    """A connection that is open, authorized and listening while its context lasts.

    Parameters
    ----------
    access : Access
    patience : Patience
    deadlines : Deadlines
        Shared by the connections of one account, so that the calls left behind are counted together.
    """

    def __init__(self, access: Access, patience: Patience, deadlines: Deadlines) -> None:
        self._access, self._patience, self._deadlines = access, patience, deadlines
        self._stack = ExitStack()
        self._ws: ClientConnection | None = None
        self._early: deque[object] = deque()
        self._heard_at = time.monotonic()

    def __enter__(self) -> Self:
        try:
            self._ws = self._dialled()
            self._authorize(time.monotonic() + self._patience.reply)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def read(self, seconds: float) -> object:
        """Return the next frame, decoded; None if none came in time; "" if it could not be read.

        Raises
        ------
        Lost
            The connection has ended, or has been silent for too long and does not answer.
        """
        if self._early:
            return self._early.popleft()
        frame = self._frame(seconds)
        if frame is not None:
            return _decoded(frame)
        if time.monotonic() - self._heard_at >= self._patience.silence:
            self._ask_for_life()
        return None

    # -------------------------------------------------------------------------------------------

    def _dialled(self) -> ClientConnection:
        """Open a connection, under a deadline that holds for a resolver as well."""
        url = stream_of(self._access.trading)
        stack, lock, abandoned = ExitStack(), threading.Lock(), threading.Event()

        def dial() -> ClientConnection:
            ws = stack.enter_context(
                connect(
                    url,
                    open_timeout=self._patience.open,
                    ping_interval=None,
                    close_timeout=1.0,
                    compression=None,
                    max_size=_LARGEST,
                    max_queue=_WAITING,
                    logger=_QUIET,
                )
            )
            with lock:
                if abandoned.is_set():
                    stack.close()
            return ws

        try:
            ws = self._deadlines.run(dial, self._patience.open + 0.5)
        except Overdue as problem:
            with lock:
                abandoned.set()
                stack.close()
            raise Lost(f"no connection: {problem}") from None
        except InvalidStatus as problem:
            if problem.response.status_code == 401:
                raise Refused from None
            raise Lost(f"no connection: the broker answered {problem.response.status_code}") from None
        # ImportError: a proxy whose kind needs a library that is not there.
        except (OSError, WebSocketException, ValueError, ImportError) as problem:
            raise Lost(f"no connection: {_in_words(problem)}") from None
        self._stack.push(stack)
        there, ours = ws.protocol.uri, urlsplit(url)
        if (there.host, there.secure) != (ours.hostname, ours.scheme == "wss") or (
            ours.port is not None and there.port != ours.port
        ):
            raise Lost("the broker's stream is said to be at another host, to which no keys are sent")
        return ws

    def _authorize(self, until: float) -> None:
        """Send the keys, and ask to be told of orders."""
        self._held(lambda ws: ws.send(_keys_of(self._access)))  # in no variable that a traceback could show
        status = self._answer("authorization", until).get("status")
        if status == "unauthorized":
            raise Refused
        if status != "authorized":
            raise Lost("the answer to the keys could not be read")
        self._held(lambda ws: ws.send(_LISTEN))
        streams = self._answer("listening", until).get("streams")
        if not isinstance(streams, list) or "trade_updates" not in streams:
            raise Lost("the broker does not tell of orders on this connection")

    def _answer(self, stream: str, until: float) -> Mapping[Any, Any]:
        """Return the data of the first frame of a stream; events that come before it are kept."""
        while (left := until - time.monotonic()) > 0.0:
            frame = self._frame(left)
            told = None if frame is None else _decoded(frame)
            if isinstance(told, Mapping) and told.get("stream") == stream:
                data = told.get("data")
                return data if isinstance(data, Mapping) else {}
            # An "authorization" that comes twice is no event, and nor is what was never JSON.
            if isinstance(told, Mapping) and told.get("stream") == "trade_updates":
                self._early.append(told)
        raise Lost(f"no {stream} in time")

    def _frame(self, seconds: float) -> str | bytes | None:
        try:
            frame: str | bytes = self._held(lambda ws: ws.recv(timeout=max(seconds, 0.0)))
        except TimeoutError:
            return None
        self._heard_at = time.monotonic()
        return frame

    def _ask_for_life(self) -> None:
        """Send a ping; what comes instead of the pong is a sign of life too."""
        pong = self._held(lambda ws: ws.ping())
        if not pong.wait(self._patience.pong):
            frame = self._frame(0.0)
            if frame is None:
                raise Lost(f"silent for {self._patience.silence:g} s, and no answer to a ping")
            self._early.append(_decoded(frame))
        self._heard_at = time.monotonic()

    def _held(self, act: Callable[[ClientConnection], Any]) -> Any:
        """Do something with the connection, whose end is `Lost`."""
        if self._ws is None:
            raise Lost("not connected")
        try:
            return act(self._ws)
        except TimeoutError:
            raise
        except (OSError, WebSocketException) as problem:
            raise Lost(_in_words(problem)) from None


def _keys_of(access: Access) -> str:
    """Return the message that holds the keys."""
    data = {"key_id": access.key.get_secret_value(), "secret_key": access.secret.get_secret_value()}
    return json.dumps({"action": "authenticate", "data": data})


def _decoded(frame: str | bytes) -> object:
    """Return JSON from text or bytes; "" from anything else."""
    try:
        told: object = json.loads(frame)
    # Too deep a nest is no message of the broker's either.
    except (ValueError, RecursionError):
        return ""
    return "" if told is None else told


def _in_words(problem: Exception) -> str:
    """Return a failure in one line, without what the other side said, which may be anything."""
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return f"the connection has ended ({type(problem).__name__})"
