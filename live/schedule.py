"""When: the broker's sessions, the bar that is due, the auctions that still take orders.

In: the broker's calendar, in Eastern wall time, and its clock. Out: instants in UTC. Wall times are turned
into instants by the zone's rules day by day, so that daylight saving moves no decision. The broker's word
wins; where its clock, its calendar and the exchange's published one differ, that is said and nothing is
entered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from live.risk_context import Session
from research.errors import Unreachable

if TYPE_CHECKING:
    from live.alpaca import BrokerClock
    from live.line import Line

__all__ = ["EASTERN", "HALF_HOUR", "LENGTHS", "Hours", "Schedule", "last_close", "sessions_of"]

EASTERN: Final = ZoneInfo("America/New_York")
LENGTHS: Final[Mapping[str, timedelta | None]] = {
    "1Min": timedelta(minutes=1), "5Min": timedelta(minutes=5), "15Min": timedelta(minutes=15),
    "30Min": timedelta(minutes=30), "1Hour": timedelta(hours=1), "1Day": None,
}  # fmt: skip
HALF_HOUR: Final = timedelta(minutes=30)  # what hours are put together from
_OPG_CUT: Final = timedelta(minutes=2)  # before the open: 9:28
_CLS_CUT: Final = timedelta(minutes=10)
_QUEUE: Final = time(19, 0)  # from then on the next day's auction takes orders
_NEAR: Final = timedelta(minutes=1)
_REMEDY: Final = "it is asked again at the next turn"


@dataclass(frozen=True, slots=True)
class Hours:
    """One session, UTC."""

    open: datetime
    close: datetime


def last_close(hours: Hours, length: timedelta | None) -> datetime:
    """Return when the last bar of a session is over; an hour may be cut to its first half, no other bar.

    Examples
    --------
    >>> half = Hours(datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 27, 18, 7, tzinfo=UTC))
    >>> last_close(half, timedelta(hours=1)).isoformat(), last_close(half, None) == half.close
    ('2026-11-27T18:00:00+00:00', True)
    """
    if length is None:
        return hours.close
    part = min(length, HALF_HOUR)
    return hours.open + (hours.close - hours.open) // part * part


def sessions_of(trading: Line, first: date, last: date) -> list[Hours]:
    """Ask the trading host for its sessions from a day to a day.

    Raises
    ------
    Unreachable
        As `Schedule.of`.
    """
    found = trading.read("/calendar", {"start": first.isoformat(), "end": last.isoformat()})
    return Schedule.of(found if isinstance(found, list) else [{}], None, trading.remedy).hours


class Schedule:
    """The sessions that the broker told of, and what follows from them.

    Parameters
    ----------
    hours : iterable of Hours
    length : timedelta or None
        Of a bar; None: a bar is a session.

    Examples
    --------
    >>> friday = {"date": "2026-11-27", "open": "09:30", "close": "13:00"}
    >>> schedule = Schedule.of([friday], None)
    >>> schedule.due(datetime(2026, 11, 28, tzinfo=UTC)).isoformat()
    '2026-11-27T18:00:00+00:00'
    """

    def __init__(self, hours: Iterable[Hours], length: timedelta | None) -> None:
        self.hours = sorted(hours, key=lambda h: h.open)
        self.length = length
        self._opens, self._closes = [h.open for h in self.hours], [h.close for h in self.hours]

    @classmethod
    def of(
        cls, rows: Iterable[Mapping[str, Any]], length: timedelta | None, remedy: str = _REMEDY
    ) -> Schedule:
        """Read the calendar's rows; `remedy` is part of what is told of those that cannot be read.

        Raises
        ------
        Unreachable
            A row whose date, open or close cannot be read or make no session, or no row at all.
        """
        hours = []
        for row in rows:
            session = _read(row)
            if session is None:
                raise Unreachable(f"the broker's calendar cannot be read; {remedy}")
            hours.append(session)
        if not hours:
            raise Unreachable(f"the broker's calendar holds no session; {remedy}")
        return cls(hours, length)

    # --- sessions ------------------------------------------------------------------------------

    def at(self, now: datetime) -> Hours | None:
        """Return the session that is on; its close excluded."""
        i = bisect_right(self._opens, now) - 1
        return self.hours[i] if i >= 0 and now < self.hours[i].close else None

    def next_open(self, now: datetime) -> datetime | None:
        """Return the first open after an instant; None beyond what the broker told of."""
        i = bisect_right(self._opens, now)
        return self._opens[i] if i < len(self._opens) else None

    def next_close(self, now: datetime) -> datetime | None:
        """Return the first close after an instant."""
        i = bisect_right(self._closes, now)
        return self._closes[i] if i < len(self._closes) else None

    def day(self, now: datetime) -> str:
        """Return the session that is on, or comes next, as its date; "" beyond what the broker told of.

        A day begins where the one before it closed: what the night did to a position is that day's.
        """
        hours = self.around(now)
        return "" if hours is None else hours.open.astimezone(EASTERN).date().isoformat()

    # --- bars ----------------------------------------------------------------------------------

    def due(self, now: datetime) -> datetime | None:
        """Return the close of the latest bar that is over."""
        i = bisect_right(self._opens, now) - 1
        if i >= 0 and now >= (last := self._last(self.hours[i])):
            return last
        if i >= 0 and self.length is not None and (whole := (now - self._opens[i]) // self.length):
            return self._opens[i] + whole * self.length
        return self._last(self.hours[i - 1]) if i > 0 else None

    def _last(self, hours: Hours) -> datetime:
        return last_close(hours, self.length)

    def fills_at(self, bar_close: datetime) -> datetime | None:
        """Return when the bar after a close begins: what is decided at the close fills there."""
        return bar_close if self._goes_on(bar_close) else self.next_open(bar_close - _NEAR)

    def late(self, bar_close: datetime, now: datetime) -> bool:
        """Say whether the open that a decision was made for has passed."""
        if self._goes_on(bar_close) and self.length is not None:
            hours = self.at(bar_close)
            assert hours is not None  # it goes on
            return now >= min(bar_close + self.length, hours.close)
        opens = self.next_open(bar_close - _NEAR)
        return opens is None or now >= opens - _OPG_CUT

    def _goes_on(self, bar_close: datetime) -> bool:
        """Say whether the session goes on after a bar."""
        hours = self.at(bar_close)
        return self.length is not None and hours is not None and bar_close < self._last(hours)

    # --- auctions ------------------------------------------------------------------------------

    def opg_until(self, now: datetime) -> datetime | None:
        """Return until when the next opening auction takes orders; None: it takes none now."""
        i = bisect_left(self._opens, now)
        opens = self._opens[i] if i < len(self._opens) else None
        if opens is None:
            return None
        local = now.astimezone(EASTERN)
        today = any(o.astimezone(EASTERN).date() == local.date() for o in self._opens)
        if today and opens.astimezone(EASTERN).date() != local.date() and local.time() < _QUEUE:
            return None
        until = opens - _OPG_CUT
        return until if now < until else None

    def session(self, now: datetime, clock: BrokerClock, published: Schedule | None = None) -> Session:
        """Return the hours as the risk door reads them.

        Parameters
        ----------
        now : datetime
        clock : BrokerClock
            Read at `now`.
        published : Schedule, optional
            The exchange's calendar as everybody knows it.
        """
        hours = self.at(now)
        cls_until = None if hours is None or now >= hours.close - _CLS_CUT else hours.close - _CLS_CUT
        return Session(
            clock.is_open, self.opg_until(now), cls_until, not self.disagreements(now, clock, published)
        )

    def disagreements(
        self, now: datetime, clock: BrokerClock, published: Schedule | None = None
    ) -> list[str]:
        """Say in what the broker's clock, its calendar and the published one differ."""
        found = []
        on = self.at(now)
        near = any(abs(now - edge) < _NEAR for edge in (*self._opens, *self._closes))
        if not near:
            if clock.is_open != (on is not None):
                told, should = ("open", "closed") if clock.is_open else ("closed", "open")
                found.append(f"the broker's clock says {told}, its calendar {should}")
            pairs = (
                ("open", clock.next_open, self.next_open(now)),
                ("close", clock.next_close, self.next_close(now)),
            )
            for name, told_at, ours in pairs:
                if clock.is_open == (on is not None) and ours is not None and abs(told_at - ours) >= _NEAR:
                    found.append(
                        f"the broker's clock has the next {name} at {told_at:%Y-%m-%d %H:%M} UTC, its "
                        f"calendar at {ours:%Y-%m-%d %H:%M}"
                    )
        if published is not None:
            here, there = self.around(now), published.around(now)
            if here != there:
                found.append(f"the broker's calendar has {_said(here)}, the exchange's {_said(there)}")
        return found

    def around(self, now: datetime) -> Hours | None:
        """Return the session that is on or comes next."""
        i = bisect_right(self._closes, now)
        return self.hours[i] if i < len(self.hours) else None


def _read(row: Mapping[str, Any]) -> Hours | None:
    """Return a row of the calendar; None if it says no session in wall time."""
    try:
        day = date.fromisoformat(row["date"])
        begin, end = (time.fromisoformat(row[name]) for name in ("open", "close"))
        opens, closes = (datetime.combine(day, t, EASTERN).astimezone(UTC) for t in (begin, end))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    naive = begin.tzinfo is None and end.tzinfo is None
    return Hours(opens, closes) if naive and opens < closes else None


def _said(hours: Hours | None) -> str:
    if hours is None:
        return "no session"
    return f"a session from {hours.open:%Y-%m-%d %H:%M} to {hours.close:%H:%M} UTC"
