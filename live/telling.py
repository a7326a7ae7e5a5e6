"""What a trader says of itself: events, each once while it lasts, and the pulse.

In: what is seen at each look. Out: rows of the journal. An outage of an hour is one line when it begins and
one when it is over; the pulse, rewritten all the time, is how everybody else knows that the loop lives.
"""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from live.rows import Event
from live.schema import INSERT
from live.tracks import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from live.journal import Journal

__all__ = ["UNREACHABLE", "Tell", "Voice"]

UNREACHABLE: Final = "unreachable"
_SILENCE: Final = (UNREACHABLE, "", "")  # the outage that ended a look, of whatever words
_BEAT: Final = 2.0  # seconds after which the pulse is written again


class Tell(Protocol):
    """How what is seen is told: once while it lasts."""

    def __call__(self, kind: str, text: str, symbol: str = "", about: str = "") -> None:
        """Tell; see `Voice.tell`."""
        ...


class Voice:
    """The voice of one process.

    Parameters
    ----------
    journal : Journal
    mode : str
        "paper" or "live".
    bar : callable
        Index of the last bar taken.

    Attributes
    ----------
    said : str
        The text of the last pulse.
    """

    def __init__(self, journal: Journal, mode: str, bar: Callable[[], int]) -> None:
        self._journal, self._mode, self._bar = journal, mode, bar
        self._told: set[tuple[str, str, str]] = set()
        self._telling: set[tuple[str, str, str]] = set()
        self._began = datetime.now(UTC)
        self._beaten = float("-inf")
        self.said = ""

    def tell(self, kind: str, text: str, symbol: str = "", about: str = "") -> None:
        """Write an event, once while it lasts: until a look at which it is not told.

        Parameters
        ----------
        kind, text, symbol : str
        about : str
            What lasts, where the words change from look to look: a skew of 2.1 s and then of 2.2 s is one
            thing to tell. "": the words themselves.
        """
        # An outage's words change with each try.
        key = (kind, about or ("" if kind == UNREACHABLE else text), symbol)
        if key not in self._told and key not in self._telling:
            self._journal.tell(Event(kind, text, symbol or None), bar=self._bar())
        self._telling.add(key)

    def turn(self) -> None:
        """End a look: what was not told in it has ended, and an outage that has is told."""
        if _SILENCE in self._telling:  # what was lacking before could not be asked for: it lasts
            self._telling |= {key for key in self._told if key[0] == UNREACHABLE}
        if UNREACHABLE in _kinds(self._told) - _kinds(self._telling):
            self._journal.tell(Event("reachable", "the broker answers again"))
        self._told, self._telling = self._telling, set()

    def pulse(self, phase: str, text: str) -> None:
        """Write the heartbeat, and what the loop is about."""
        row = (
            utc_text(datetime.now(UTC)), utc_text(self._began), os.getpid(), platform.node(),
            self._mode, phase, text,
        )  # fmt: skip
        self._journal.put(lambda db: db.execute(INSERT["pulse"], row))
        self.said = text
        self._beaten = time.monotonic()

    def beat(self) -> None:
        """Show that the loop goes on; what it is about stays as the last look left it."""
        if time.monotonic() - self._beaten >= _BEAT:
            at = utc_text(datetime.now(UTC))
            self._journal.put(lambda db: db.execute("UPDATE pulse SET at = ?", (at,)))
            self._beaten = time.monotonic()


def _kinds(keys: set[tuple[str, str, str]]) -> set[str]:
    return {kind for kind, _, _ in keys}
