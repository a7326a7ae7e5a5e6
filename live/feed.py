"""Where the runner's bars come from, one instant at a time.

In: a bar table. Out: blocks of it, each holding the bars of one instant, oldest first. Bars of a vendor come
by `live.arrivals`, which the trader asks and hands on one instant at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Feed", "ReplayFeed"]


class Feed(Protocol):
    """What the runner asks of a feed."""

    def after(self, last: np.datetime64 | None) -> Iterator[pl.DataFrame]:
        """Yield the bars of each instant later than `last`, oldest first.

        Ends when there is none left; a live feed waits instead.
        """
        ...


class ReplayFeed:
    """Old bars as if they came in now.

    Parameters
    ----------
    bars : DataFrame
        A bar table.
    symbols : sequence of str
        Which of it.
    end : datetime64
        The last instant to give.

    Examples
    --------
    >>> from research.data.sample import load_sample
    >>> feed = ReplayFeed(load_sample(), ["AAPL", "IBM"], np.datetime64("2000-03-03", "us"))
    >>> [block.height for block in feed.after(None)]
    [2, 2]
    """

    def __init__(self, bars: pl.DataFrame, symbols: Sequence[str], end: np.datetime64) -> None:
        wanted = bars.filter(pl.col("symbol").is_in(list(symbols))).sort("bar_close", maintain_order=True)
        closes: NDArray[np.datetime64] = wanted["bar_close"].to_numpy().astype("datetime64[us]")
        stop = int(np.searchsorted(closes, end, side="right"))
        self._bars, closes = wanted[:stop], closes[:stop]
        self.instants, first = np.unique(closes, return_index=True)
        self._edges = np.append(first, len(closes))

    def before(self, instant: np.datetime64) -> pl.DataFrame:
        """Return every bar earlier than an instant, as one block."""
        return self._bars[: int(self._edges[np.searchsorted(self.instants, instant)])]

    def until(self, last: np.datetime64 | None) -> pl.DataFrame:
        """Return every bar up to an instant, as one block."""
        return self._bars[: int(self._edges[self._next(last)])]

    def count_after(self, last: np.datetime64 | None) -> int:
        """Return how many instants are left."""
        return len(self.instants) - self._next(last)

    def after(self, last: np.datetime64 | None) -> Iterator[pl.DataFrame]:
        """Yield the bars of each instant later than `last`, oldest first."""
        for i in range(self._next(last), len(self.instants)):
            yield self._bars[int(self._edges[i]) : int(self._edges[i + 1])]

    def _next(self, last: np.datetime64 | None) -> int:
        return 0 if last is None else int(np.searchsorted(self.instants, last, side="right"))
