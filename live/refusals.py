"""Protection that the broker refuses: what may be tried instead, and when again.

In: the protection that is wanted, what was refused of the position's before. Out: the next order to try, or
none for now. Nothing is sent here.

1. A pair that is refused is followed by its stop alone, at once. The pair is not tried again in this bar.
2. What is refused since the price is beyond the stop is followed by what the stop would have done: a market
   order. So is a stop alone that is refused while the last close is beyond it.
3. Whatever is refused is tried again after 30 seconds at the soonest, then after twice as long each time, up
   to an hour: a broker that says no to one order each look would be asked thousands of times a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from live.protection import Protection
from live.risk_context import Purpose
from live.transitions import State

if TYPE_CHECKING:
    from live.tracks import Track

__all__ = ["at_once", "next_try", "refused_among", "says_beyond"]

_FIRST: Final = timedelta(seconds=30)
_LONGEST: Final = timedelta(hours=1)
# "stop_loss.stop_price must be <= base_price - 0.01", "stop price must be less than current price": not what
# is said of a price's form, nor of the target.
_BEYOND: Final = re.compile(r"stop.?price must\b.*(base|market|current|last)", re.IGNORECASE)


def says_beyond(problem: str) -> bool:
    """Say whether a refusal means that the price is beyond the stop.

    Examples
    --------
    >>> says_beyond("POST /orders: 422, stop_loss.stop_price must be <= base_price - 0.01")
    True
    >>> says_beyond("POST /orders: 422, take_profit.limit_price must be >= base_price + 0.01")
    False
    """
    return _BEYOND.search(problem) is not None


def at_once(want: Protection) -> Protection:
    """Return what a stop becomes when its price is reached: the shares at the market, without levels."""
    return replace(want, stop=None, target=None)


def refused_among(tracks: Iterable[Track]) -> list[Track]:
    """Return the protection that the broker refused, of the orders sent for one position."""
    return [t for t in tracks if t.purpose is Purpose.PROTECT and t.order.state is State.REFUSED]


def next_try(
    want: Protection,
    refused: Sequence[Track],
    *,
    gone: bool,
    beyond: bool,
    last_bar: datetime,
    now: datetime,
) -> Protection | None:
    """Return what to try now of the protection that is wanted; None: nothing before some time has passed.

    Parameters
    ----------
    want : Protection
    refused : sequence of Track
        Of this position's protection, from `refused_among`.
    gone : bool
        Whether the broker has just said that the price is beyond the stop.
    beyond : bool
        Whether the last close is.
    last_bar, now : datetime
        UTC: the close of the last bar, and the instant.
    """
    tries = [want]
    if want.stop is not None:
        alone = replace(want, target=None)
        tries = [alone, at_once(want)] if beyond else [want, alone]
        tries = [at_once(want)] if gone else tries
    return next((one for one in tries if _may(one, refused, last_bar, now)), None)


def _may(one: Protection, refused: Sequence[Track], last_bar: datetime, now: datetime) -> bool:
    """Say whether an order of this kind may be tried, after those of its kind that were refused."""
    kind = _kind(one)
    before = [track.sent_at for track in refused if _kind_sent(track) == kind]
    if not before:
        return True
    if kind == "oco" and max(before) > last_bar:
        return False  # its stop alone rests meanwhile: to try the pair again would lay that bare
    wait: timedelta = min(_FIRST * 2 ** min(len(before) - 1, 10), _LONGEST)
    return now - max(before) >= wait


def _kind(one: Protection) -> str:
    if one.stop is not None:
        return "stop" if one.target is None else "oco"
    return "market" if one.target is None else "limit"


def _kind_sent(track: Track) -> str:
    return str(track.fields.get("order_class") or track.kind)
