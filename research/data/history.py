"""Cuts through a bar table: what was known at an instant, and which bars lie in a span.

In: a bar table; dates and instants as users write them (`bound`). Out: some of its rows.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import polars as pl

from research.errors import BadValue

__all__ = ["Instant", "as_known_at", "between", "bound"]

Instant = str | date | datetime | None
_TICK = timedelta(microseconds=1)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def as_known_at(bars: pl.DataFrame, instant: datetime) -> pl.DataFrame:
    """Return the bar table as it was known at an instant: of each bar the latest row that was available.

    Parameters
    ----------
    bars : DataFrame
        A bar table, with or without `available_at` (then each bar was known at its `bar_close`).
    instant : datetime
        With a time zone.

    Returns
    -------
    DataFrame
        One row per symbol and bar, without `available_at`: what is returned is taken as known.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> as_known_at(load_sample(["FB"]), datetime(2012, 6, 1, 19, 59, tzinfo=UTC)).height
    9
    """
    if instant.tzinfo is None:
        raise BadValue(f"`instant` must carry a time zone, was {instant}; write datetime(…, tzinfo=UTC)")
    known = "available_at" if "available_at" in bars.columns else "bar_close"
    past = bars.filter(pl.col(known) <= instant)
    if known == "bar_close":
        return past
    latest = pl.col(known) == pl.col(known).max().over("symbol", "bar_close")
    return past.filter(latest).drop("available_at")


def between(bars: pl.DataFrame, start: Instant = None, end: Instant = None) -> pl.DataFrame:
    """Return the bars whose `bar_close` lies in [start, end].

    Parameters
    ----------
    bars : DataFrame
        A bar table.
    start, end : str, date or datetime, optional
        A day or an instant, as `bound` reads it; both included.

    Raises
    ------
    BadValue
        What is no date or instant, or an end before the start.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> between(load_sample(["FB"]), "2013-01-01", "2013-01-31").height
    21
    """
    first, last = bound("start", start), bound("end", end)
    if first is not None and last is not None and last < first:
        raise BadValue(f"`end` must not be before `start`, was {end} with start {start}; swap them")
    keep = pl.lit(value=True)
    if first is not None:
        keep &= pl.col("bar_close") >= first
    if last is not None:
        keep &= pl.col("bar_close") <= last
    return bars.filter(keep)


def bound(side: Literal["start", "end"], value: Instant) -> datetime | None:
    """Read where a span of bars begins or ends: the first or the last `bar_close` that it may hold.

    Parameters
    ----------
    side : {"start", "end"}
    value : str, date, datetime or None
        ISO text or an object. A date is its whole UTC day; a bar that closes at midnight belongs to the day
        that ends there. An instant without a time zone is UTC.

    Returns
    -------
    datetime or None
        UTC, inclusive; the last instant there is where the day or zone would leave the calendar.

    Raises
    ------
    BadValue
        A text that is no date, or something else altogether.

    Examples
    --------
    >>> str(bound("end", "2022-05-31")), str(bound("start", "2022-05-31"))
    ('2022-06-01 00:00:00+00:00', '2022-05-31 00:00:00.000001+00:00')
    """
    if value is None:
        return None
    said = value
    if isinstance(value, str):
        try:
            # A text without a time is the whole day, not its midnight.
            value = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, date):  # which a datetime is, too
        raise BadValue(
            f"`{side}` must be an ISO date like 2012-12-31 or an instant like 2012-12-31T21:00, "
            f"was {said!r}; write it so"
        )
    try:
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        midnight = datetime.combine(value, time(), tzinfo=UTC)
        return midnight + (_TICK if side == "start" else timedelta(days=1))
    except OverflowError:
        return _LAST if value.year > 1 else _FIRST
