"""The last looks of a run: what one look began and the next would finish is finished before the process ends.

In: our orders, the levels in force, a way to look once more. Out: what was still under way when patience
ended, to be told.

A stop that is moved takes two looks, and so does an exit: protection is cancelled, and only when that has
ended its successor is sent. A process that ended between the two, as `--once` or at a signal, would leave
shares that nothing protects until somebody starts the next one. So it looks on:

1. While an order of ours is being cancelled, is in doubt, or is an entry that an open market executes now,
   or that the kill switch cancels.
2. While shares with a level in force have nothing that rests for them. A whole look that found no way to
   change that is tried again a few times; what the broker has just refused, until patience ends.

It ends with patience in any case, however dead the network is: a minute, and a question that is under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from live.leaving import bare, leaving
from live.levels import levels_of
from live.order_states import IN_DOUBT
from live.protection import wanted
from live.refusals import refused_among
from live.risk_context import Purpose
from live.rows import Event
from live.transitions import State

if TYPE_CHECKING:
    from live.book import Book
    from live.limits import Limits
    from live.tracks import Track, Tracks
    from live.world import Picture
    from research.engine import UnifiedTradingEngine

__all__ = ["Ending"]

PATIENCE: Final = 60.0  # seconds: an order in doubt is known after 20, a refused one tried again after 30
LOOKS: Final = 60
_PAUSE: Final = 0.25  # seconds after the first look; half as much again after each
_LONGEST: Final = 2.0
_VAIN: Final = 3  # whole looks more
_SAID: Final = 5  # looks after which it is told what is waited for
_ENDING: Final = {State.CANCELLING: "is being cancelled", State.REPLACING: "is being replaced"}


@dataclass(frozen=True)
class Ending:
    """What is left to do before a run ends.

    Parameters
    ----------
    tracks : Tracks
    book : Book
    engine : UnifiedTradingEngine
    limits : Limits
    """

    tracks: Tracks
    book: Book
    engine: UnifiedTradingEngine
    limits: Limits

    def finish(
        self,
        seen: Picture | None,
        look: Callable[[], Picture | None],
        *,
        wait: Callable[[float], object],
        poll: float,
        tell: Callable[[Event], object],
    ) -> list[Event]:
        """Look on, and return what is left.

        Parameters
        ----------
        seen : Picture or None
            Of the last look; None: it was not answered, or there was none.
        look : callable
            Looks once; returns as `seen`.
        wait : callable
            Sleeps for some seconds.
        poll : float
            Seconds between two looks, at most.
        tell : callable
            Told once what is waited for, where that takes seconds.
        """
        until, pause, vain, last = time.monotonic() + PATIENCE, _PAUSE, 0, seen
        for n in range(LOOKS):
            doing, lacking = self._under_way(last), self._lacking(last)
            vain = 0 if doing or seen is None or self._refused(seen, lacking) else vain + 1
            if time.monotonic() >= until or not (doing or (lacking and vain <= _VAIN)):
                return doing + lacking
            if n == _SAID:
                what = (doing + lacking)[0].text
                tell(Event("ending", f"{what}; looks on for {PATIENCE:g} s, a second signal ends it at once"))
            wait(min(pause, poll))
            pause = min(1.5 * pause, _LONGEST)
            seen = look()
            last = seen or last
        return self._under_way(last) + self._lacking(last)

    def _under_way(self, seen: Picture | None) -> list[Event]:
        """Return the orders whose next state asks for something of us."""
        if self.limits.is_winding():
            return []  # the account is the kill command's
        is_open = seen is not None and seen.clock.is_open
        found = []
        for track in self.tracks.open():
            o = track.order
            if what := _doing(track, is_open=is_open, killed=self.limits.killed):
                guards = track.purpose is Purpose.PROTECT and self.tracks.held(o.symbol) != 0
                text = f"{track.purpose} order {o.client_id} {what}"
                if guards:
                    text += (
                        f": {self.tracks.held(o.symbol):f} {o.symbol} may have nothing that rests for them"
                    )
                found.append(Event("unprotected" if guards else "under way", text, o.symbol))
        return found

    def _lacking(self, seen: Picture | None) -> list[Event]:
        """Return the shares with a level in force for which nothing rests, and something may be sent."""
        if self.limits.is_winding():
            return []
        locked = frozenset[str]() if seen is None else seen.locked
        found = []
        for symbol in self.engine.symbols:
            held = self.tracks.held(symbol)
            if held == 0 or symbol in locked or leaving(self.tracks, symbol):
                continue
            orders = [order for order in self.book.open() if order.symbol == symbol]
            want, _ = wanted(symbol, float(held), *levels_of(self.engine, self.tracks, symbol, orders))
            lacking = bare(self.tracks, symbol, held)
            if want is not None and lacking >= 1:  # what is left of a share cannot rest
                text = f"{lacking:f} {symbol} held, nothing rests for them"
                found.append(Event("unprotected", text, symbol))
        return found

    def _refused(self, seen: Picture, lacking: list[Event]) -> bool:
        """Say whether protection that is lacking was refused a moment ago, and is tried again soon."""
        symbols = {event.symbol for event in lacking}
        refused = refused_among(t for t in self.tracks.orders.values() if t.order.symbol in symbols)
        return any(seen.now - t.sent_at < timedelta(seconds=PATIENCE) for t in refused)


def _doing(track: Track, *, is_open: bool, killed: bool) -> str:
    """Say what an order is about that must be waited for; "" nothing."""
    state = track.order.state
    if "parent" in track.fields:
        return ""  # goes with its parent
    if state in IN_DOUBT:
        return "is in doubt"
    if state in _ENDING:
        return _ENDING[state]
    if killed and track.purpose is Purpose.ENTER:
        return "must be cancelled, the kill switch is on"  # by the next look, whoever latched it when
    enters = track.purpose is Purpose.ENTER and track.kind == "market"
    return "is executed now" if enters and is_open else ""
