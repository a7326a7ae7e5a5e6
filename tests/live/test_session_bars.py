"""Bars of the sessions alone, and hours counted from the open: half days, changing clocks, what is late."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from live.schedule import Hours, Schedule, last_close
from live.session_bars import hourly, in_sessions

INSTANT = pl.Datetime("us", "UTC")
ROWS = [
    {"date": day, "open": "09:30", "close": close}
    for day, close in (
        ("2026-10-30", "16:00"), ("2026-11-02", "16:00"),  # clocks went back on the Sunday between
        ("2026-11-27", "13:00"),
    )
]  # fmt: skip
HOURS = Schedule.of(ROWS, None).hours


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def inside(minutes, *closes, hours=HOURS):
    found = in_sessions(
        pl.Series([at(close) for close in closes], dtype=INSTANT), hours, timedelta(minutes=minutes)
    )
    return found.to_list()


@pytest.mark.parametrize(
    ("minutes", "close", "is_in"),
    [
        (1, "2026-10-30 13:30", False),  # 9:29 to 9:30 in New York
        (1, "2026-10-30 13:31", True),
        (1, "2026-10-30 20:00", True),
        (1, "2026-10-30 20:01", False),
        (5, "2026-11-02 13:35", False),  # an hour later in UTC than on Friday
        (5, "2026-11-02 14:35", True),
        (30, "2026-11-27 18:00", True),  # a half day
        (30, "2026-11-27 18:30", False),
        (30, "2026-11-28 15:00", False),  # a Saturday
        (30, "2026-10-29 15:00", False),  # before the first session that is known
        (60, "2026-10-30 14:00", False),  # the clock hour from nine
        (60, "2026-10-30 14:30", True),
        (60, "2026-10-30 15:00", False),  # the clock hour from ten is not of the grid
        (60, "2026-10-30 20:00", True),  # the last one is a half
    ],
)
def test_a_bar_is_of_a_session_or_not(minutes, close, is_in):
    assert inside(minutes, close) == [is_in]


def test_of_no_sessions_and_of_no_bars():
    assert inside(5, "2026-10-30 15:00", hours=[]) == [False]
    assert inside(5) == []


def test_a_session_that_ends_off_the_grid_ends_with_its_last_whole_bar():
    odd = Hours(at("2026-11-27 14:30"), at("2026-11-27 18:07"))
    for minutes, last in ((1, "18:07"), (5, "18:05"), (30, "18:00"), (60, "18:00")):
        close = at(f"2026-11-27 {last}")
        length = timedelta(minutes=minutes)
        assert last_close(odd, length) == close
        schedule = Schedule([odd], length)
        assert schedule.due(at("2026-11-27 18:06")) == min(close, at("2026-11-27 18:06"))
        assert schedule.due(at("2026-11-27 23:00")) == close
    assert inside(5, "2026-11-27 18:05", "2026-11-27 18:10", hours=[odd]) == [True, False]


def halves(*rows):
    names = ("symbol", "bar_close", "open", "high", "low", "close", "volume", "adj_factor")
    found = pl.DataFrame([(s, at(c), *values) for s, c, *values in rows], schema=names, orient="row")
    return found.with_columns(pl.col("bar_close").cast(INSTANT))


FRIDAY = halves(
    ("AAA", "2026-11-27 15:00", 10.0, 11.0, 9.0, 10.5, 100.0, 1.0),
    ("AAA", "2026-11-27 15:30", 10.5, 10.6, 8.0, 9.5, 50.0, 1.0),
    ("AAA", "2026-11-27 16:30", 9.5, 12.0, 9.5, 12.0, 20.0, 2.0),
    ("AAA", "2026-11-27 18:00", 12.0, 12.5, 11.5, 12.2, 30.0, 2.0),
    ("BBB", "2026-11-27 15:00", 50.0, 51.0, 49.0, 50.5, 7.0, 1.0),
)


def made(now, refused=()):
    rows = hourly(FRIDAY, HOURS, at(now), refused).rows()
    return [(row[0], f"{row[1]:%H:%M}", *row[2:]) for row in rows]


FIRST = ("AAA", "15:30", 10.0, 11.0, 8.0, 9.5, 150.0, 1.0)
SECOND = ("AAA", "16:30", 9.5, 12.0, 9.5, 12.0, 20.0, 2.0)  # its first half did not trade
LAST = ("AAA", "18:00", 12.0, 12.5, 11.5, 12.2, 30.0, 2.0)  # of a half day
LONE = ("BBB", "15:30", 50.0, 51.0, 49.0, 50.5, 7.0, 1.0)


def test_hours_are_counted_from_the_open_and_the_last_is_shorter():
    assert made("2026-11-27 18:00") == [FIRST, SECOND, LAST, LONE]
    assert hourly(FRIDAY, HOURS, at("2026-11-27 18:00")).columns == FRIDAY.columns
    assert hourly(FRIDAY.clear(), HOURS, at("2026-11-27 18:00")).equals(FRIDAY.clear())


def test_an_hour_waits_for_its_last_half_and_then_is_what_there_is():
    assert LONE not in made("2026-11-27 15:39")
    assert LONE in made("2026-11-27 15:40")
    assert FIRST in made("2026-11-27 15:30")


def test_a_half_that_was_refused_takes_its_hour_along():
    refused = [("AAA", at("2026-11-27 16:00")), ("BBB", at("2026-11-27 15:30"))]
    assert made("2026-11-27 18:00", refused) == [FIRST, LAST]
