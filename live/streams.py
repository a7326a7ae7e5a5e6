"""Trade updates as they happen: hints of which orders to ask about. Polling alone is the truth.

In: an `Access`. Out: at each call of `drain`, what the broker's account stream has said since the last one.
Nothing is lost when it says nothing, says it twice, too late, in another order, or not at all: whoever takes
a hint asks the broker for the order, and asks for all of them at each turn anyway.

1. A thread of its own opens a connection (`live.stream_line`), each step under a deadline.
2. A frame is read tolerantly and becomes a `Hint`. What cannot be read, and each new connection, before
   which something may have been missed, becomes the hint that names no order: ask for everything.
3. An execution that was told of already is dropped, by its id.
4. Hints wait in a queue of bounded length; if nobody takes them, the oldest make way for "everything".
5. A connection that is lost or mute is replaced, at once at first, then after ever longer waits. Keys that
   are not taken end the thread.

No code of the caller runs in the thread: troubles are told where `drain` is called, once until they heal.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from live.deadline import Deadlines
from live.payloads import update_of
from live.stream_line import Lost, Patience, Refused, StreamLine

if TYPE_CHECKING:
    from live.keys import Access

__all__ = ["Hint", "TradeHints"]

_MOST_HINTS: Final = 1000
_MOST_IDS: Final = 4096  # executions that are remembered
_TURN: Final = 0.25  # seconds in which the thread looks whether it shall end
_KEYS: Final = "the broker's stream does not take these credentials; orders are polled, the stream stays off"


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened to an order.

    Attributes
    ----------
    client_id : str
        Whose; "": it is not known, ask for everything.
    execution_id : str
        "" if nothing was executed, or it was not said.
    event : str
        The broker's word, lower case.
    payload : mapping
        The order as the broker told of it, undigested; `live.payloads.order_of` reads it.
    """

    client_id: str
    execution_id: str = ""
    event: str = ""
    payload: Mapping[Any, Any] = field(default_factory=dict)


class TradeHints:
    """The hints of one account.

    Parameters
    ----------
    access : Access
    on_trouble : callable
        Told in one line what is wrong with the stream, and that it is heard again; called by `drain`.
    patience : Patience, optional
    """

    def __init__(
        self, access: Access, on_trouble: Callable[[str], None], patience: Patience | None = None
    ) -> None:
        self._access, self._on_trouble = access, on_trouble
        self._patience = patience or Patience()
        self._deadlines = Deadlines()
        self._lock = threading.Lock()
        self._hints: deque[Hint] = deque()
        self._everything = False
        self._troubles: deque[str] = deque(maxlen=100)
        self._told: set[str] = set()
        self._troubled_at = 0.0
        self._executed: dict[str, None] = {}  # in the order of their coming
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False
        self.listening = False

    def start(self) -> None:
        """Begin to listen; returns at once."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop.clear()
        self._ended = False
        # A daemon: a connection that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, daemon=True, name="onepath-stream")
        self._thread.start()

    def drain(self) -> list[Hint]:
        """Return what was heard since the last call, oldest first; never waits.

        The hint without a client id comes first, and once: everything that is open must be asked for.
        """
        with self._lock:
            hints, self._hints = list(self._hints), deque()
            everything, self._everything = self._everything, False
            troubles = list(self._troubles)
            self._troubles.clear()
            gone = self._thread is not None and not self._thread.is_alive() and not self._ended
            self._ended = self._ended or gone
        for text in troubles:
            self._on_trouble(text)
        if gone:
            self._on_trouble("the thread of the broker's stream has died; orders are polled without it")
        return [Hint(""), *hints] if everything else hints

    def close(self) -> None:
        """Stop listening; takes 3 s at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(3.0)

    # --- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        wait = self._patience.first
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with StreamLine(self._access, self._patience, self._deadlines) as line:
                    self._listen(line)
            except Refused:
                self._trouble("keys", _KEYS)
                break
            except Lost as why:
                self._trouble("lost", f"the broker's stream is lost ({why}); orders are polled meanwhile")
            finally:
                self.listening = False
            if time.monotonic() - began >= self._patience.settled:
                wait = self._patience.first
            # Spread, so that all who lost the same connection do not come back at the same instant.
            self._stop.wait(wait * random.uniform(0.75, 1.25))  # noqa: S311 - nobody must not guess it
            wait = min(2.0 * wait, self._patience.longest)
        with self._lock:
            self._ended = True

    def _listen(self, line: StreamLine) -> None:
        """Take what comes until it ends."""
        self._missed()
        self.listening = True
        self._troubled_at = time.monotonic()  # not healed before it has lasted
        while not self._stop.is_set():
            told = line.read(_TURN)
            if told is not None:
                self._take(told)
            if self._told and time.monotonic() - self._troubled_at >= self._patience.settled:
                self._healed()

    def _take(self, told: object) -> None:
        if isinstance(told, Mapping) and told.get("stream") in ("authorization", "listening"):
            return  # about the connection itself
        update = update_of(told)
        name = update.order.client_id
        if not name:
            self._trouble("unread", "the broker's stream said what cannot be read; orders are polled for it")
            self._missed()
            return
        data = told.get("data", told) if isinstance(told, Mapping) else {}
        with self._lock:
            if update.execution_id:
                if update.execution_id in self._executed:
                    return
                self._executed[update.execution_id] = None
                if len(self._executed) > _MOST_IDS:
                    del self._executed[next(iter(self._executed))]
            if len(self._hints) >= _MOST_HINTS:
                self._hints.popleft()
                self._everything = True
            self._hints.append(Hint(name, update.execution_id, update.event, data["order"]))

    def _missed(self) -> None:
        with self._lock:
            self._everything = True

    def _trouble(self, kind: str, text: str) -> None:
        """Tell of a trouble, unless it has been told and not healed since."""
        self._troubled_at = time.monotonic()
        if kind not in self._told:
            self._told.add(kind)
            with self._lock:
                self._troubles.append(text)

    def _healed(self) -> None:
        self._told.clear()
        with self._lock:
            self._troubles.append("the broker's stream is heard again")
