"""The thin loop: a bar comes, the engine advances, the journal is written, orders are sent.

In: an engine, a broker, a feed and a journal. Out: the journal, one bar further.
``python -m live.runner --replay --strategy adaptive_momentum`` drives it over old bars.

For each bar, in this order:

1. The engine takes the bar; the broker says what it did to the orders that waited.
2. One transaction writes the bar, its decisions, fills and orders, and the engine's state.
3. Only then are the orders sent, and what the broker said is written.

A broker that executes nothing for real may let several bars share a transaction
(`bars_per_commit`): a kill then costs those bars, which come out the same again.

Starting is recovering: whatever the journal holds unsent is sent first, whether the
last run ended or was killed.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before the imports below, so that Ctrl-C is one line while they are loaded, numpy above all.
    from research.console import start

    start("live.cli", name="python -m live.runner")

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from live.book import Book
from live.rows import Event, record_of
from research.errors import OutputError
from research.kernels.account import A_BARS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from live.broker import Broker
    from live.feed import Feed
    from live.journal import Journal
    from live.orders import Order
    from live.rows import BarRecord
    from research.engine import UnifiedTradingEngine

__all__ = ["Runner"]


class Runner:
    """Carry one engine and its journal forward, bar by bar.

    Parameters
    ----------
    engine : UnifiedTradingEngine
        In the state that the journal's snapshot holds.
    broker : Broker
    feed : Feed
    journal : Journal
        Begun.
    """

    def __init__(self, engine: UnifiedTradingEngine, broker: Broker, feed: Feed, journal: Journal) -> None:
        self.engine, self.broker, self.feed, self.journal = engine, broker, feed, journal
        self.book = Book(broker.prefix, engine.strategy.name, journal.orders("open"))
        self._absent = journal.absent()
        self._unwritten: list[BarRecord] = []

    def run(
        self,
        *,
        most: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        on_bar: Callable[[], None] = lambda: None,
    ) -> int:
        """Take bars until there is none left, `most` are taken, or `stop` says so after a bar.

        Parameters
        ----------
        most : int, optional
        stop : callable
            Asked before each bar; a bar that has begun is always finished.
        on_bar : callable
            Called after each bar.

        Returns
        -------
        int
            Bars taken.

        Raises
        ------
        OutputError
            The journal cannot be written: no order is sent without it.
        """
        taken = 0
        try:
            self._send(self.journal.orders("unsent"))
            for bars in self.feed.after(self.engine.last_bar):
                if stop() or taken == most:
                    break
                self.step(bars)
                taken += 1
                on_bar()
            self.commit()
        except OutputError:
            raise  # the journal cannot be written, so there is nobody to tell
        except Exception as problem:
            # The outermost loop: whatever ends a run, foreseen or not, is told before it ends.
            with suppress(OutputError):  # what is raised is the first failure, not that of telling it
                self.journal.tell(Event("failed", f"{type(problem).__name__}: {problem}"))
            raise
        return taken

    def step(self, bars: pl.DataFrame) -> None:
        """Take the bars of one instant, and commit unless more bars share the transaction."""
        brought = self.engine.advance(bars, fill=self.broker.fill)
        record = record_of(brought, self.engine.account, self.engine.strategy, self.book, self._absent)
        self.book.put(record.orders)
        self._unwritten.append(record)
        if len(self._unwritten) >= self.broker.bars_per_commit:
            self.commit()

    def commit(self) -> None:
        """Write the bars taken since the last commit, and send the orders that they left unsent."""
        if not self._unwritten:
            return
        written = self.broker.booked(self._unwritten[-1].bar)
        self.journal.record(self._unwritten, self.engine.snapshot(), *written)
        latest = {order.id: order for record in self._unwritten for order in record.orders}
        self._unwritten = []
        self._send(order for order in latest.values() if not order.sent)

    @property
    def absent(self) -> set[str]:
        """Symbols that had bars once and had none in the last one."""
        return set(self._absent)

    @property
    def bar(self) -> int:
        """Index of the last bar taken."""
        return int(self.engine.account.totals[A_BARS]) - 1

    def _send(self, orders: Iterable[Order]) -> None:
        """Tell the broker of orders that are on disk, and write what it said."""
        told = [order.told(self.broker.send(order)) for order in orders]
        if told:
            self.journal.update(told)
            self.book.put(told)
