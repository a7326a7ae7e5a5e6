"""Session closes against a table kept by hand, and years counted from instants."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from research.data import load_sample
from research.data.sessions import periods_per_year, session_closes, sessions
from research.errors import BadValue, NotEnoughHistory, UnknownName

ANSWERS = Path(__file__).parents[1] / "answers" / "data"


def test_closes_holidays_and_half_days():
    table = pl.read_csv(ANSWERS / "half_days.csv")
    dates = table["date"].to_numpy().astype("datetime64[D]")
    expected = np.array([c or "NaT" for c in table["close"]], dtype="datetime64[us]")
    found = session_closes(dates)
    assert found.dtype == np.dtype("datetime64[us]")
    assert np.array_equal(found, expected, equal_nan=True)


def test_the_calendar_reaches_back_to_1928_and_forward():
    dates = sessions("XNYS").dates
    assert dates[0] < np.datetime64("1929-01-01")
    assert dates[-1] > np.datetime64("now")


def test_around_the_clock_ends_at_midnight():
    assert session_closes(np.array(["2024-12-31"], "M8[D]"), None)[0] == np.datetime64("2025-01-01T00:00")


def test_missing_dates_stay_missing():
    assert np.isnat(session_closes(np.array(["NaT", "2999-01-01"], "M8[D]"))).all()


def test_an_unknown_exchange_is_refused():
    with pytest.raises(UnknownName, match=r"unknown exchange 'XNYZ'; did you mean"):
        sessions("XNYZ")


def test_an_exchange_whose_calendar_does_not_build_is_refused():
    with pytest.raises(BadValue, match="the calendar of XTAE cannot be built"):
        sessions("XTAE")


def stamps(start: str, count: int, step: timedelta) -> np.ndarray:
    return np.datetime64(start, "us") + np.arange(count) * np.timedelta64(step)


def test_periods_per_year_of_daily_stocks():
    assert periods_per_year(load_sample(["IBM"])["bar_close"].to_numpy()) == 252.0


def test_periods_per_year_of_daily_crypto():
    assert periods_per_year(stamps("2024-01-01", 400, timedelta(days=1))) == 365.0


def test_periods_per_year_of_hourly_crypto():
    assert periods_per_year(stamps("2024-01-01T01", 24 * 30, timedelta(hours=1))) == 24 * 365.0


def test_periods_per_year_of_currencies_that_trade_from_sunday_evening_to_friday_evening():
    hours = stamps("2021-01-03T23", 24 * 7 * 52, timedelta(hours=1))
    since_sunday = (hours - np.datetime64("2021-01-03T22", "us")) % np.timedelta64(7, "D")
    week = (since_sunday > np.timedelta64(0, "h")) & (since_sunday <= np.timedelta64(120, "h"))
    assert periods_per_year(hours[week]) == pytest.approx(120 * 365 / 7)  # 6,257; 24 × 365 would be 8,760
    daily = stamps("2021-01-03T22:00", 7 * 52, timedelta(days=1))
    six = daily[np.arange(daily.size) % 7 != 6]  # Sunday to Friday
    assert periods_per_year(six) == pytest.approx(6 * 365 / 7)


def test_a_few_saturday_sessions_do_not_make_a_week_of_six_days():
    closes = sessions("XNYS").closes
    days = closes[(closes >= np.datetime64("2023-01-01")) & (closes < np.datetime64("2025-01-01"))]
    saturdays = np.array(["2023-01-07T21", "2024-05-04T21"], "M8[us]")
    assert periods_per_year(np.sort(np.concatenate([days, saturdays]))) == 252.0


def test_less_than_a_week_of_crypto():
    assert periods_per_year(stamps("2024-01-05T01", 24 * 3, timedelta(hours=1))) == 24 * 365.0


def test_periods_per_year_of_minute_bars():
    closes = sessions("XNYS").closes
    days = closes[(closes >= np.datetime64("2024-01-02")) & (closes < np.datetime64("2024-03-01"))]
    minutes = np.arange(-389, 1) * np.timedelta64(60_000_000, "us")
    assert periods_per_year((days[:, None] + minutes).ravel()) == 390 * 252.0


def test_periods_per_year_of_weekly_bars():
    assert periods_per_year(stamps("2024-01-05T21", 60, timedelta(weeks=1))) == pytest.approx(365.25 / 7)


def test_one_bar_has_no_interval():
    with pytest.raises(NotEnoughHistory, match="needs ≥ 2 bars, had 1"):
        periods_per_year(stamps("2024-01-05T21", 1, timedelta(weeks=1)))


def test_the_panel_needs_no_heavy_import():
    """A live start pays for pandas, the calendars and dataframely only when it asks for them."""
    code = (
        "import sys, research.data as d; d.to_panel(d.load_sample(['FB']));"
        "print([m for m in ('pandas', 'exchange_calendars', 'dataframely', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
