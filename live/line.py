"""A line to one of Alpaca's hosts: questions are asked until they are answered, orders are sent once.

In: a `Talk`. Out: the answer to a question, or `Unreachable`; the one reply to something sent. Credentials
that are refused end it at once, whatever was asked. All of it at our own pace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import stamina
from stamina.instrumentation import set_on_retry_hooks

from live.pace import Pace
from live.talk import Reply, Talk
from research.errors import KeysRefused, Unreachable

__all__ = ["Declined", "Line", "Unhurried"]

# stamina would write a line for each try; what is not answered in the end is told by who asked.
set_on_retry_hooks([])
_PATIENCE: Final = 9.0  # seconds that a question may take in all
_MOST_WAITS: Final = 20  # of up to a minute each, for one answer


class Declined(Unreachable):
    """A question that was definitely refused: to wait is of no use, a run goes on without the answer."""


class _Again(Exception):
    """No answer yet."""


class Line:
    """Questions and orders to one host.

    Parameters
    ----------
    talk : Talk
    pace : Pace, optional
        Our own rate limit; lines of one account share it.
    patience : float
        Seconds after which a question is given up.

    Attributes
    ----------
    beat : callable
        Called in the caller's own thread before each question and each order: whoever must show that it is
        alive shows it here, however many slow answers follow one another.
    remedy : str
        What becomes of a question that was given up; part of what is told.
    """

    remedy = "it is asked again at the next turn"
    _abides = True  # sits out a short wait for the rate itself

    def __init__(self, talk: Talk, pace: Pace | None = None, patience: float = _PATIENCE) -> None:
        self._talk = talk
        self._pace = pace or Pace()
        self._patience = patience
        self.beat: Callable[[], None] = lambda: None

    def read(self, path: str, query: Mapping[str, object] | None = None) -> object:
        """Return the decoded answer to a question; None if what was asked for does not exist.

        Raises
        ------
        Unreachable
            No answer that could be read, in the time there was; a refusal is `Declined`.
        KeysRefused
            The credentials are not taken.
        """
        self.beat()
        until = time.monotonic() + self._patience
        reply = Reply(None, None, f"GET {path}: not asked")
        retries = stamina.retry_context(
            on=_Again, attempts=5, timeout=self._patience, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2
        )
        try:
            for attempt in retries:
                with attempt:
                    left = until - time.monotonic()
                    wait = self._pace.take()
                    if wait > 0.0 or left <= 0.0:
                        if wait > 0.0 and reply.status != 429:  # the broker's own, which is the cause
                            reply = Reply(None, None, f"GET {path}: our own rate limit, {wait:.0f} s to wait")
                        if wait > (left if self._abides else 0.0):  # to try again before is of no use
                            break
                        raise _Again
                    reply = self._heard(self._talk.ask("GET", path, query, seconds=left))
                    if reply.good:
                        return reply.body
                    if reply.status == 404:
                        return None
                    if reply.wait > 0.0 and not self._abides:
                        break
                    if not reply.refused:
                        raise _Again
        except _Again:
            pass
        kind = Declined if reply.refused else Unreachable
        raise kind(f"no answer from the broker ({reply.problem}); {self.remedy}")

    def write(
        self, method: str, path: str, fields: Mapping[str, object] | None, *, urgent: bool = False
    ) -> Reply:
        """Send something, once; `urgent` requests may use what is kept of the rate for them."""
        self.beat()
        wait = self._pace.take(urgent=urgent)
        if wait > 0.0:
            return Reply(429, None, f"{method} {path}: our own rate limit, {wait:.0f} s to wait", wait)
        return self._heard(self._talk.ask(method, path, fields))

    def _heard(self, reply: Reply) -> Reply:
        """Keep what every reply may ask: silence for a while, or other credentials."""
        if reply.wait > 0.0:
            self._pace.hold(reply.wait)
        if reply.status == 401:
            raise KeysRefused(
                "the broker does not take these credentials (401); check key and secret, and that paper keys "
                "go with the paper host"
            )
        return reply


class Unhurried(Line):
    """A line for a command that has no next turn: it waits as long as our own rate, or the broker's, asks.

    Parameters
    ----------
    talk : Talk
    idle : callable
        Told how many seconds to wait; returns when they have passed.
    pace, patience
        As for `Line`. Waiting for the rate does not count as patience; an outage does.
    """

    remedy = "run the same command again, it goes on where it ended"
    _abides = False

    def __init__(
        self,
        talk: Talk,
        idle: Callable[[float], None] = time.sleep,
        pace: Pace | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        super().__init__(talk, pace, patience)
        self._idle = idle

    def read(self, path: str, query: Mapping[str, object] | None = None) -> object:
        """Return the decoded answer to a question; None if what was asked for does not exist.

        Raises
        ------
        Unreachable, KeysRefused
            As `Line.read`; a broker that has asked to wait twenty times for one answer gives none.
        """
        tries = 0
        while True:
            if (wait := self._pace.left()) > 0.0:
                self._idle(wait)
            try:
                return super().read(path, query)
            except Unreachable:
                tries += 1
                if self._pace.left() == 0.0 or tries > _MOST_WAITS:
                    raise
