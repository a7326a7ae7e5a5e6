"""Sessions of an exchange: the UTC instants at which its daily bars are complete, half days included.

exchange_calendars knows the sessions; it brings pandas and takes a second or more to import, so it is
imported on the first question and each calendar is built once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, NotEnoughHistory, UnknownName

__all__ = ["Sessions", "periods_per_year", "session_closes", "sessions"]

_EARLIEST = "1928-01-01"
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class Sessions:
    """All sessions of one exchange that its calendar knows.

    Attributes
    ----------
    exchange : str
        ISO 10383 code, such as XNYS.
    time_zone : str
        IANA name of the exchange's local time.
    dates : (D,) datetime64[D], increasing
    opens, closes : (D,) datetime64[us], UTC
    """

    exchange: str
    time_zone: str
    dates: NDArray[np.datetime64]
    opens: NDArray[np.datetime64]
    closes: NDArray[np.datetime64]


@lru_cache(maxsize=8)
def sessions(exchange: str = "XNYS") -> Sessions:
    """Return the sessions of an exchange, from 1928 or its calendar's start to about a year from today.

    Parameters
    ----------
    exchange : str
        ISO 10383 code (XNYS, XNAS, XLON, XTKS, XHKG …) or another name exchange_calendars knows.

    Raises
    ------
    UnknownName
        No such exchange.
    BadValue
        An exchange whose calendar the library fails to build.

    Examples
    --------
    >>> sessions("XNYS").time_zone
    'America/New_York'
    """
    import exchange_calendars
    import pandas as pd
    from exchange_calendars.errors import InvalidCalendarName

    try:
        kind = type(exchange_calendars.get_calendar(exchange, start="2020-01-01", end="2020-12-31"))
        start = kind.bound_min() or pd.Timestamp(_EARLIEST)
        calendar = exchange_calendars.get_calendar(exchange, start=max(start, pd.Timestamp(_EARLIEST)))
    except InvalidCalendarName:
        raise UnknownName("exchange", exchange, exchange_calendars.get_calendar_names()) from None
    except (NotImplementedError, ValueError):
        # Measured with exchange_calendars 4.13: ASEX, XBEL, XBSE, XCYS and XTAE fail to build.
        raise BadValue(
            f"the calendar of {exchange} cannot be built by exchange_calendars; name the "
            f"column of instants `bar_close`, or another exchange of the same hours"
        ) from None
    return Sessions(
        exchange=exchange,
        time_zone=str(calendar.tz),
        dates=calendar.sessions_nanos.view("datetime64[ns]").astype("datetime64[D]"),
        opens=calendar.opens_nanos.view("datetime64[ns]").astype("datetime64[us]"),
        closes=calendar.closes_nanos.view("datetime64[ns]").astype("datetime64[us]"),
    )


def session_closes(dates: NDArray[np.datetime64], exchange: str | None = "XNYS") -> NDArray[np.datetime64]:
    """Return the UTC instants at which the daily bars of these dates are complete.

    Parameters
    ----------
    dates : (D,) datetime64[D]
        Session dates in the exchange's local time; any order.
    exchange : str or None
        None: data around the clock, whose day is complete at the next UTC midnight.

    Returns
    -------
    (D,) datetime64[us]
        NaT where the date is NaT or no session.

    Examples
    --------
    >>> session_closes(np.array(["2012-11-22", "2012-11-23"], "M8[D]"))  # Thanksgiving, and a half day
    array([                       'NaT', '2012-11-23T18:00:00.000000'],
          dtype='datetime64[us]')
    """
    dates = dates.astype("datetime64[D]")
    if exchange is None:
        return (dates + _DAY).astype("datetime64[us]")
    known = sessions(exchange)
    at = np.minimum(np.searchsorted(known.dates, dates), known.dates.size - 1)
    closes = known.closes[at].copy()
    closes[known.dates[at] != dates] = np.datetime64("NaT")
    return closes


def periods_per_year(bar_close: NDArray[np.datetime64]) -> float:
    """Return how many bars make a year, from the instants themselves.

    Bars days apart count by their median distance. Without bars on weekends a year has 252 sessions of the
    median number of bars. With them a year has 365/7 weeks, and a week the median number of bars of each
    weekday it trades on: all seven for crypto; six for currencies, of which Sunday has an hour or two.

    Parameters
    ----------
    bar_close : (T,) datetime64, UTC, strictly increasing

    Returns
    -------
    float
        252 for daily stocks, 365 for daily crypto, 98280 for one-minute bars of a 6.5-hour session,
        6257 for hourly currencies (120 hours a week), about 52 for weekly bars.

    Raises
    ------
    NotEnoughHistory
        Fewer than two bars.

    Examples
    --------
    >>> days = np.array(["2024-01-04T21:00", "2024-01-05T21:00", "2024-01-08T21:00"], "M8[us]")
    >>> periods_per_year(days)
    252.0
    """
    if len(bar_close) < 2:
        raise NotEnoughHistory(f"a bar interval needs ≥ 2 bars, had {len(bar_close)}; give a longer span")
    # A bar that closes at midnight belongs to the day that ends there.
    day = (bar_close.astype("datetime64[us]") - np.timedelta64(1, "us")).astype("datetime64[D]")
    days, counts = np.unique(day, return_counts=True)
    weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    per_day = float(np.median(counts))
    gap = float(np.median(np.diff(days).astype(np.int64))) if days.size >= 3 else 1.0
    if per_day <= 1.0 and gap > 2.0:
        return 365.25 / gap
    if np.mean(weekday >= 5) <= 0.1:
        return 252.0 * per_day
    if days[-1] - days[0] < np.timedelta64(6, "D"):  # less than a week: not every weekday has been seen
        return 365.0 * per_day
    return 365.0 / 7.0 * sum(float(np.median(counts[weekday == d])) for d in np.unique(weekday))
