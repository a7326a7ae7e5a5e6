"""The broker's calendar: sessions with half days, and days on which it differs from everybody else's.

In: the sessions of an exchange. Out: is it open, when does it open or close next, and the calendar's rows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Session:
    """One trading day; `open` and `close` in UTC."""

    date: date
    open: datetime
    close: datetime


def eastern(day: date, hhmm: str) -> datetime:
    """Return the UTC instant of a wall time in New York; daylight saving is the zone's business."""
    return datetime.combine(day, time.fromisoformat(hhmm), EASTERN).astimezone(UTC)


class Calendar:
    """Sessions in order; `override` changes one day."""

    def __init__(self, sessions):
        self._set(list(sessions))

    @staticmethod
    def of(exchange: str = "XNYS") -> Calendar:
        """Take an exchange's sessions from exchange_calendars; each call gives a calendar of its own."""
        return copy(_calendar(exchange))

    def _set(self, sessions):
        # New lists, never changed in place: copies of a calendar share them.
        self._sessions: list[Session] = sorted(sessions, key=lambda s: s.open)
        self._opens = [s.open for s in self._sessions]
        self._closes = [s.close for s in self._sessions]
        self._dates = [s.date for s in self._sessions]

    def override(self, day: date, hours: tuple[str, str] | None) -> None:
        """Make a day a holiday (None) or give it other hours, ("09:30", "13:00") in Eastern time."""
        kept = [s for s in self._sessions if s.date != day]
        if hours is not None:
            kept.append(Session(day, eastern(day, hours[0]), eastern(day, hours[1])))
        self._set(kept)

    def on(self, day: date) -> Session | None:
        """Return the session of a date, None if there is none."""
        i = bisect_left(self._dates, day)
        return self._sessions[i] if i < len(self._dates) and self._dates[i] == day else None

    def at(self, now: datetime) -> Session | None:
        """Return the session that is open at an instant (its close excluded)."""
        i = bisect_right(self._opens, now) - 1
        return self._sessions[i] if i >= 0 and now < self._closes[i] else None

    def ending(self, now: datetime) -> Session | None:
        """Return the session within whose open (excluded) and close (included) an instant lies."""
        i = bisect_left(self._closes, now)
        return self._sessions[i] if i < len(self._closes) and self._opens[i] < now else None

    def next_open(self, now: datetime) -> datetime:
        """Return the first opening after an instant."""
        i = bisect_right(self._opens, now)
        return self._opens[i] if i < len(self._opens) else now + timedelta(days=365)

    def next_close(self, now: datetime) -> datetime:
        """Return the first closing after an instant."""
        i = bisect_right(self._closes, now)
        return self._closes[i] if i < len(self._closes) else now + timedelta(days=365)

    def between(self, first: date, last: date) -> list[Session]:
        """Return the sessions from one date to another, both included."""
        return self._sessions[bisect_left(self._dates, first) : bisect_right(self._dates, last)]

    def rows(self, first: date, last: date) -> list[dict[str, Any]]:
        """Return what GET /v2/calendar says of these dates: wall times of New York."""
        return [
            {
                "date": s.date.isoformat(),
                "open": s.open.astimezone(EASTERN).strftime("%H:%M"),
                "close": s.close.astimezone(EASTERN).strftime("%H:%M"),
                "session_open": "0400",
                "session_close": "2000",
            }
            for s in self.between(first, last)
        ]


@cache
def _calendar(exchange: str) -> Calendar:
    from research.data.sessions import sessions

    known = sessions(exchange)
    rows = zip(known.dates.tolist(), known.opens.tolist(), known.closes.tolist(), strict=True)
    return Calendar(Session(d, o.replace(tzinfo=UTC), c.replace(tzinfo=UTC)) for d, o, c in rows)
