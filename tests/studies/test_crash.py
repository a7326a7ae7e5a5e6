"""The study of kills, small: twelve points once."""

import random
from collections import Counter

import pytest

from tests.live.crash_child import POINTS
from tests.studies import crash

BARS = 3
# Before or after, of each in turn: the study has both.
SOME = [point for i, point in enumerate(POINTS) if i % 4 in {0, 3}]


@pytest.fixture(scope="module")
def child():
    with crash.Child() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def never(child):
    return crash.one(child, {}, BARS)


@pytest.mark.parametrize("point", SOME)
def test_a_kill_doubles_and_loses_nothing(point, child, never):
    found = crash.one(child, {0: crash.Kill(point)}, BARS)
    assert found.kills == {point: 1}
    assert not found.breaches, found.examples
    assert found.end == never.end


def test_nobody_killed_it_and_it_trades(never):
    assert not never.kills
    assert len(never.end[0]) >= 2
    assert not never.breaches, never.examples


def test_a_kill_in_each_bar_doubles_and_loses_nothing(child, never):
    points = [*crash.ONCE[:1], "after a bar is written", "before the look", "after the snapshot"]
    found = crash.one(child, {bar: crash.Kill(point) for bar, point in enumerate(points)}, BARS)
    assert found.kills == Counter(points)
    assert not found.breaches, found.examples
    assert found.end == never.end


def test_one_kill_a_bar_where_fewest_were():
    struck = dict.fromkeys(POINTS, 2) | {"after the look": 0, "before a cancel": 1, crash.ONCE[1]: 1}
    kills = crash.drawn(random.Random(1), struck, 3, bars=4)
    assert sorted(kills) == [0, 1, 2, 3, 4]
    assert [kills[bar].point for bar in range(3)] == [crash.ONCE[1], "after the look", "before a cancel"]
    assert len({kill.point for kill in kills.values()}) == 5
    assert not {kill.point for bar, kill in kills.items() if bar} & set(crash.ONCE)
    assert crash.drawn(random.Random(1), dict.fromkeys(POINTS, 3), 3) == {}


def test_a_start_is_timed():
    ((clock, busy),) = crash.starts(1)
    assert clock > 0
    assert 0 < busy < 60
