"""What the broker tells of a New York day, asked for as it begins: sessions, assets, splits.

In: the broker's clock, who can be asked. Out: the sessions, what may be traded, the day's splits; and what of
these is not known yet. A part that is not answered is told of and asked for again at each look. Until it is
answered nothing is entered, but what is held goes on being protected and left, by what was known before:

1. Without sessions nothing can be judged. Those of the day before reach a week ahead; without any, as at the
   first look of a process, there is no look.
2. Without today's splits the evening's word holds, if there was one. Positions show whether shares were
   split; what they do not explain halts, and is neither taken over nor closed (`live.world`).
3. A symbol of which the broker takes no order is asked for again every five minutes: its word of midnight
   must not keep a position bare for the day.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from live.account_payloads import asset_of
from live.arrivals import LOOK_BACK
from live.schedule import EASTERN, Schedule
from live.telling import UNREACHABLE
from research.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from live.alpaca import AlpacaAccount, BrokerClock
    from live.coming import Coming
    from live.risk_context import Asset
    from live.telling import Tell

__all__ = ["Today"]

_DAYS: Final = timedelta(days=8)  # of calendar, before and after today
_AGAIN: Final = timedelta(minutes=5)  # by the broker's clock
_SESSIONS, _ASSETS, _SPLITS = "sessions", "assets", "splits"


class Today:
    """What is known of the day.

    Parameters
    ----------
    account : AlpacaAccount
    symbols : sequence of str
        Ours to trade.
    length : timedelta or None
        Of a bar; None: a bar is a session.
    coming : Coming
    tell : Tell
    beat : callable
        Shows that the loop goes on.

    Attributes
    ----------
    assets : dict of str to Asset
        By symbol, as last told.
    """

    def __init__(
        self,
        account: AlpacaAccount,
        symbols: Sequence[str],
        length: timedelta | None,
        coming: Coming,
        tell: Tell,
        beat: Callable[[], None],
    ) -> None:
        self._account, self._symbols, self._length = account, symbols, length
        self._coming, self._tell, self._beat = coming, tell, beat
        self._day: date | None = None
        self._unasked: list[str] = []
        self._doubted: list[str] = []
        self._doubted_at: datetime | None = None
        self._lacking: dict[str, str] = {}
        self._schedule: Schedule | None = None
        self.assets: dict[str, Asset] = {}

    def learn(self, clock: BrokerClock, last: datetime | None) -> Schedule:
        """Ask for what is not known yet of the clock's day, and return the sessions.

        Parameters
        ----------
        clock : BrokerClock
        last : datetime or None
            Close of the last bar taken, UTC: the sessions go back to it.

        Raises
        ------
        Unreachable
            No sessions were ever told of.
        """
        day = clock.now.astimezone(EASTERN).date()
        if day != self._day:
            self._day, self._unasked = day, list(self._symbols)
            parts = (_SESSIONS, _ASSETS, _SPLITS)
            self._lacking = {part: f"{part} of {day}: still to be asked for" for part in parts}
        for part in list(self._lacking):
            try:
                self._ask(part, day, clock.now, last)
            except Unreachable as problem:
                if self._schedule is None:
                    raise
                del self._lacking[part]  # asked for after the others at the next look
                self._lacking[part] = f"{problem}; nothing is entered"
                self._tell(UNREACHABLE, self._lacking[part], about=part)
                break  # orders wait behind one silence, not behind three
            del self._lacking[part]
        if _ASSETS not in self._lacking:
            self._ask_again(clock.now)
        assert self._schedule is not None  # else that was raised
        return self._schedule

    def _ask(self, part: str, day: date, now: datetime, last: datetime | None) -> None:
        if part == _SESSIONS:
            first = (now - _DAYS if last is None else min(now, last) - LOOK_BACK - _DAYS).date()
            rows = self._account.calendar(first, (now + _DAYS).date())
            self._schedule = Schedule.of(rows, self._length)
        elif part == _ASSETS:
            while self._unasked:  # what our rate limit breaks off goes on from here
                self.assets[self._unasked[0]] = asset_of(self._account.asset(self._unasked[0]))
                del self._unasked[0]
        else:
            self._beat()  # that line does not do so itself
            self._coming.begin(day)

    def _ask_again(self, now: datetime) -> None:
        """Ask again for assets of which no order is taken, each once in a while."""
        if not self._doubted:
            found = self.untradable
            if not found:
                self._doubted_at = None
            elif self._doubted_at is None:
                self._doubted_at = now  # just told
            elif now - self._doubted_at >= _AGAIN:
                self._doubted, self._doubted_at = found, now
        with suppress(Unreachable):  # what is not answered stays as it is, and is told of at each look
            while self._doubted:
                symbol = self._doubted.pop()
                self.assets[symbol] = asset_of(self._account.asset(symbol))

    @property
    def untradable(self) -> list[str]:
        """Symbols of which the broker takes no order, as last told."""
        return [s for s, asset in self.assets.items() if not (asset.active and asset.tradable)]

    @property
    def lacking(self) -> list[str]:
        """What of the day is not known, in the words of who was asked; empty: nothing."""
        return list(self._lacking.values())

    @property
    def splits(self) -> Mapping[str, Decimal]:
        """Today's, by symbol, as far as they are known."""
        return {} if self._day is None else self._coming.of(self._day)

    @property
    def splits_known(self) -> bool:
        """Whether somebody said today what is split today."""
        return _SPLITS not in self._lacking
