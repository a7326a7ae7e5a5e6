"""Deadlines: the caller goes on in time, whatever the call does."""

import threading
import time

import pytest

from live.deadline import Deadlines, Overdue


def test_a_call_that_never_returns_is_left_behind():
    never = threading.Event()
    deadlines = Deadlines()
    began = time.monotonic()
    with pytest.raises(Overdue, match=r"no end after 0\.05 s"):
        deadlines.run(never.wait, 0.05)
    assert time.monotonic() - began < 5.0
    assert deadlines.stuck == 1
    never.set()
    deadlines._behind[0].join(5.0)
    assert deadlines.stuck == 0


def test_what_a_call_raises_is_raised():
    def broken():
        raise LookupError("theirs")

    with pytest.raises(LookupError, match="theirs"):
        Deadlines().run(broken, 5.0)


def test_too_many_left_behind_refuse_the_next_before_it_begins():
    never, made = threading.Event(), []
    deadlines = Deadlines(most_stuck=2)
    for _ in range(2):
        with pytest.raises(Overdue):
            deadlines.run(never.wait, 0.01)
    with pytest.raises(Overdue, match="not begun, 2 calls"):
        deadlines.run(lambda: made.append(1), 5.0)
    assert made == []
    never.set()
