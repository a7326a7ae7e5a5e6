"""Let the engine take the bars that are over, in time, and with as many symbols as come in time.

In: what the vendor has, the hours, habits. Out: the runner, some bars further; whether the bar that is due is
among them.

1. Bars before the one that is due are taken as they are: they had their time. Nothing is entered for them.
2. The bar that is due is waited for (`live.waiting`), `Habits.wait` long from when it is asked for; then
   it is taken without the symbols that have none. Exits and protection are served meanwhile.
3. What closed after it stays where it is: some of its symbols may be still to come.

A bar that comes after its instant was taken is left out for ever: the engine knows what was known then, and a
backtest over the journal's bars knows the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from live.rows import utc_of
from live.waiting import Waiting
from research.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import polars as pl

    from live.arrivals import Arrivals
    from live.habits import Habits
    from live.runner import Runner
    from live.schedule import Schedule

__all__ = ["Taking"]


class Taking:
    """Take bars.

    Parameters
    ----------
    runner : Runner
    arrivals : Arrivals
    habits : Habits
    tell : callable
        Given kind, text and symbol; said once while it lasts.
    """

    def __init__(
        self, runner: Runner, arrivals: Arrivals, habits: Habits, tell: Callable[[str, str, str], None]
    ) -> None:
        self._runner, self._arrivals, self._habits, self._tell = runner, arrivals, habits, tell
        self._waiting = Waiting()

    @property
    def last(self) -> datetime | None:
        """The close of the last bar taken."""
        last = self._runner.engine.last_bar
        return None if last is None else utc_of(last)

    def take(self, now: datetime, schedule: Schedule) -> bool:
        """Take the bars that are over; False while one that is due has not come.

        Raises
        ------
        Unreachable
        """
        last = self.last
        due = schedule.due(now - self._habits.settle)
        if last is None or due is None or due <= last:
            return True
        news = self._arrivals.since(last, now, schedule.hours)
        for event in news.events:
            self._runner.journal.tell(event, bar=self._runner.bar)
        try:
            return self._taken(*news.until(due), news.anchor, news.behind, due, now)
        except DataError as problem:
            # The vendor contradicts itself. It may mend that; until then no bar is taken and nothing entered.
            self._tell("bars refused", str(problem), "")
            return False

    def _taken(
        self,
        older: Sequence[pl.DataFrame],
        newest: pl.DataFrame | None,
        anchor: pl.DataFrame,
        behind: frozenset[str],
        due: datetime,
        now: datetime,
    ) -> bool:
        """Take what may be taken; False without the bar that is due."""
        if older:
            self._tell(
                "catching up", f"{len(older)} bars are caught up with; nothing is entered for them", ""
            )
            self._anchored(anchor)
        for block in older:
            self._step(block)
        engine, bar = self._runner.engine, self._runner.bar + 1
        there = set() if newest is None else set(newest["symbol"].to_list())
        lacking = self._waiting.lacking(
            set(engine.symbols), there, absent=self._runner.absent, behind=behind, bar=bar
        )
        if lacking and now < due + self._habits.settle + self._habits.wait:
            self._tell(
                "late bar", f"no bar of {due:%Y-%m-%d %H:%M} UTC yet: {', '.join(sorted(lacking))}", ""
            )
            return False
        if newest is None:
            self._tell("no bars", f"the vendor has no bar since {self.last:%Y-%m-%d %H:%M} UTC; waiting", "")
            return False
        if not older:
            self._anchored(anchor)
        self._step(newest)
        self._waiting.gave_up(lacking, bar)
        return True

    def _anchored(self, anchor: pl.DataFrame) -> None:
        if anchor.height:
            self._runner.engine.reanchor(anchor)

    def _step(self, block: pl.DataFrame) -> None:
        self._runner.step(block)
        self._waiting.came(set(block["symbol"].to_list()))
