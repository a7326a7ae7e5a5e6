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


def test_the_thread_of_a_call_that_answered_makes_the_next():
    deadlines = Deadlines()
    first = deadlines.run(threading.get_ident, 5.0)
    assert deadlines.run(threading.get_ident, 5.0) == first
    with pytest.raises(IndexError):
        deadlines.run([].pop, 5.0)
    assert deadlines.run(threading.get_ident, 5.0) == first


def test_the_thread_of_a_call_left_behind_makes_no_other_and_ends():
    never = threading.Event()
    deadlines = Deadlines()
    stuck = deadlines.run(threading.current_thread, 5.0)
    with pytest.raises(Overdue):
        deadlines.run(never.wait, 0.01)
    assert deadlines.run(threading.current_thread, 5.0) is not stuck
    never.set()
    stuck.join(5.0)
    assert not stuck.is_alive()
    assert deadlines.stuck == 0


def test_calls_of_several_threads_do_not_wait_for_one_another():
    deadlines, both = Deadlines(), threading.Barrier(2)
    caller = threading.Thread(target=lambda: deadlines.run(both.wait, 5.0))
    caller.start()
    deadlines.run(both.wait, 5.0)
    caller.join(5.0)
    assert not both.broken


def test_a_thread_that_waits_for_calls_ends_with_who_would_make_them():
    deadlines = Deadlines()
    waiting = deadlines.run(threading.current_thread, 5.0)
    assert waiting.daemon
    del deadlines
    waiting.join(5.0)
    assert not waiting.is_alive()
