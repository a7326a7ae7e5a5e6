"""Sessions, due bars and auctions, in the days around a change of clocks, a holiday and a half day."""

from datetime import UTC, datetime, timedelta

import pytest

from live.alpaca import BrokerClock
from live.schedule import LENGTHS, Schedule
from research.errors import Unreachable

ROWS = [
    {"date": day, "open": "09:30", "close": close}
    for day, close in (
        ("2026-10-29", "16:00"), ("2026-10-30", "16:00"),  # Thursday, Friday
        ("2026-11-02", "16:00"),  # clocks went back on the Sunday between
        ("2026-11-25", "16:00"), ("2026-11-27", "13:00"), ("2026-11-30", "16:00"),  # Thanksgiving's week
    )
]  # fmt: skip
DAILY = Schedule.of(ROWS, LENGTHS["1Day"])
HOURLY = Schedule.of(ROWS, LENGTHS["1Hour"])


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-10-30 19:59", "2026-10-29 20:00"),
        ("2026-10-30 20:00", "2026-10-30 20:00"),
        ("2026-11-02 20:59", "2026-10-30 20:00"),
        ("2026-11-02 21:00", "2026-11-02 21:00"),  # the same wall time, an hour later in UTC
        ("2026-11-26 21:00", "2026-11-25 21:00"),  # a holiday has no bar
        ("2026-11-27 18:00", "2026-11-27 18:00"),  # a half day ends at one
        ("2026-10-29 19:59", None),
    ],
)
def test_a_daily_bar_is_due_at_the_close(now, due):
    assert DAILY.due(at(now)) == (None if due is None else at(due))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-10-30 13:30", "2026-10-29 20:00"),
        ("2026-10-30 14:29", "2026-10-29 20:00"),
        ("2026-10-30 14:30", "2026-10-30 14:30"),
        ("2026-10-30 19:59", "2026-10-30 19:30"),
        ("2026-10-30 20:00", "2026-10-30 20:00"),  # the last bar of a session is the shorter one
    ],
)
def test_an_intraday_bar_is_due_on_the_grid_of_its_session(now, due):
    assert HOURLY.due(at(now)) == at(due)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-10-30 13:27", "2026-10-30 13:28"),
        ("2026-10-30 13:28", None),
        ("2026-10-30 22:59", None),  # 18:59 in New York
        ("2026-10-30 23:00", "2026-11-02 14:28"),
        ("2026-10-31 12:00", "2026-11-02 14:28"),  # a Saturday
        ("2026-11-26 15:00", "2026-11-27 14:28"),  # a holiday
        ("2026-11-30 23:30", None),  # beyond what the broker told of
    ],
)
def test_the_opening_auction_takes_orders(now, until):
    assert DAILY.opg_until(at(now)) == (None if until is None else at(until))


def test_when_a_decision_is_too_late():
    close = at("2026-10-30 20:00")
    assert DAILY.fills_at(close) == at("2026-11-02 14:30")
    assert not DAILY.late(close, at("2026-11-02 14:27"))
    assert DAILY.late(close, at("2026-11-02 14:28"))
    inside = at("2026-10-30 15:30")
    assert HOURLY.fills_at(inside) == inside
    assert not HOURLY.late(inside, at("2026-10-30 16:29"))
    assert HOURLY.late(inside, at("2026-10-30 16:30"))
    assert not HOURLY.late(close, at("2026-11-02 14:00"))  # the last bar of a day waits for the next open
    assert DAILY.late(at("2026-11-30 21:00"), at("2026-11-30 21:01"))  # no open is known


def test_a_day_begins_where_the_one_before_closed():
    assert DAILY.day(at("2026-10-30 19:59")) == "2026-10-30"
    assert DAILY.day(at("2026-10-30 20:00")) == "2026-11-02"
    assert DAILY.day(at("2026-11-02 14:30")) == "2026-11-02"
    assert DAILY.day(at("2026-12-01 12:00")) == ""


def clock(now, *, is_open, opens="2026-11-02 14:30", closes="2026-11-02 21:00"):
    return BrokerClock(at(now), is_open, at(opens), at(closes))


def test_where_clock_and_calendar_differ_nothing_agrees():
    now = "2026-11-02 16:00"
    good = clock(now, is_open=True, opens="2026-11-25 14:30")
    assert DAILY.disagreements(at(now), good, DAILY) == []
    assert DAILY.session(at(now), good).agrees
    shut = clock(now, is_open=False)  # an unscheduled close
    assert DAILY.disagreements(at(now), shut) == ["the broker's clock says closed, its calendar open"]
    assert not DAILY.session(at(now), shut).agrees
    half = clock(now, is_open=True, opens="2026-11-25 14:30", closes="2026-11-02 18:00")
    assert (
        "the next close at 2026-11-02 18:00 UTC, its calendar at 2026-11-02 21:00"
        in DAILY.disagreements(at(now), half)[0]
    )
    other = Schedule.of([{**ROWS[2], "close": "13:00"}], None)
    (said,) = DAILY.disagreements(at(now), good, other)
    ours, theirs = said.split(", the exchange's ")
    assert ours == "the broker's calendar has a session from 2026-11-02 14:30 to 21:00 UTC"
    assert theirs == "a session from 2026-11-02 14:30 to 18:00 UTC"
    nothing = Schedule.of(ROWS[:1], None)
    assert "the exchange's no session" in DAILY.disagreements(at(now), good, nothing)[0]


def test_at_the_edge_of_a_session_a_clock_may_be_a_moment_behind():
    now = at("2026-11-02 14:30")
    late = clock("2026-11-02 14:29", is_open=False)
    assert DAILY.disagreements(now + timedelta(seconds=20), late) == []


def test_the_closing_auction_ends_ten_minutes_before_the_close():
    good = clock("2026-11-02 16:00", is_open=True)
    assert DAILY.session(at("2026-11-02 16:00"), good).cls_until == at("2026-11-02 20:50")
    assert DAILY.session(at("2026-11-02 20:50"), good).cls_until is None
    assert DAILY.session(at("2026-11-02 22:00"), good).cls_until is None


@pytest.mark.parametrize("rows", [
    [], [{"date": "2026-11-02"}], [{**ROWS[0], "open": "half past nine"}],
    [{**ROWS[0], "close": "04:00"}],  # of a clock with twelve hours
    [{**ROWS[0], "open": "13:30Z"}], [{**ROWS[0], "close": "20:00+00:00"}],  # no wall time of New York
    [{**ROWS[0], "open": 930}], [{"date": "9999-12-31", "open": "09:30", "close": "20:00"}],
])  # fmt: skip
def test_a_calendar_that_cannot_be_read_is_no_calendar(rows):
    with pytest.raises(Unreachable, match="calendar"):
        Schedule.of(rows, None)
