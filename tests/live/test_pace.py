"""Our own rate limit: never more in any minute, and cancels get through."""

import random

import pytest

from live.pace import Pace
from research.errors import BadValue


def test_no_minute_has_more_than_allowed():
    now = [0.0]
    pace = Pace(per_minute=10, reserve=3, clock=lambda: now[0])
    rng = random.Random(4)
    taken: list[float] = []
    urgent: list[float] = []
    for _ in range(3000):
        now[0] += rng.expovariate(0.5)
        hurry = rng.random() < 0.2
        if pace.take(urgent=hurry) == 0.0:
            (urgent if hurry else taken).append(now[0])
    every = sorted(taken + urgent)
    for k, begin in enumerate(every):
        within = [t for t in every[k:] if t < begin + 60.0]
        assert len(within) <= 10
    assert len(taken) > 200
    assert len(urgent) > 100


def test_the_wait_that_is_told_is_the_wait():
    now = [100.0]
    pace = Pace(per_minute=3, reserve=1, clock=lambda: now[0])
    assert [pace.take(), pace.take()] == [0.0, 0.0]
    now[0] = 130.0
    assert pace.take() == 30.0
    assert pace.take(urgent=True) == 0.0
    now[0] = 160.0
    assert pace.take() == 0.0


def test_silence_holds_for_all_and_is_never_shortened():
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    pace.hold(10.0)
    pace.hold(2.0)
    now[0] = 4.0
    assert pace.take(urgent=True) == 6.0
    now[0] = 10.0
    assert pace.take() == 0.0


def test_a_reserve_of_all_is_refused():
    with pytest.raises(BadValue, match="`reserve` must be from 0 to below"):
        Pace(per_minute=10, reserve=10)


def test_the_time_that_is_left_is_told_without_a_request():
    now = [0.0]
    pace = Pace(per_minute=3, reserve=1, clock=lambda: now[0])
    assert [pace.left(), pace.take(), pace.left(), pace.take(), pace.left()] == [0.0, 0.0, 0.0, 0.0, 60.0]
    assert pace.take(urgent=True) == 0.0  # what was asked in between has cost nothing
    now[0] = 60.0
    pace.hold(5.0)
    assert (pace.left(), pace.take()) == (5.0, 5.0)
    now[0] = 65.0
    assert pace.left() == 0.0
