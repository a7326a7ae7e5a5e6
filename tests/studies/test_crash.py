"""The study of kills, small: twelve points once."""

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
    return crash.one(child, "", 0, BARS)


@pytest.mark.parametrize("point", SOME)
def test_a_kill_doubles_and_loses_nothing(point, child, never):
    found = crash.one(child, point, 1, BARS)
    assert found.kills == 1
    assert not found.breaches, found.examples
    assert found.end == never.end


def test_nobody_killed_it_and_it_trades(never):
    assert never.kills == 0
    assert len(never.end[0]) >= 2
    assert not never.breaches, never.examples


def test_a_start_is_timed():
    ((clock, busy),) = crash.starts(1)
    assert clock > 0
    assert 0 < busy < 60
