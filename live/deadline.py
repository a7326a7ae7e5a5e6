"""A deadline that holds: the caller goes on, whatever the call does.

In: a call that may never return: a resolver that is a black hole, a server that sends one byte a second.
Out: what it returned or raised, or `Overdue`. Timeouts of a socket bound each wait on it, not their sum, and
no wait for a name; so the call runs in a thread of its own, which is left behind when its time is up. How
many may be left behind at once is bounded: beyond it, calls are refused without being made.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["Deadlines", "Overdue"]

T = TypeVar("T")


class Overdue(Exception):
    """A call did not return in time, and may still have its effect."""


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
        answer: queue.SimpleQueue[tuple[bool, object]] = queue.SimpleQueue()

        def work() -> None:
            try:
                answer.put((True, call()))
            except BaseException as problem:  # noqa: BLE001 - whatever it is, it is the caller's
                answer.put((False, problem))

        # A daemon: a thread that never ends must not keep the process from ending.
        thread = threading.Thread(target=work, daemon=True, name="onepath-call")
        thread.start()
        try:
            done, value = answer.get(timeout=seconds)
        except queue.Empty:
            self._behind.append(thread)
            raise Overdue(f"no end after {seconds:g} s") from None
        if not done:
            raise cast("BaseException", value)
        return cast("T", value)
