"""What was known when, and which bars lie in a span."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from research.data import as_known_at, between
from research.data.history import bound
from research.errors import BadValue
from tests.data.tables import make_bars

DAY = timedelta(days=1)


def corrected() -> pl.DataFrame:
    """The third bar's close was 102 when it closed on the 4th, 102.5 from the 8th on."""
    bars = make_bars().with_columns(available_at="bar_close")
    fixed = bars[2:3].with_columns(close=pl.lit(102.5), available_at=pl.col("available_at") + 4 * DAY)
    return pl.concat([bars, fixed]).sort("bar_close", "available_at")


@pytest.mark.parametrize(
    ("instant", "closes"),
    [
        (datetime(2020, 1, 2, 20, tzinfo=UTC), []),
        (datetime(2020, 1, 4, 21, tzinfo=UTC), [100.0, 101.0, 102.0]),
        (datetime(2020, 1, 8, 20, tzinfo=UTC), [100.0, 101.0, 102.0, 103.0, 104.0]),
        (datetime(2020, 1, 8, 21, tzinfo=UTC), [100.0, 101.0, 102.5, 103.0, 104.0]),
    ],
)
def test_a_correction_is_seen_from_the_instant_it_arrived(instant, closes):
    assert as_known_at(corrected(), instant)["close"].to_list() == closes


def test_without_available_at_a_bar_is_known_at_its_close():
    assert as_known_at(make_bars(), datetime(2020, 1, 3, 21, tzinfo=UTC)).height == 2


def test_an_instant_needs_a_zone():
    with pytest.raises(BadValue, match="`instant` must carry a time zone, was 2020-01-03 21:00:00"):
        as_known_at(make_bars(), datetime(2020, 1, 3, 21))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("start", "end", "rows"),
    [
        (None, None, 5),
        ("2020-01-03", None, 4),
        (None, "2020-01-03", 2),
        (date(2020, 1, 3), date(2020, 1, 5), 3),
        (datetime(2020, 1, 3, 21, tzinfo=UTC), datetime(2020, 1, 4, 20, 59, tzinfo=UTC), 1),
        ("2020-01-03T21:00:00+00:00", "2020-01-03", 1),
        ("2031-01-01", None, 0),
    ],
)
def test_both_ends_are_included(start, end, rows):
    assert between(make_bars(), start, end).height == rows


def test_what_is_known_is_known_and_carries_no_second_date():
    assert as_known_at(corrected(), datetime(2020, 1, 31, tzinfo=UTC)).columns == make_bars().columns


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_that_ends_there():
    """Days around the clock: the bar of May 31 closes as June begins."""
    days = [datetime(2022, 5, 30, tzinfo=UTC) + i * DAY for i in range(5)]
    bars = make_bars(bar_close=days)
    assert between(bars, end="2022-05-31")["bar_close"].to_list() == days[:3]
    assert between(bars, start="2022-05-31")["bar_close"].to_list() == days[2:]
    assert between(bars, "2022-05-31", "2022-05-31")["bar_close"].to_list() == [days[2]]
    assert between(bars, days[1], days[1])["bar_close"].to_list() == [days[1]]


def test_an_instant_without_a_zone_is_utc():
    naive, aware = datetime(2020, 1, 3, 21), datetime(2020, 1, 3, 21, tzinfo=UTC)  # noqa: DTZ001
    assert bound("start", naive) == bound("end", "2020-01-03T21:00") == aware
    assert bound("end", "2020-01-03T16:00-05:00") == aware


def test_the_ends_of_the_calendar():
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert bound("end", "9999-12-31") == bound("end", "9999-12-31T23:00-05:00") == last
    assert bound("start", "0001-01-01T00:00+05:00") == datetime(1, 1, 1, tzinfo=UTC)
    assert between(make_bars(), "0001-01-01", "9999-12-31").height == 5


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (
            "2020-01-05",
            "2020-01-03",
            "`end` must not be before `start`, was 2020-01-03 with start 2020-01-05",
        ),
        (
            "yesterday",
            None,
            "`start` must be an ISO date like 2012-12-31 or .*, was 'yesterday'; write it so",
        ),
        (None, "2020-13-01", "`end` must be an ISO date like"),
        (None, 20200103, "`end` must be an ISO date like .*, was 20200103"),
        (None, 3.5, "`end` must be an ISO date like .*, was 3.5"),
    ],
)
def test_spans_that_make_no_sense(start, end, words):
    with pytest.raises(BadValue, match=words):
        between(make_bars(), start, end)
