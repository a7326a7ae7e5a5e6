"""Who is waited for: once, then not, and again when bars come after their time."""

from datetime import timedelta

import pytest

from live.habits import Habits
from live.waiting import Waiting

ALL, HERE, GONE = {"AAA", "BBB"}, {"BBB"}, {"AAA"}


def waited(waiting, bar, *, behind, absent=GONE):
    """Whether the absent symbol holds up a bar, which is then taken without it."""
    lacking = waiting.lacking(ALL, HERE, absent=absent, behind=behind, bar=bar)
    waiting.came(HERE)
    waiting.gave_up(lacking, bar)
    return lacking == GONE


def test_a_symbol_that_is_gone_is_waited_for_once():
    waiting = Waiting()
    assert [
        bar for bar in range(200) if waited(waiting, bar, behind=set(), absent=GONE if bar else set())
    ] == [0]


def test_one_that_never_had_a_bar_is_waited_for_once():
    waiting = Waiting()
    assert [bar for bar in range(200) if waited(waiting, bar, behind=set(), absent=set())] == [0]


def test_one_that_is_always_late_is_waited_for_at_most_once_an_hour_of_minutes():
    waiting = Waiting()
    held = [bar for bar in range(300) if waited(waiting, bar, behind=GONE, absent=GONE if bar else set())]
    assert held == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]


def test_one_that_came_in_time_is_waited_for_as_before():
    waiting = Waiting()
    for bar in range(10):
        waited(waiting, bar, behind=GONE)
    waiting.came(ALL)
    assert waited(waiting, 10, behind=set(), absent=set())


def test_after_a_restart_an_absent_symbol_is_waited_for_only_if_its_bars_come_late():
    assert not waited(Waiting(), 7, behind=set())
    assert waited(Waiting(), 7, behind=GONE)


@pytest.mark.parametrize(
    ("frame", "settle", "wait"),
    [
        ("1Min", 30, 15),
        ("1Min", 50, 5),
        ("1Min", 90, 0),
        ("5Min", 30, 135),
        ("15Min", 30, 300),
        ("1Day", 30, 300),
    ],
)
def test_the_wait_and_what_follows_it_fit_into_the_bar(frame, settle, wait):
    habits = Habits("paper", "", timeframe=frame, settle=timedelta(seconds=settle))
    assert habits.wait == timedelta(seconds=wait)
