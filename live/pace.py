"""Our own rate limit, below the broker's: so many requests in any minute, some of them for cancels alone.

In: the wish to make a request. Out: how long to wait first. A broker that refuses for the rate (429) says
when it listens again; until then nothing is sent.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from research.errors import BadValue

__all__ = ["PER_MINUTE", "RESERVE", "Pace"]

PER_MINUTE: Final = 150  # requests; Alpaca counts 200
RESERVE: Final = 30  # of them, for cancels
_WINDOW = 60.0


class Pace:
    """A sliding minute.

    Parameters
    ----------
    per_minute : int
        Requests in any 60 s; Alpaca counts 200.
    reserve : int
        How many of them only urgent requests may use.
    clock : callable
        Seconds that never run backwards.

    Examples
    --------
    >>> now = [0.0]
    >>> pace = Pace(per_minute=2, reserve=1, clock=lambda: now[0])
    >>> pace.take(), pace.take(), pace.take(urgent=True), pace.take(urgent=True)
    (0.0, 60.0, 0.0, 60.0)
    """

    def __init__(
        self,
        per_minute: int = PER_MINUTE,
        reserve: int = RESERVE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 <= reserve < per_minute:
            raise BadValue(
                f"`reserve` must be from 0 to below `per_minute` ({per_minute}), was {reserve}; "
                f"the default is {RESERVE}"
            )
        self._most, self._reserve, self._clock = per_minute, reserve, clock
        self._taken: deque[float] = deque()
        self._silent_until = float("-inf")
        self._lock = threading.Lock()

    def take(self, *, urgent: bool = False) -> float:
        """Count a request and return 0, or return the seconds after which to ask again."""
        with self._lock:
            now = self._clock()
            wait = self._left(now, self._most if urgent else self._most - self._reserve)
            if wait == 0.0:
                self._taken.append(now)
            return wait

    def left(self) -> float:
        """Return the seconds until a request that is not urgent may be made; none is counted."""
        with self._lock:
            return self._left(self._clock(), self._most - self._reserve)

    def _left(self, now: float, most: int) -> float:
        if now < self._silent_until:
            return self._silent_until - now
        while self._taken and self._taken[0] <= now - _WINDOW:
            self._taken.popleft()
        over = len(self._taken) - most
        return self._taken[over] + _WINDOW - now if over >= 0 else 0.0

    def hold(self, seconds: float) -> None:
        """Send nothing for some seconds: the broker asked for it."""
        with self._lock:
            self._silent_until = max(self._silent_until, self._clock() + seconds)
