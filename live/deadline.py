"""A deadline that holds: the caller goes on, whatever the call does.

In: a call that may never return: a resolver that is a black hole, a server that sends one byte a second.
Out: what it returned or raised, or `Overdue`. Timeouts of a socket bound each wait on it, not their sum, and
no wait for a name; so the call runs in another thread, which is left behind when its time is up and ends with
its call. One that answered in time is kept for the next call. How many may be left behind at once is bounded:
beyond it, calls are refused without being made.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["Deadlines", "Overdue"]

T = TypeVar("T")


class Overdue(Exception):
    """A call did not return in time, and may still have its effect."""


_Answers = queue.SimpleQueue[tuple[bool, object]]
_Job = tuple[Callable[[], object], _Answers]


class _Worker:
    """A thread that makes one call after another, until it is told to end."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # A daemon: a thread that never ends must not keep the process from ending.
        self.thread = threading.Thread(target=_work, args=(self.jobs,), daemon=True, name="onepath-call")
        self.thread.start()

    def end(self) -> None:
        """Let it end once its present call has."""
        self.jobs.put(None)


def _work(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        call, answers = job
        try:
            answers.put((True, call()))
        except BaseException as problem:  # noqa: BLE001 - whatever it is, it is the caller's
            answers.put((False, problem))
        del job, call, answers  # while it waits it keeps nothing of the last call alive


def _end_all(idle: deque[_Worker]) -> None:
    while idle:
        idle.popleft().end()


class Deadlines:
    """Run calls under a deadline.

    Parameters
    ----------
    most_stuck : int
        Calls that may be left behind at once.

    Examples
    --------
    >>> Deadlines().run(lambda: 6 * 7, seconds=5.0)
    42
    """

    def __init__(self, most_stuck: int = 16) -> None:
        self._most = most_stuck
        self._behind: list[threading.Thread] = []
        self._idle: deque[_Worker] = deque()
        weakref.finalize(self, _end_all, self._idle).atexit = False

    @property
    def stuck(self) -> int:
        """Calls left behind that have not ended yet."""
        self._behind = [thread for thread in self._behind if thread.is_alive()]
        return len(self._behind)

    def run(self, call: Callable[[], T], seconds: float) -> T:
        """Return what a call returns, or raise what it raises.

        Raises
        ------
        Overdue
            It took longer than `seconds`, or was not begun since too many others never ended.
        """
        if self.stuck >= self._most:
            raise Overdue(f"not begun, {self.stuck} calls before it have never ended")
        try:
            worker = self._idle.pop()  # nobody else has it: callers may be of several threads
        except IndexError:
            worker = _Worker()
        answers: _Answers = queue.SimpleQueue()
        worker.jobs.put((call, answers))
        try:
            done, value = answers.get(timeout=seconds)
        except queue.Empty:
            self._behind.append(worker.thread)
            worker.end()
            raise Overdue(f"no end after {seconds:g} s") from None
        except BaseException:  # an interrupt: nobody waits for the answer any more
            worker.end()
            raise
        if self._idle:
            worker.end()
        else:
            self._idle.append(worker)
        if not done:
            raise cast("BaseException", value)
        return cast("T", value)
