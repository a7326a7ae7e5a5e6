"""The models of an ensemble side by side."""

import threading

import pytest

from research.learning.threads import side_by_side


@pytest.mark.parametrize("jobs", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_tells_in_order_whatever_the_threads(jobs, count):
    assert side_by_side(lambda k: 10 * k, count, jobs) == [0, 10, 20, 30, 40][:count]


def test_two_really_run_at_once():
    meeting = threading.Barrier(2)
    assert sorted(side_by_side(lambda _: meeting.wait(timeout=30), 2, jobs=2)) == [0, 1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_raises_what_one_raises(jobs):
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda k: 1 // k, 3, jobs)
