"""Fill a `BarStore` from Alpaca, resumably: what is stored is not asked for again.

In: symbols, a first day, a store. Out: what each symbol brought.

1. The store says what its bars are (`research.data.provenance`); others are refused.
2. A symbol of which no bar can have been completed since is left in peace: no request.
3. The others are asked for in windows of some pages each. A window is written whole before the next one is
   asked for, so an interruption costs one window at most.
4. A stored symbol goes on from its last bar, which is asked for once more: where splits and dividends have
   re-based `adj_factor` since, it is the anchor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from live.line import Line
from live.schedule import LENGTHS
from live.vendor import INTERVALS, fetch
from research.data.provenance import Origin, Provenance
from research.data.sessions import sessions
from research.data.store import BarStore
from research.errors import BadValue

__all__ = ["Filled", "fill_store"]

# Days that some pages of ten thousand bars hold, extended hours included.
_WINDOW: Final = {"1Day": 36525, "1Hour": 2000, "30Min": 1000, "15Min": 500, "5Min": 150, "1Min": 30}
_LONGEST: Final = timedelta(days=200 * 365)
_LATE: Final = timedelta(hours=1)  # so long the vendor may take until a bar is there


@dataclass(frozen=True)
class Filled:
    """What one symbol brought.

    Attributes
    ----------
    symbol : str
    new : int
        Bars that were not stored before.
    stored : int
        Bars that are stored now.
    faults : tuple of str
        Bars that were left out, and why.
    asked : bool
        False: there was nothing to ask for.
    """

    symbol: str
    new: int
    stored: int
    faults: tuple[str, ...]
    asked: bool = True


def fill_store(
    line: Line,
    store: BarStore,
    symbols: Sequence[str],
    start: date,
    end: datetime,
    *,
    interval: str = "1Day",
    feed: str = "iex",
    host: str | None = None,
    on_symbol: Callable[[Filled], None] | None = None,
    on_window: Callable[[str, datetime], None] | None = None,
    **more: Any,
) -> list[Filled]:
    """Ask for every bar of some symbols that is not stored yet.

    Parameters
    ----------
    line : Line
        To the data host; a `live.line.Unhurried` one waits out the rate limit.
    store : BarStore
    symbols : sequence of str
    start : date
        The first day of symbols that are not stored.
    end : datetime
        UTC; bars that end later are left out.
    interval, feed : str
        As for `live.vendor.fetch`.
    host : str or None
        A broker on this machine that `line` leads to; None: Alpaca's own.
    on_symbol : callable, optional
        Told of each symbol when its bars are on disk.
    on_window : callable, optional
        Told symbol and instant when all bars up to it are on disk.
    **more
        Further arguments of `live.vendor.fetch`.

    Returns
    -------
    list of Filled
        A symbol of which the vendor says nothing has no bars.

    Raises
    ------
    Unreachable, KeysRefused, BadValue
        As `live.vendor.fetch`; what was written before stays.
    BadValue
        A store of another interval, feed, adjustment or server.
    DataError
        Stored bars that the vendor now tells otherwise.
    """
    if interval not in INTERVALS:
        raise BadValue(f"`interval` must be one of {', '.join(INTERVALS)}, was {interval!r}")
    told = Provenance(store.path)
    origin = Origin(interval, feed, host=host)
    told.require(origin)
    out = []
    for symbol in dict.fromkeys(symbols):
        filler = _Filler(line, store, told, symbol, start, origin, more)
        if filler.complete(end):
            out.append(Filled(symbol, 0, filler.stored, tuple(filler.before()), asked=False))
        else:
            for until in filler.windows(end):
                if on_window is not None:
                    on_window(symbol, until)
            faults = tuple(dict.fromkeys((*filler.before(), *filler.faults)))
            out.append(Filled(symbol, filler.new, filler.stored, faults))
        if on_symbol is not None:
            on_symbol(out[-1])
    return out


class _Filler:
    """One symbol on its way into a store."""

    def __init__(
        self,
        line: Line,
        store: BarStore,
        told: Provenance,
        symbol: str,
        start: date,
        origin: Origin,
        more: dict[str, Any],
    ) -> None:
        self._line, self._store, self._told, self._origin = line, store, told, origin
        self._what = {"interval": origin.interval, "feed": origin.feed, **more}
        self._symbol, self._start = symbol, start
        held = store.read([symbol])["bar_close"] if symbol in store.symbols() else pl.Series([])
        last = held.max()
        self._last = last if isinstance(last, datetime) else None
        self.stored, self.new = len(held), 0
        self.faults: list[str] = []

    def before(self) -> Iterator[str]:
        """Say if earlier bars are asked for than those that the store began with."""
        asked = self._told.asked(self._symbol)
        if self._last is not None and asked is not None and self._start < asked[0]:
            yield (
                f"{self._symbol}: bars before {asked[0]}, the day from which on it is stored; fetch them "
                "into another folder"
            )

    def complete(self, end: datetime) -> bool:
        """Say whether no bar can have been completed since those that are stored, or were asked for."""
        asked = self._told.asked(self._symbol)
        since = [] if self._last is None else [self._last]
        if asked is not None and (self._last is not None or asked[0] <= self._start):
            since.append(asked[1] - _LATE)
        return bool(since) and not _may_have_closed(max(since), end, LENGTHS[self._what["interval"]])

    def windows(self, end: datetime) -> Iterator[datetime]:
        """Write window after window; yield up to where."""
        length = timedelta(days=_WINDOW[self._what["interval"]])
        asked = self._told.asked(self._symbol)
        first = begin = self._start
        if asked is not None and (self._last is not None or asked[0] <= self._start):
            first = asked[0]
            begin = max(begin, asked[1].date() - timedelta(days=1))  # if there is no bar, none comes before
        if self._last is not None:
            begin = self._last.date()
        span = length
        while True:
            until = min(end, datetime.combine(begin, time(), UTC) + span)
            if self._written(begin, until):
                assert self._last is not None
                begin, span = self._last.date(), length
            else:
                # The next window must reach back to the last bar, the anchor: a silence makes it longer.
                span = min(2 * span, _LONGEST if self._last is not None else 8 * length)
                if self._last is None:
                    begin = until.date()
            self._told.note(self._symbol, first, until)
            yield until
            if until >= end:
                return

    def _written(self, begin: date, until: datetime) -> bool:
        """Fetch and write one window; say whether it brought anything new."""
        told = fetch(self._line, [self._symbol], begin, until, **self._what)
        self.faults += told.faults
        last, bars = self._last, told.bars
        if last is not None:
            # What was stored stays; of the old bars only the anchor is written again, which changes nothing.
            bars = bars.filter(pl.col("bar_close") >= last)
        self._told.claim(self._origin)
        if bars.height:
            self._store.write(bars)
        new = bars.height if last is None else bars.filter(pl.col("bar_close") > last).height
        if new:
            newest = bars["bar_close"].max()
            assert isinstance(newest, datetime)
            self._last = newest
        self.new += new
        self.stored += new
        return bool(new)


def _may_have_closed(since: datetime, end: datetime, length: timedelta | None) -> bool:
    """Say whether a bar of a session can have closed after an instant and up to another."""
    known = sessions("XNYS")
    after, until = (np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us") for at in (since, end))
    if until > known.closes[-1]:
        return True
    if length is None:
        return bool(((known.closes > after) & (known.closes <= until)).any())
    step = np.timedelta64(min(length, timedelta(minutes=30)), "us")  # an hour may be cut to its half
    return bool((np.maximum(known.opens, after) + step <= np.minimum(known.closes, until)).any())
