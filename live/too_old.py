"""Whether `stale_after` leaves an entry any time to be sent in, by the length of the run's bars.

In: the limit, a timeframe, how long a bar is waited for. Out: what it blocks, in words. The door asks the age
of a symbol's last bar whenever an entry is to be sent (`live.risk_gates.fresh`); how old that is at the
soonest follows from when entries are sent at all, and so needs no backtest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from live.risk_context import Rules
from live.schedule import LENGTHS

__all__ = ["EVERY_DAILY", "TooOld", "too_old"]

# A daily bar is over at 16:00 Eastern, and the auction of the next open takes orders from 19:00 on.
_SOONEST_DAILY: Final = timedelta(hours=3)
# The longest that the exchange plans to be closed: from 13:00 on 24 December, a Thursday, to 9:28 on Monday.
EVERY_DAILY: Final = timedelta(days=3, hours=20, minutes=28)


@dataclass(frozen=True)
class TooOld:
    """What the limit blocks.

    Attributes
    ----------
    every : bool
        Whether it is every entry, whenever it is sent.
    text : str
        In words; "" if it blocks none.
    """

    every: bool
    text: str


def too_old(rules: Rules, timeframe: str, settle: timedelta) -> TooOld:
    """Return what `stale_after` blocks at a length of bars.

    Parameters
    ----------
    rules : Rules
    timeframe : str
        As `live.schedule.LENGTHS` has it.
    settle : timedelta
        After a close, until its bar is asked for.

    Examples
    --------
    >>> from datetime import timedelta
    >>> too_old(Rules(stale_after=timedelta(days=5)), "1Day", timedelta(seconds=30)).text
    ''
    >>> too_old(Rules(stale_after=timedelta(seconds=60)), "1Day", timedelta(seconds=30)).every
    True
    """
    daily = LENGTHS[timeframe] is None
    soonest = max(_SOONEST_DAILY, settle) if daily else settle
    # The default of shorter bars is enough for what is sent as soon as it can be, also at a session's end.
    enough = EVERY_DAILY if daily else Rules().stale_after
    limit = rules.stale_after
    if limit >= enough:
        return TooOld(every=False, text="")
    said, least = f"stale_after of {limit.total_seconds():g} s blocks", f"{enough.total_seconds():.0f}"
    first = f"{soonest.total_seconds():g} s after the close at the soonest"
    if limit <= soonest:
        return TooOld(
            every=True,
            text=f"{said} every entry of {timeframe} bars, sent {first}; set {least} or more",
        )
    return TooOld(
        every=False, text=f"{said} what is sent later than that after its bar's close; {least} blocks none"
    )
