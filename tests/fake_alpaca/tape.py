"""What the market does: bars as the events of their open and their end, and the actions between sessions.

In: a bar table. Out: per instant which bars end and which begin, splits and dividends by date, and the bars
themselves for the data routes. What clients are *shown* of it is `views`; fills come from here alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from research.data.adjust import corporate_actions
from tests.fake_alpaca.sessions import EASTERN, Calendar

AFTERWARDS = timedelta(days=100)


@dataclass(frozen=True)
class Bar:
    """One bar; prices are raw USD, `factor` and `split_factor` adjust them up to an anchor."""

    symbol: str
    begin: datetime  # when it opens, UTC
    end: datetime  # when it is complete
    label: datetime  # what the API calls `t`: midnight in New York for a daily bar, else `begin`
    open: float
    high: float
    low: float
    close: float
    volume: float
    factor: float = 1.0
    split_factor: float = 1.0


@dataclass(frozen=True)
class Action:
    """A split (new shares per old) or a cash dividend (USD per share), effective before an open."""

    symbol: str
    ex_date: date
    split: float = 1.0
    dividend: float = 0.0


class Tape:
    """Bars by symbol and by instant.

    Parameters
    ----------
    bars : DataFrame
        A bar table of one interval; with `adj_factor`, splits and dividends are read from it.
    calendar : Calendar
        Of daily bars it gives the opening.
    """

    def __init__(self, bars: pl.DataFrame, calendar: Calendar) -> None:
        self.calendar = calendar
        self.bars: dict[str, list[Bar]] = {}
        self.actions: list[Action] = []
        self.interval = _interval(bars)
        for frame in bars.partition_by("symbol", maintain_order=True):
            self._read(frame.sort("bar_close"))
        self.symbols = list(self.bars)
        self._ends = {s: [b.end for b in found] for s, found in self.bars.items()}
        self.begins_at: dict[datetime, list[Bar]] = defaultdict(list)
        self.ends_at: dict[datetime, list[Bar]] = defaultdict(list)
        for found in self.bars.values():
            for bar in found:
                self.begins_at[bar.begin].append(bar)
                self.ends_at[bar.end].append(bar)
        self.first = min(found[0].begin for found in self.bars.values())
        self.last = max(found[-1].end for found in self.bars.values())
        # Sessions go on after the last bar, so that orders expire.
        sessions = calendar.between(self.first.date() - timedelta(days=1), self.last.date() + AFTERWARDS)
        edges = {edge for session in sessions for edge in (session.open, session.close)}
        self.instants = sorted({*self.begins_at, *self.ends_at, *edges})

    @property
    def daily(self) -> bool:
        """Whether a bar is a whole session."""
        return self.interval >= timedelta(hours=20)

    def _read(self, frame: pl.DataFrame) -> None:
        symbol = str(frame["symbol"][0])
        closes = [c.replace(tzinfo=UTC) for c in frame["bar_close"].to_list()]
        n = len(closes)
        factor = frame["adj_factor"].to_numpy() if "adj_factor" in frame.columns else np.ones(n)
        close = frame["close"].to_numpy()
        ratio = np.ones(n)
        ratio[1:] = factor[1:] / factor[:-1]
        _, split, dividend = corporate_actions(ratio, np.concatenate([close[:1], close[:-1]]))
        split_factor = np.cumprod(split)
        prices = (frame[c].to_list() for c in ("open", "high", "low", "close", "volume"))
        found = []
        for i, (end, o, h, lo, c, v) in enumerate(zip(closes, *prices, strict=True)):
            begin, label = self._begin(end)
            found.append(Bar(symbol, begin, end, label, o, h, lo, c, v, factor[i], split_factor[i]))
            if split[i] != 1.0 or dividend[i] != 0.0:
                day = begin.astimezone(EASTERN).date()
                self.actions.append(Action(symbol, day, float(split[i]), float(dividend[i])))
        self.bars[symbol] = found

    def _begin(self, end: datetime) -> tuple[datetime, datetime]:
        if not self.daily:
            return end - self.interval, end - self.interval
        day = (end - timedelta(microseconds=1)).astimezone(EASTERN)
        midnight = day.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        session = self.calendar.on(day.date())
        return (session.open if session else end - timedelta(hours=6.5)), midnight

    def known(self, symbol: str, now: datetime) -> list[Bar]:
        """Return the bars of a symbol that are complete at an instant."""
        return self.bars[symbol][: bisect_right(self._ends[symbol], now)]

    def forming(self, symbol: str, now: datetime) -> Bar | None:
        """Return the bar of a symbol that has begun and not ended."""
        i = bisect_right(self._ends[symbol], now)
        found = self.bars[symbol]
        return found[i] if i < len(found) and found[i].begin <= now else None

    def after(self, now: datetime) -> datetime | None:
        """Return the next instant at which anything happens."""
        i = bisect_right(self.instants, now)
        return self.instants[i] if i < len(self.instants) else None


def _interval(bars: pl.DataFrame) -> timedelta:
    """Return the commonest gap between bars of a symbol; a day for anything of 20 hours and more."""
    gaps: Counter[timedelta] = Counter()
    for frame in bars.partition_by("symbol"):
        gaps.update(frame["bar_close"].sort().diff().drop_nulls().to_list())
    return gaps.most_common(1)[0][0] if gaps else timedelta(days=1)
