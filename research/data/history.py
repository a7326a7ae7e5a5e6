"""Cuts through a bar table: what was known at an instant, and which bars lie in a span."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from research.errors import BadValue

__all__ = ["as_known_at", "between"]


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
        The same columns, one row per symbol and bar.

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
    return past.filter(latest)


def between(
    bars: pl.DataFrame, start: str | date | datetime | None = None, end: str | date | datetime | None = None
) -> pl.DataFrame:
    """Return the bars whose `bar_close` lies in [start, end].

    Parameters
    ----------
    bars : DataFrame
        A bar table.
    start, end : str, date or datetime, optional
        ISO text, a date (the whole UTC day) or an instant with a time zone; both included.

    Raises
    ------
    BadValue
        A text that is no date, an instant without a time zone, or an end before the start.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> between(load_sample(["FB"]), "2013-01-01", "2013-01-31").height
    21
    """
    first, last = _instant("start", start, latest=False), _instant("end", end, latest=True)
    if first is not None and last is not None and last < first:
        raise BadValue(f"`end` must not be before `start`, was {end} with start {start}; swap them")
    keep = pl.lit(value=True)
    if first is not None:
        keep &= pl.col("bar_close") >= first
    if last is not None:
        keep &= pl.col("bar_close") <= last
    return bars.filter(keep)


def _instant(name: str, value: str | date | datetime | None, *, latest: bool) -> datetime | None:
    if isinstance(value, str):
        try:
            # A text without a time is the whole day, not its midnight.
            value = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            raise BadValue(f"`{name}` must be a date such as 2005-01-31, was {value!r}") from None
    if value is None:
        return None
    if not isinstance(value, datetime):
        midnight = datetime.combine(value, time(), tzinfo=UTC)
        return midnight + timedelta(days=1, microseconds=-1) if latest else midnight
    if value.tzinfo is None:
        raise BadValue(
            f"`{name}` must carry a time zone or be a plain date, was {value}; append +00:00 for UTC"
        )
    return value
