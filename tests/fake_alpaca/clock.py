"""The fake's own time: stands still until told (stepped), or runs at a multiple of the real one.

`instant` time, which jumps from event to event, is a stepped clock that the server's ticker moves.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def utc(instant: datetime | str) -> datetime:
    """Return an aware UTC datetime; a string is ISO 8601, and UTC unless it says otherwise."""
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


class FakeClock:
    """UTC instants that never go back.

    Parameters
    ----------
    start : datetime or str
    speed : float
        Fake seconds per real second; 0 stands still until `set`.
    """

    def __init__(self, start: datetime | str, speed: float = 0.0) -> None:
        self._base = utc(start)
        self._began = time.monotonic()
        self.speed = speed

    def now(self) -> datetime:
        """Return the present instant."""
        if not self.speed:
            return self._base
        return self._base + timedelta(seconds=(time.monotonic() - self._began) * self.speed)

    def set(self, instant: datetime | str) -> None:
        """Go to a later instant, and on from there."""
        later = utc(instant)
        if later < self.now():
            raise ValueError(f"time does not go back: {later} is before {self.now()}")
        self._base, self._began = later, time.monotonic()
