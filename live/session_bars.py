"""Which bars belong to a session, and hours put together from half hours. Live and `research fetch` alike.

In: bars of the vendor, whose intraday ones run from 4:00 to 20:00 New York and whose hours begin on the clock
hour, so that the one from 9:00 mixes what was before the open with what came after; the sessions by the
broker's calendar. Out: bars on the sessions' own grid, counted from the open; the last one of a session may
be the shorter one. A print of the closing auction that the vendor dates at the close is in a bar that begins
there, and so left out with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from live.schedule import HALF_HOUR, Hours, last_close

__all__ = ["hourly", "in_sessions"]

_HOUR: Final = timedelta(hours=1)
# Longer than a late bar is waited for (`live.habits`): then an hour is what there is of it.
_LATE: Final = timedelta(minutes=10)


def in_sessions(closes: pl.Series, hours: Sequence[Hours], length: timedelta) -> pl.Series:
    """Say which bars lie within a session, on its grid.

    Parameters
    ----------
    closes : (M,) Datetime[us, UTC]
        Their `bar_close`.
    hours : sequence of Hours
        Every session of the span; a bar of no session is in none.
    length : timedelta
        Of a bar.

    Returns
    -------
    (M,) Boolean

    Examples
    --------
    >>> from datetime import UTC
    >>> day = Hours(datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 27, 18, 0, tzinfo=UTC))
    >>> ends = [datetime(2026, 11, 27, 14, 30, tzinfo=UTC), day.close]
    >>> in_sessions(pl.Series(ends, dtype=pl.Datetime("us", "UTC")), [day], timedelta(minutes=5)).to_list()
    [False, True]
    """
    ends = _micros(closes)
    begin, last = _edges(hours, length, ends)
    step = length // timedelta(microseconds=1)
    whole = (ends - begin) % step == 0
    return pl.Series((ends > begin) & (ends <= last) & (whole | (ends == last)), dtype=pl.Boolean)


def hourly(
    halves: pl.DataFrame, hours: Sequence[Hours], now: datetime, refused: Sequence[tuple[str, datetime]] = ()
) -> pl.DataFrame:
    """Put hours of a session together from its half hours.

    Parameters
    ----------
    halves : DataFrame
        A bar table with `adj_factor`, of sessions only, sorted by symbol and close.
    hours : sequence of Hours
    now : datetime
        UTC. An hour is left out until its last half has come, or for ten minutes.
    refused : sequence of (symbol, bar_close)
        Half hours that broke a rule, or have no factor: their hours are left out with them.

    Returns
    -------
    DataFrame
        A bar table of the same columns: the first open, highest high, lowest low, last close and factor, sum
        of volume.
    """
    named = halves.with_columns(hour=_hour_of(halves["bar_close"], hours))
    whole = named.group_by("symbol", "hour", maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close", "adj_factor", "bar_close").last(),
        pl.col("volume").sum(),
    )
    whole = whole.filter((pl.col("bar_close") == pl.col("hour")) | (pl.col("hour") <= now - _LATE))
    if refused:
        kinds = {"symbol": halves.schema["symbol"], "bar_close": halves.schema["bar_close"]}
        bad = pl.DataFrame(refused, schema=kinds, orient="row")
        bad = bad.with_columns(hour=_hour_of(bad["bar_close"], hours))
        whole = whole.join(bad, on=["symbol", "hour"], how="anti", maintain_order="left")
    return whole.with_columns(bar_close="hour").select(halves.columns)


def _hour_of(closes: pl.Series, hours: Sequence[Hours]) -> pl.Series:
    """Return the close of the hour that each half hour belongs to."""
    ends = _micros(closes)
    begin, last = _edges(hours, HALF_HOUR, ends)
    hour = _HOUR // timedelta(microseconds=1)
    return pl.Series(np.minimum(begin - (begin - ends) // hour * hour, last)).cast(pl.Datetime("us", "UTC"))


def _micros(closes: pl.Series) -> NDArray[np.int64]:
    return closes.dt.timestamp("us").to_numpy()


def _edges(
    hours: Sequence[Hours], length: timedelta, ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return open and last bar's close of the session that each bar is of or comes after, microseconds.

    Before the first session both are the end of time, so that nothing lies between them.
    """
    known = sorted(hours, key=lambda one: one.open)
    instants = [(one.open, last_close(one, length)) for one in known]
    kinds = dict.fromkeys(("open", "last"), pl.Datetime("us", "UTC"))
    table = pl.DataFrame(instants, schema=kinds, orient="row")
    never = np.array([np.iinfo(np.int64).max])
    opens, lasts = (np.concatenate([_micros(table[name]), never]) for name in ("open", "last"))
    at = np.searchsorted(opens[:-1], ends, side="left") - 1  # -1, before the first, is the end of time
    return opens[at], lasts[at]
