"""The course of a run at an account: look after look until a stop, then until nothing is half done.

In: a trader, and how to wait. Out: nothing but what the looks did; whatever ends the run is told before.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from live.ending import Ending
from live.rows import Event
from research.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from live.trader import Trader
    from live.world import Picture

__all__ = ["looks"]


def looks(
    trader: Trader,
    *,
    stop: Callable[[], bool],
    wait: Callable[[float], object],
    poll: float,
    on_tick: Callable[[], None],
    once: bool,
) -> None:
    """Look until a run ends; parameters and errors as of `Trader.run`."""
    trader.ending, trader.enters = False, True
    try:
        while not stop():
            trader.tick()
            on_tick()
            if once:
                break
            if not stop():
                wait(poll)
        _end(trader, stop, wait, poll, on_tick, once=once)
        trader.goodbye()
    except OutputError:
        raise  # the journal or the limits cannot be written, so there is nobody to tell
    except Exception as problem:
        # The outermost loop: whatever ends a run, foreseen or not, is told before it ends.
        with suppress(OutputError):  # what is raised is the first failure, not that of telling it
            trader.runner.journal.tell(Event("failed", f"{type(problem).__name__}: {problem}"))
        raise


def _end(
    trader: Trader,
    stop: Callable[[], bool],
    wait: Callable[[float], object],
    poll: float,
    on_tick: Callable[[], None],
    *,
    once: bool,
) -> None:
    """Look on while something is half done, and tell what is left of it."""

    def look() -> Picture | None:
        trader.enters = once and not stop()
        trader.tick()
        on_tick()
        return trader.seen

    trader.thrown()  # by what came after the last look
    trader.ending = True
    runner = trader.runner
    ending = Ending(trader.tracks, runner.book, runner.engine, trader.limits)
    left = ending.finish(trader.seen, look, wait=wait, poll=poll, tell=runner.journal.tell)
    if left:
        ends = (replace(event, text=f"{event.text}, and the run ends") for event in left)
        runner.journal.tell(*ends, bar=runner.bar)
        on_tick()
