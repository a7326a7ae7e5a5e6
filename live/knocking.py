"""A start that finds the broker away: it waits and says so, as a run does between two looks.

In: what a start must know of the broker. Out: the answer; or, where none comes for a quarter of an hour, the
last question's `Unreachable`. What is definitely refused is not waited for, nor are refused keys. A signal
ends the wait and the command, as asked; a kill switch that is thrown meanwhile is latched at once, for the
run that comes of it or for the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from live.line import Declined
from research.errors import Unreachable

if TYPE_CHECKING:
    from live.keys import Access
    from live.killing import Heard

__all__ = ["Knock", "Waits"]

T = TypeVar("T")
_STEP: Final = 0.1  # seconds in which a signal is heeded


@dataclass(frozen=True)
class Waits:
    """How long a start waits, in seconds.

    Attributes
    ----------
    most : float
        From the first question without an answer on; 0: a question is asked once.
    pause : float
        Between two questions, each of which has a patience of its own.
    told : float
        Between two lines about it.
    """

    most: float = 900.0
    pause: float = 5.0
    told: float = 300.0


class Knock:
    """The questions of one start.

    Parameters
    ----------
    known : Access
        Whose limits a kill switch is latched in.
    stopped : callable
        Which signal ends the run; None: none has come.
    kill : Heard
    waits : Waits
    """

    def __init__(
        self,
        known: Access,
        stopped: Callable[[], str | None],
        kill: Heard,
        waits: Waits,
    ) -> None:
        self._known, self._stopped, self._kill, self._waits = known, stopped, kill, waits

    def answered(self, ask: Callable[[], T]) -> T:
        """Return what a question brings, asked again until it is answered.

        Raises
        ------
        Unreachable
            It was not, for as long as is waited; or it was definitely refused.
        Exit
            Stopped as asked.
        """
        begun = told = None
        while True:
            try:
                return ask()
            except Declined:
                raise
            except Unreachable as problem:
                now = time.monotonic()
                begun = now if begun is None else begun
                self._heed()
                if now - begun >= self._waits.most:
                    raise
                if told is None or now - told >= self._waits.told:
                    left = (self._waits.most - (now - begun)) / 60.0
                    _say(f"{_cause(problem)}; asked again for up to {left:.0f} minutes, a signal ends it")
                    told = now
            self._sleep(self._waits.pause)

    def idle(self, seconds: float) -> None:
        """Wait for the rate limit, the broker's or ours."""
        if not self._stopped():
            _say(f"waits {seconds:.0f} s for the rate limit")
        self._sleep(seconds, ends=False)

    def _sleep(self, seconds: float, *, ends: bool = True) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0.0:
            if self._stopped() and not ends:  # the question that waits ends by itself, unanswered
                return
            self._heed(ends=ends)
            time.sleep(min(left, _STEP))

    def _heed(self, *, ends: bool = True) -> None:
        """Latch a kill switch that was thrown, and end if a signal says so."""
        if why := self._kill():
            _latch(self._known, why)
            self._kill.said.clear()  # else a run would latch it again after its reset
        if ends and (name := self._stopped()):
            _say(f"stopped by {name} before there was an answer; run the same command again")
            raise typer.Exit(0)


def _latch(known: Access, why: str) -> None:
    from live.home import LIMITS, home_of
    from live.killing import latch_kill
    from live.limits import Limits

    with Limits.at(home_of(known) / LIMITS) as limits:
        latch_kill(limits, why, datetime.now(UTC))
    _say(f"kill switch latched by {why}; the orders rest until there is an answer, or `live.kill`")


def _cause(problem: Unreachable) -> str:
    """Return what is wrong without the remedy, which is ours."""
    text = str(problem)
    return text.rpartition(";")[0] or text


def _say(line: str) -> None:
    typer.echo(f"broker    {line}")
